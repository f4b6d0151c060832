//! Flags of `evaluate pairs`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use shared::cli::UsageError;
use shared::direction::Direction;
use shared::metrics::extract::DEFAULT_BATCH;
use shared::metrics::lpips::Backbone;
use shared::nn::device::DeviceChoice;
use shared::nn::run::Which;

use super::conventions::weights_file;
use crate::inputs::matched::Matching;
use crate::measure::paired::{LpipsChoice, PairedOptions};
use crate::protocols::conventions::WeightsFile;
use crate::protocols::{Conventions, Protocol};

/// The protocol of a command whose numbers depend on none.
const USUAL: &str = "torch-fidelity";

const EXAMPLES: &str = "\
Examples:
  evaluate pairs --real maps --fake runs/maps                      the run translates the val split of a data set of pairs
  evaluate pairs --real maps --fake out.zip --direction BtoA       what `sample translate` wrote, or another program
  evaluate pairs --real targets/ --fake out/ --train train-targets/
  evaluate pairs --real maps --fake runs/maps --json               one line for each picture, then the means
  evaluate --real targets/ --fake out/ --metrics kid,fid           the two sets as wholes

L1, PSNR and SSIM reward a blank picture, so the values of two constant colours stand below them.";

/// Flags of `evaluate pairs`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct PairsArgs {
    /// Targets: a data set of pairs, or pictures: a data set, a folder, a zip or tar file
    #[arg(long, value_name = "DATASET|FOLDER|ZIP")]
    real: PathBuf,
    /// Translations: a run, which translates the sources of --real, or any of the above
    #[arg(long, value_name = "RUN|DATASET|FOLDER|ZIP")]
    fake: PathBuf,
    /// Training targets, whose median and mean colour are the floors [default: the train split of
    /// --real]
    #[arg(long, value_name = "DATASET|FOLDER|ZIP")]
    train: Option<PathBuf>,
    /// Split of a data set
    #[arg(long, default_value = "val")]
    split: String,
    /// Direction of the translation, AtoB or BtoA: which pictures of pairs are targets, and which
    /// generator of a run that has two translates [default: that of the run, else AtoB]
    #[arg(long)]
    direction: Option<Direction>,
    /// Partners have the same name (without suffix), or the same place in the order of names
    #[arg(long = "match", value_enum, default_value_t = MatchFlag::Name, value_name = "name|order")]
    matching: MatchFlag,
    /// Checkpoint of a run: best, latest, or a step
    #[arg(long, default_value = "best")]
    checkpoint: Which,
    /// Network of LPIPS: vgg16, squeezenet, or off [default: vgg16, if its weights are stored]
    #[arg(long, value_name = "NETWORK", value_parser = network)]
    lpips: Option<LpipsChoice>,
    /// Weights of LPIPS, .pth or .safetensors: NAME=FILE with the names of `evaluate weights`
    /// [default: those stored by `evaluate weights --fetch vgg16 lpips-vgg`]
    #[arg(long, value_name = "NAME=FILE")]
    weights: Vec<String>,
    /// auto, cpu, cuda, cuda:INDEX or cubecl-cpu (`train devices` lists them)
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// Print one JSON object for each picture and each mean instead of a table
    #[arg(long)]
    json: bool,
}

/// `--match`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum MatchFlag {
    /// The same name, but for suffix and common folders.
    Name,
    /// The same place in the order of names.
    Order,
}

fn network(text: &str) -> Result<LpipsChoice, String> {
    if text == "off" {
        return Ok(LpipsChoice::Off);
    }
    let backbone = text.parse::<Backbone>();
    backbone.map(LpipsChoice::Over).map_err(|_| "expected vgg16, squeezenet or off".into())
}

impl PairsArgs {
    /// Checks what clap cannot.
    ///
    /// # Errors
    /// When weights are not named.
    pub fn into_options(self) -> Result<PairedOptions, UsageError> {
        let weights: Vec<WeightsFile> =
            self.weights.iter().map(|text| weights_file(text)).collect();
        if let Some(unnamed) = weights.iter().find(|file| file.network.is_none()) {
            return Err(UsageError(format!(
                "--weights {0}: LPIPS has two files; expected NAME={0} with a name of `evaluate weights`",
                unnamed.path.display()
            )));
        }
        let conventions = Conventions {
            protocols: vec![Protocol::of(USUAL)?],
            network: None,
            layer_name: None,
            weights,
            batch: DEFAULT_BATCH,
            seed: 0,
            device: self.device,
            cache: false,
        };
        Ok(PairedOptions {
            real: self.real,
            fake: self.fake,
            train: self.train,
            split: self.split,
            direction: self.direction,
            matching: match self.matching {
                MatchFlag::Name => Matching::Name,
                MatchFlag::Order => Matching::Order,
            },
            checkpoint: self.checkpoint,
            lpips: self.lpips.unwrap_or(LpipsChoice::IfStored),
            conventions,
            json: self.json,
        })
    }
}
