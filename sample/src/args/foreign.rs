//! Flags of other programs, with their equivalents here.

use shared::cli::foreign::{Foreign, Value, none, own, same};
use shared::cli::{Program, no_settings};

/// The program `sample` for the parser of command lines.
pub const PROGRAM: Program = Program {
    name: "sample",
    foreign: &FOREIGN,
    settings: no_settings,
    usual: "sample images RUN --out fakes.zip",
};

/// Flags of StyleGAN's `generate.py`, `gen_images.py`, `gen_video.py` and `style_mixing.py`, EDM,
/// lightweight-gan, the `test.py` of pix2pix and CycleGAN, and scripts.
const FOREIGN: [Foreign; 19] = [
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
    same(
        &["outdir", "output", "outputdir", "dest", "o", "savedir", "resultsdir", "outf", "outpath"],
        "--out {}",
        "fakes.zip",
    ),
    same(&["trunc", "truncationpsi", "psi", "truncpsi", "threshold"], "--truncation {}", "0.7")
        .note("with styles it is psi, otherwise it limits values of latent vectors"),
    same(&["classidx", "label", "classes", "y", "classlabel"], "--class {}", "0"),
    same(&["seed", "s", "rows"], "--seeds {}", "0-15"),
    same(
        &[
            "numimages",
            "num",
            "numsamples",
            "nsamples",
            "count",
            "samples",
            "ntest",
            "numtest",
            "numimagesgenerate",
        ],
        "-n {}",
        "5000",
    ),
    same(&["dataroot", "inputdir", "inputfolder", "testroot"], "--input {}", "photos"),
    own(&["eval"], "--norm running --dropout off", "of `sample translate`"),
    same(&["noisemode"], "--noise {}", "random").note("of generators with styles"),
    same(&["colstyles"], "--styles {}", "0-3"),
    none(&["translate", "rotate", "stylesfrom", "projectedw"], "the generator has no such feature"),
    none(
        &["batch", "batchsize", "maxbatchsize", "bs"],
        "a picture is the same at every batch size, which is chosen automatically",
    ),
    same(&["step", "loadfrom", "epoch", "iteration", "resume"], "--checkpoint {}", "latest")
        .note("best, latest or a step"),
    same(&["gpu", "gpuid", "gpuids"], "--device {}", "").value(Value::GpuNumbers),
    own(&["cuda", "gpus", "ngpu"], "--device auto", "it is the default and takes one"),
    own(&["cpu", "nocuda"], "--device cpu", ""),
    same(&["wframes", "numframes", "interpolationnumsteps"], "--frames {}", "120"),
    same(&["z", "latent", "vectors", "npz"], "--latents {}", "z.npy"),
    same(&["ncols", "nrow", "cols", "colseeds", "numimagetiles"], "--columns {}", "8"),
];

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};
    use shared::testing::check_foreign;

    use super::super::Args;
    use super::*;

    #[test]
    fn every_answer_is_accepted() {
        let bases = ["grid", "images", "walk", "mix"].map(|command| {
            [
                vec!["sample", command, "r", "--out", "o"],
                vec!["sample", command, "r"],
                vec!["sample", command, "--out", "o"],
            ]
        });
        let translate = vec!["sample", "translate", "r", "--out", "o", "--input", "i"];
        let unnamed = vec!["sample", "translate", "r", "--out", "o"];
        let bases = [&bases[..], &[[translate, unnamed.clone(), unnamed]]].concat();
        let bases: Vec<&[&str]> = bases.iter().flatten().map(Vec::as_slice).collect();
        check_foreign(&PROGRAM, &Args::command(), &bases, |words| {
            Args::try_parse_from(words).is_ok()
        });
    }
}
