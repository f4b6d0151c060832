//! Flags of other tools for building data sets, with the equivalents of `prep`.

use shared::cli::foreign::{Foreign, none, own, same};
use shared::cli::{Program, no_settings};

/// The command line of `prep`.
pub const PROGRAM: Program = Program {
    name: "prep",
    foreign: &FOREIGN,
    settings: no_settings,
    usual: "prep build SOURCE --out DIR",
};

/// Equivalents in `prep build`: for `dataset_tool.py` (StyleGAN, EDM), the folder loaders of Keras
/// and torchvision, img2dataset, and common scripts.
const FOREIGN: [Foreign; 14] = [
    same(
        &[
            "source", "src", "input", "inputdir", "in", "datadir", "data", "dataroot", "path",
            "imagedir", "images", "folder", "i",
        ],
        "{}",
        "pictures/",
    ),
    same(
        &["dest", "output", "outputdir", "outdir", "dst", "target", "savedir", "o", "to"],
        "--out {}",
        "birds64",
    ),
    same(
        &[
            "width",
            "height",
            "resolution",
            "imagesize",
            "imgsize",
            "res",
            "resize",
            "s",
            "imsize",
            "targetsize",
        ],
        "--size {}",
        "64",
    )
    .note("pictures are square"),
    own(&["transform"], "--crop center", "the square in the middle; --help lists the other crops"),
    own(&["centercrop"], "--crop center", ""),
    own(&["centercropwide", "letterbox"], "--crop pad", "all of the picture, with bars"),
    own(&["keepaspectratio", "shorterside", "randomcrop"], "--crop shorter-side", ""),
    own(&["resizefilter", "interpolation", "filter"], "--resample lanczos", ""),
    none(
        &["maximages", "maxsamples", "limit", "subset", "n", "num"],
        "it takes all pictures; --classes takes some classes and --part 1/8 an eighth",
    ),
    same(
        &["workers", "numworkers", "threads", "numthreads", "j", "nproc", "processescount"],
        "--jobs {}",
        "4",
    ),
    same(
        &["validationsplit", "valsplit", "testsize", "valfrac", "valratio", "valsize"],
        "--val-fraction {}",
        "0.1",
    ),
    own(&["grayscale", "greyscale", "gray", "grey"], "--channels 1", ""),
    own(&["overwrite", "clobber", "y"], "--force", ""),
    same(&["randomseed", "rngseed"], "--seed {}", "1"),
];

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};
    use shared::testing::check_foreign;

    use super::*;
    use crate::cli::Args;

    #[test]
    fn every_answer_is_accepted() {
        let bases = [
            &["prep", "build", "x", "--out", "o"][..],
            &["prep", "build", "x"],
            &["prep", "build", "--out", "o"],
        ];
        check_foreign(&PROGRAM, &Args::command(), &bases, |words| {
            Args::try_parse_from(words).is_ok()
        });
    }
}
