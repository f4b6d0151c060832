//! Flags of other programs that render, with ours.

use shared::cli::foreign::{Foreign, Value, none, own, same};
use shared::cli::{Program, no_settings};

/// What `sample` knows about its command line beside its flags.
pub const PROGRAM: Program =
    Program { name: "sample", foreign: &FOREIGN, settings: no_settings, usual: "sample images RUN --out fakes.zip" };

/// Those of StyleGAN's `generate.py`, `gen_images.py`, `gen_video.py` and `style_mixing.py`, EDM, lightweight-gan, and scripts.
pub const FOREIGN: [Foreign; 16] = [
    same(
        &[
            "network",
            "networkpkl",
            "pkl",
            "ckpt",
            "model",
            "modelpath",
            "weights",
            "load",
            "run",
            "rundir",
            "g",
            "name",
            "checkpointpath",
        ],
        "{}",
        "runs/birds",
    ),
    same(&["outdir", "output", "outputdir", "dest", "o", "savedir", "resultsdir", "outf", "outpath"], "--out {}", "fakes.zip"),
    same(&["trunc", "truncationpsi", "psi", "truncpsi", "threshold"], "--truncation {}", "0.7")
        .note("a limit for values of latent vectors; there is no mean to draw them to"),
    same(&["classidx", "label", "classes", "y", "classlabel"], "--class {}", "0"),
    same(&["seed", "s", "rows"], "--seeds {}", "0-15"),
    same(&["numimages", "num", "numsamples", "nsamples", "count", "samples", "ntest", "numimagesgenerate"], "-n {}", "5000"),
    none(&["noisemode", "noise"], "the generator has no noise beside its latent vector"),
    none(
        &["translate", "rotate", "colstyles", "colseeds", "stylesfrom", "projectedw", "space"],
        "the generator has no such thing",
    ),
    none(&["batch", "batchsize", "maxbatchsize", "bs"], "a picture is the same at every batch size, which is chosen by itself"),
    same(&["step", "loadfrom", "epoch", "iteration", "resume"], "--checkpoint {}", "latest").note("best, latest or a step"),
    same(&["gpu", "gpuid", "gpuids"], "--device {}", "").value(Value::GpuNumbers),
    own(&["cuda", "gpus", "ngpu"], "--device auto", "it is the default and takes one"),
    own(&["cpu", "nocuda"], "--device cpu", ""),
    same(&["wframes", "numframes", "interpolationnumsteps"], "--frames {}", "120"),
    same(&["z", "latent", "vectors", "npz"], "--latents {}", "z.npy"),
    same(&["ncols", "nrow", "cols", "numimagetiles"], "--columns {}", "8"),
];

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};
    use shared::testing::check_foreign;

    use super::*;
    use crate::args::Args;

    #[test]
    fn every_answer_is_accepted() {
        let bases = ["grid", "images", "walk"].map(|command| {
            [vec!["sample", command, "r", "--out", "o"], vec!["sample", command, "r"], vec!["sample", command, "--out", "o"]]
        });
        let bases: Vec<&[&str]> = bases.iter().flatten().map(Vec::as_slice).collect();
        check_foreign(&PROGRAM, &Args::command(), &bases, |words| Args::try_parse_from(words).is_ok());
    }
}
