//! Flags of other programs, with their equivalents here.

use shared::cli::foreign::{Foreign, Value, none, own, same};
use shared::cli::{Program, no_settings};

/// The program `evaluate` for the parser of command lines.
pub const PROGRAM: Program = Program {
    name: "evaluate",
    foreign: &FOREIGN,
    settings: no_settings,
    usual: "evaluate --real A --fake B",
};

/// Flags of torch-fidelity, pytorch-fid, clean-fid, StyleGAN's `calc_metrics.py`, ADM's and EDM's
/// evaluators.
const FOREIGN: [Foreign; 27] = [
    same(
        &[
            "input1",
            "fdir1",
            "generated",
            "gen",
            "samples",
            "samplebatch",
            "images",
            "pred",
            "fakedir",
            "network",
            "genpath",
        ],
        "--fake {}",
        "fakes/",
    ),
    same(
        &[
            "input2",
            "fdir2",
            "reference",
            "ref",
            "refbatch",
            "data",
            "realdir",
            "gt",
            "datasetname",
            "refpath",
        ],
        "--real {}",
        "birds64",
    ),
    own(&["fid", "frechet", "computefid"], "--metrics fid", "separate several by commas"),
    own(&["kid", "computekid"], "--metrics kid", "separate several by commas"),
    own(&["isc", "inceptionscore", "is"], "--metrics is", "separate several by commas"),
    own(&["prc", "precisionrecall", "prdc", "pr"], "--metrics prdc", "separate several by commas"),
    own(&["ppl"], "--metrics ppl", "separate several by commas"),
    own(&["mind"], "--metrics mind", "separate several by commas"),
    own(&["metric"], "--metrics fid", "fid, kid, is, prdc and others, separated by commas"),
    same(&["gpu", "gpuid", "gpuids"], "--device {}", "").value(Value::GpuNumbers),
    own(&["cuda", "gpus", "numgpus"], "--device auto", "it is the default and takes one"),
    own(&["cpu", "nocuda"], "--device cpu", ""),
    same(&["dims", "dim", "featuredim"], "--layer {}", "768"),
    same(&["batchsize", "bs", "batchsz"], "--batch {}", "32"),
    none(&["samplesfinddeep", "recursive", "deep"], "subfolders are always read"),
    none(
        &["samplesfindext", "samplesextlossy", "ext", "extensions"],
        "all supported formats are read; skipped files are reported",
    ),
    own(&["mode"], "--protocol clean-fid", "evaluate protocols lists all conventions"),
    same(
        &["featureextractor", "modelname", "model", "backbone", "extractor"],
        "--features {}",
        "dinov2-vit-s-14",
    ),
    same(
        &["featureextractorweightspath", "inceptionpath", "weightspath"],
        "--weights {}",
        "inception.pth",
    ),
    same(&["kidsubsetsize", "kidmaxsubsetsize", "maxsubsetsize"], "--kid-subset-size {}", "100"),
    same(&["kidnumsubsets", "numsubsets", "kidsubsetcount"], "--kid-subsets {}", "10"),
    same(
        &["prcneighborhood", "prcneighbors", "neighborhood", "k", "nearestk", "nhoodsize"],
        "--neighbours {}",
        "5",
    ),
    same(&["rngseed", "randomseed", "s"], "--seed {}", "1"),
    same(&["num", "numimages", "numgen", "numsamples", "maxitems", "maxsamples"], "-n {}", "5000"),
    same(&["workers", "numworkers", "numthreads"], "--threads {}", "2"),
    none(&["savecpuram"], "memory is always bounded"),
    own(&["nocaching", "datasetsredownload", "cacheoff"], "--no-cache", ""),
];

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};
    use shared::testing::check_foreign;

    use super::*;
    use crate::args::Cli;

    #[test]
    fn every_answer_is_accepted() {
        let bases = [
            &["evaluate", "--real", "a", "--fake", "b"][..],
            &["evaluate", "--real", "a"],
            &["evaluate", "--fake", "b"],
        ];
        let accepted = |words: &[&str]| {
            Cli::try_parse_from(words).is_ok_and(|cli| cli.measure.into_options().is_ok())
        };
        check_foreign(&PROGRAM, &Cli::command(), &bases, accepted);
    }
}
