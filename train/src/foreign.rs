//! Flags of other trainers and their equivalents here. Those that are only names of settings
//! (`--lr`, `--nz`) are in `names`.

use shared::cli::Program;
use shared::cli::foreign::{Foreign, Value, none, own, same};
use shared::nn::preset;

/// The program's description for the command-line helper.
pub const PROGRAM: Program = Program {
    name: "train",
    foreign: &FOREIGN,
    settings: preset::meant,
    usual: "train --data DIR --out DIR",
};

/// Flags of StyleGAN2-ADA and 3, lightweight-gan, PyTorch's DCGAN example, pix2pix and CycleGAN,
/// PyTorch-GAN, Lightning and Keras scripts.
pub const FOREIGN: [Foreign; 35] = [
    same(
        &[
            "outdir",
            "resultsdir",
            "outf",
            "outputdir",
            "output",
            "logdir",
            "modelsdir",
            "checkpointsdir",
            "savedir",
            "rundir",
            "workdir",
        ],
        "--out {}",
        "runs/birds",
    ),
    same(
        &["dataroot", "datadir", "datapath", "dataset", "trainfolder", "imagedir", "imgdir"],
        "--data {}",
        "birds64",
    )
    .note("a data set built by `prep build`"),
    own(
        &[
            "resume",
            "resumefrom",
            "continue",
            "continuetrain",
            "loadfrom",
            "resumefromcheckpoint",
            "ckpt",
            "checkpoint",
            "loadckpt",
        ],
        "--init-from runs/birds",
        "starts from another run's weights; to resume a run, use train --out RUN",
    ),
    same(
        &["pretrained", "pretrainedmodel", "finetune", "initweights", "netg", "netd"],
        "--init-from {}",
        "runs/birds",
    ),
    same(&["gpus", "ngpu", "ngpus", "numgpus"], "--device {}", "").value(Value::GpuCount),
    same(&["gpu", "gpuid", "gpuids", "cudadevice", "visibledevices", "devices"], "--device {}", "")
        .value(Value::GpuNumbers),
    own(&["cuda", "usecuda", "multigpus", "multigpu"], "--device auto", "it is the default"),
    own(&["nocuda", "cpu", "cpuonly"], "--device cpu", ""),
    own(
        &["cfg", "model", "arch", "architecture", "recipe", "name"],
        "--preset gan-ada",
        "--list-presets lists all recipes",
    ),
    own(
        &["cond", "conditional", "classcond", "uselabels", "labels"],
        "--set cond=embedding+projection",
        "",
    ),
    own(
        &[
            "snap",
            "networksnapshotticks",
            "snapshotinterval",
            "saveepochfreq",
            "checkpointevery",
            "savefreq",
            "saveinterval",
            "ckptevery",
        ],
        "--set checkpoints.every=10",
        "in epochs; --save-every 10m counts time",
    ),
    own(
        &[
            "imgsnap",
            "imagesnapshotticks",
            "evaluateevery",
            "sampleinterval",
            "displayfreq",
            "sampleevery",
            "samplefreq",
        ],
        "--set samples.every=1",
        "in epochs",
    ),
    own(
        &["calculatefidevery", "metricsevery", "fidevery", "evalevery"],
        "--set evaluation.every=1",
        "in epochs; training measures KID",
    ),
    own(
        &["metrics", "metric"],
        "--set evaluation.every=1",
        "training measures KID; `evaluate` computes the other metrics",
    ),
    same(
        &["calculatefidnumimages", "numfidsamples", "fidsamples"],
        "--set evaluation.pictures={}",
        "1000",
    ),
    same(&["gamma", "r1"], "--set penalty.r1={} --set discriminator.norm=none", "10")
        .note("γ/2 of the squared gradient, as in StyleGAN"),
    same(&["freezed", "freezelayers"], "--freeze-d {}", "2"),
    none(
        &["batchgpu", "batchpergpu", "minibatchgpu"],
        "every device takes an equal part of the batch; --set schedule.accumulate=2 halves the \
         pictures that a device processes at once",
    ),
    same(
        &["workers", "numworkers", "nworkers", "numthreads", "nthreads", "dataloadernumworkers"],
        "--threads {}",
        "2",
    ),
    none(&["prefetchfactor", "pinmemory"], "batches are always prefetched"),
    none(
        &["imagesize", "imgsize", "resolution", "size", "loadsize", "cropsize", "imsize", "res"],
        "the data set determines the size: prep build SOURCE --out DIR --size 64",
    ),
    none(
        &[
            "inchannels",
            "nc",
            "inputnc",
            "outputnc",
            "imgchannels",
            "numchannels",
            "transparent",
            "greyscale",
            "grayscale",
        ],
        "the data set determines the channels: prep build SOURCE --out DIR --channels 1",
    ),
    none(&["nclasses", "numclasses", "nclass"], "the data set determines the classes"),
    none(
        &["desc", "experiment", "expname", "runname", "tag", "project"],
        "a run is named after its folder: --out",
    ),
    none(
        &["tick", "logevery", "loginterval", "printfreq", "verbose", "logfreq"],
        "progress is always shown and every epoch is logged",
    ),
    none(
        &["nobench", "tf32", "allowtf32", "deterministic", "cudnnbenchmark"],
        "--precision sets the precision of matrix products on GPUs",
    ),
    own(&["fp32"], "--precision f32", "it is the default"),
    own(&["bf16", "amp", "fp16", "mixedprecision", "usefp16"], "--precision bf16", ""),
    same(&["randomseed", "manualseed", "rngseed"], "--seed {}", "1"),
    own(&["xflip", "hflip", "flip", "randomflip", "horizontalflip", "auglr"], "--mirror", ""),
    none(&["mirrory", "yflip", "vflip"], "pictures are only mirrored left to right"),
    own(
        &["new", "overwrite", "clear", "force", "fresh"],
        "--restart",
        "deletes the contents of the run folder",
    ),
    none(
        &["subset", "maxsize", "maxdatasetsize", "maximages", "limit"],
        "training uses the whole split; prep build --classes selects classes",
    ),
    none(
        &["cbase", "cmax", "fmapmax", "fmapbase", "mapdepth", "wdim", "stylemixprob"],
        "--set generator.width and discriminator.width set the width of the networks",
    ),
    none(
        &["wandb", "usewandb", "tensorboard", "logger", "displayid", "visdom"],
        "TensorBoard event files are in the run folder; train report RUN writes an HTML page",
    ),
];

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};
    use shared::nn::config::Settings;
    use shared::testing::check_foreign;

    use super::*;
    use crate::args::Args;

    #[test]
    fn every_answer_is_accepted() {
        let bases = [
            &["train", "--data", "d", "--out", "o"][..],
            &["train", "--data", "d"],
            &["train", "--out", "o"],
        ];
        check_foreign(&PROGRAM, &Args::command(), &bases, |words| {
            let pairs = words.iter().zip(words.iter().skip(1));
            let settings: Vec<String> = pairs
                .filter(|(flag, _)| **flag == "--set")
                .map(|(_, set)| (*set).to_owned())
                .collect();
            Args::try_parse_from(words).is_ok()
                && Settings::resolve("gan-ada", None, &settings).is_ok()
        });
    }
}
