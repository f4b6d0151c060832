//! Command-line flags → [`Options`].

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};
use shared::cli::{Ending, UsageError};
use shared::dataset::Dataset;
use shared::direction::Direction;
use shared::nn::config::{Feed, Settings};
use shared::nn::device::list::Devices;
use shared::nn::devices::DeviceList;
use shared::nn::ops::Precision;
use shared::nn::preset;
use shared::nn::run::Run;
use shared::signal::Stop;
use shared::threads::ThreadsFlag;

use crate::check::command::CheckArgs;
use crate::data::feed::DataOn;
use crate::run::folder::{self, Earlier};
use crate::run::init::{self, Inherited, Source};
use crate::run::options::Options;
use crate::run::rehearsal;
use crate::run::remembered::Flags;
use crate::run::throughput::ThroughputArgs;
use crate::run::training;
use crate::tell::compare::CompareArgs;
use crate::tell::lists;
use crate::tell::preview::{Shape, preview_augment, summary};
use crate::tell::report::command::ReportArgs;
use crate::tell::status::StatusArgs;

/// Train a GAN on a data set built by `prep build`.
///
/// `train --out RUN` resumes a run where it stopped, however it stopped. Ctrl-C, TERM, HUP and XCPU
/// save a checkpoint and end the run (exit codes 130, 143, 129, 152; HUP is ignored under nohup).
/// USR1 and USR2 save a checkpoint and training continues. `kill -9` loses only the steps since the
/// last checkpoint. A terminal that disappears without a signal ends nothing. A run remembers its
/// data set, settings and flags: repeating a flag changes that one setting where that is allowed,
/// omitting it changes nothing. Only --threads and --no-lock apply to a single invocation.
#[derive(Debug, Parser)]
#[command(
    name = "train",
    version,
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    disable_help_subcommand = true
)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Recipe for a new run [default: gan-ada, or with --init-from the other run's recipe and all
    /// its settings].
    #[arg(long)]
    preset: Option<String>,
    /// Data set built by `prep build`. A run remembers it; if it has moved, give the new path. For a
    /// translation between two sets, give both: A, then B.
    #[arg(long, value_name = "DIR")]
    data: Vec<PathBuf>,
    /// Direction of a translation: AtoB, from the left half of each pair or from the first data set,
    /// or BtoA. [default: AtoB]
    #[arg(long, value_name = "DIRECTION")]
    direction: Option<Direction>,
    /// Run folder, created or resumed.
    #[arg(long, value_name = "DIR", required_unless_present_any = ["list_presets", "list_losses", "list_transforms", "summary", "dry_run", "preview_augment"])]
    out: Option<PathBuf>,
    /// Number of passes over the data (`schedule.epochs`), whatever unit the recipe uses.
    #[arg(long, value_name = "N", conflicts_with_all = ["kimg", "steps"])]
    epochs: Option<u64>,
    /// Stop after N thousand real pictures (`schedule.kimg`) instead.
    #[arg(long, value_name = "N", conflicts_with = "steps")]
    kimg: Option<f64>,
    /// Stop after N steps (`schedule.steps`) instead.
    #[arg(long, value_name = "N")]
    steps: Option<u64>,
    /// Device: auto, cpu, cuda, cuda:INDEX or cubecl-cpu. `auto` takes the first usable CUDA device
    /// if CUDA is built in (`train devices` lists all devices). Several devices, separated by
    /// commas, take equal parts of every batch; BatchNorm then uses each part's own statistics, or
    /// those of the whole batch with --set schedule.sync_batch_norm=true. [default: auto]
    #[arg(long, value_name = "DEVICE[,DEVICE]…")]
    device: Option<DeviceList>,
    /// Precision of matrix products on GPUs: f32, tf32 or bf16 (`schedule.precision`). bf16 is
    /// fastest and halves the memory of feature maps; weights, statistics and losses stay f32.
    #[arg(long)]
    precision: Option<Precision>,
    /// Where to keep the training pictures: on the `device`, as bytes, or on the `host`, with a
    /// thread that sends batches ahead. `auto` keeps up to 2 GiB on a GPU. [default: auto]
    #[arg(long, value_enum, value_name = "WHERE")]
    data_on: Option<DataOn>,
    /// Mirror each picture of a batch with probability ½ (`data.mirror`). Not for letters or
    /// anything else with a left and a right.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    mirror: Option<bool>,
    /// Seed of all random numbers. [default: 0]
    #[arg(long)]
    seed: Option<u64>,
    /// TOML file with settings that override those of the preset or the run.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Override one setting, for example schedule.batch=64. Repeatable; takes precedence over
    /// --config.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    assignments: Vec<String>,
    /// Weights of the FID InceptionV3, for KID during training. Default: the file stored by
    /// `evaluate weights --fetch`.
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Start from the weights of another run: its averaged generator and its discriminator, from
    /// its best checkpoint or from the given step; or from those of a network of StyleGAN2 by
    /// another program: the .pkl of NVIDIA's stylegan2-ada-pytorch or stylegan3, the .pt of
    /// rosinality's stylegan2-pytorch. Layers that do not fit (another size, other classes) keep
    /// their random initialization. Without --preset and --config, the other run's settings apply
    /// as well; --set changes them.
    #[arg(long, value_name = "RUN[@STEP]|FILE")]
    init_from: Option<Source>,
    /// Freeze the weights of D's first N blocks (`discriminator.freeze`): with --init-from, less is
    /// forgotten and a small data set goes further (FreezeD).
    #[arg(long, value_name = "N")]
    freeze_d: Option<usize>,
    /// Longest time between checkpoints, for example 90s, 10m or 2h, in addition to those at the
    /// end of epochs. [default: 10m]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    save_every: Option<Duration>,
    /// Number of latest checkpoints to keep besides the best (`checkpoints.keep`). A smaller number
    /// than before deletes the surplus; without the flag, none are deleted.
    #[arg(long, value_name = "N")]
    keep: Option<usize>,
    /// Go back to the last checkpoint and retry with other random numbers when losses or weights
    /// are not finite, up to N times in a row. [default: 3]
    #[arg(long, value_name = "N")]
    retries: Option<u64>,
    /// End the run once KID has risen N times in a row; 0 = never. [default: 0]
    #[arg(long, value_name = "N")]
    stop_after: Option<u64>,
    /// Number of compute threads.
    #[command(flatten)]
    threads: ThreadsFlag,
    /// Skip file locking, for file systems without locks: resume a run that another process has
    /// marked as in use, once that process has ended.
    #[arg(long)]
    no_lock: bool,
    /// Start over with the flags of this command alone; deletes the contents of the run folder.
    #[arg(long)]
    restart: bool,
    /// List the recipes and exit.
    #[arg(long)]
    list_presets: bool,
    /// List the losses and exit.
    #[arg(long)]
    list_losses: bool,
    /// List the sets of transforms for `augment.pipeline` and exit.
    #[arg(long)]
    list_transforms: bool,
    /// Print the layers of every network, with shapes and parameter counts, and exit. Needs no data
    /// set: --size, --channels and --classes describe the pictures.
    #[arg(long)]
    summary: bool,
    /// Height and width of the pictures, for --summary [default: from the preset or --data].
    #[arg(long, value_name = "N", requires = "summary")]
    size: Option<usize>,
    /// Channels of the pictures, 1 or 3, for --summary [default: from the preset or --data].
    #[arg(long, value_name = "C", requires = "summary", value_parser = channels)]
    channels: Option<usize>,
    /// Number of classes, for --summary. More than 0 makes both networks conditional, in the
    /// preset's own way unless `cond` is set.
    #[arg(long, value_name = "K", requires = "summary")]
    classes: Option<usize>,
    /// Write a sheet that shows the augmentation at p = 0, 0.2, 0.5 and 0.8, one per row, and exit.
    #[arg(long, value_name = "FILE.png")]
    preview_augment: Option<PathBuf>,
    /// Check everything and print the settings to stdout, in the format of `config.toml`; then take
    /// three steps and report the memory, time and disk space that a step and the whole run need.
    /// Writes nothing. --dry-run=config stops after the settings.
    #[arg(long, value_enum, value_name = "WHAT", num_args = 0..=1, require_equals = true, default_missing_value = "all")]
    dry_run: Option<DryRun>,
}

/// Extent of `--dry-run`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DryRun {
    /// Print the settings and take the first steps.
    All,
    /// Print the settings only.
    Config,
}

/// Subcommands besides training.
#[derive(Debug, Subcommand)]
enum Command {
    Check(CheckArgs),
    Status(StatusArgs),
    Compare(CompareArgs),
    Report(ReportArgs),
    #[command(hide = true)]
    Throughput(ThroughputArgs),
    /// List the devices of this machine, and why any of them is unusable.
    Devices {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
}

impl Command {
    fn run(self) -> Result<Ending> {
        match self {
            Self::Check(check) => return check.run(),
            Self::Status(status) => return status.run(),
            Self::Compare(compare) => return compare.run(),
            Self::Report(report) => return report.run(),
            Self::Throughput(throughput) => return throughput.run(),
            Self::Devices { json: true } => {
                shared::cli::print(&format!("{}\n", Devices::find().json()))?
            }
            Self::Devices { json: false } => shared::cli::print(&Devices::find().text())?,
        }
        Ok(Ending::Done)
    }
}

const EXAMPLES: &str = "\
Examples:
  train --data birds64 --out runs/birds                      train with the published recipe
  train --out runs/birds                                     resume with the same data and settings
  train --out runs/birds --epochs 800                        … and train for longer
  train --data birds64 --out runs/b32 --set schedule.batch=32 --set generator.width=64
  train --data birds64 --out runs/birds --epochs 100 --weights inception.pth
  train --data birds64 --out runs/birds --device cuda:0,cuda:1
                                                             split every batch between two GPUs
  train --preset wgan-gp --data fashion --out runs/fashion   use another recipe (--list-presets)
  train --preset stylegan2-small --data birds64 --out runs/s StyleGAN2 that fits two cores
  train --data birds64 --out runs/sn --set discriminator.spectral_norm=true --set loss.name=hinge
  train --data flowers --out runs/f --set cond=embedding+projection
  train --preset pix2pix --data maps --out runs/m --direction BtoA
                                                             translate maps into aerial pictures,
                                                             learned from pairs
  train --preset cyclegan --data horses --data zebras --out runs/hz
                                                             translate both ways, without pairs
  train --data cats64 --out runs/cats --init-from runs/birds --freeze-d 2
                                                             start from the networks and weights of
                                                             runs/birds, freeze D's first two blocks
  train --data cats256 --out runs/cats --init-from network.pkl
                                                             start from a network of
                                                             stylegan2-ada-pytorch
  train status runs/*                                        progress, quality and time remaining
  train compare runs/* --out compare.png                     compare results and settings
  train report runs/birds                                    write an HTML report (also written at
                                                             the end of a run)
  train --preset gan-ada --summary --size 128 --classes 10   print the networks layer by layer
  train check                                                check the GPU against the CPU
  train --data birds64 --dry-run                             print all settings and estimate memory,
                                                             time and disk space for a run
  train --data birds64 --dry-run=config > mine.toml          save the settings, for --config
  train --data birds64 --preview-augment sheet.png --set augment.pipeline=bgc
                                                             preview the augmentation
  train devices                                              list the devices for --device";

/// The default recipe.
const DEFAULT_PRESET: &str = "gan-ada";

/// The default of `--save-every`.
const SAVE_EVERY: Duration = Duration::from_secs(600);

/// The default of `--retries`.
const RETRIES: u64 = 3;

/// Prefix of an assignment to the one setting that belongs to the data.
const MIRROR: &str = "data.mirror=";

/// The result of merging flags and files.
struct Resolved {
    preset: String,
    settings: Settings,
    mirror: bool,
}

/// Parses 1 or 3.
fn channels(text: &str) -> Result<usize, String> {
    match text {
        "1" => Ok(1),
        "3" => Ok(3),
        _ => Err("expected 1 (grey) or 3 (colour)".into()),
    }
}

/// Parses `90s`, `10m`, `2h`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("expected a time such as 90s, 10m or 2h, not {text:?}");
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(seconds).map(Duration::from_secs).filter(|d| !d.is_zero()).ok_or_else(wrong)
}

impl Args {
    /// Runs the command that the flags ask for.
    ///
    /// # Errors
    /// If a flag is invalid or the command fails.
    pub fn run(self) -> Result<Ending> {
        self.threads.start();
        if self.no_lock {
            shared::fs::forgo_locks();
        }
        if let Some(command) = self.command {
            return command.run();
        }
        let lists: [(bool, fn() -> String); 3] = [
            (self.list_presets, lists::presets),
            (self.list_losses, lists::losses),
            (self.list_transforms, lists::transforms),
        ];
        if let Some((_, list)) = lists.iter().find(|(asked, _)| *asked) {
            shared::cli::print(&list())?;
            return Ok(Ending::Done);
        }
        let earlier = self.earlier()?;
        let earlier = earlier.as_ref();
        let inherited = init::inherited(
            self.init_from.as_ref(),
            earlier.map(|earlier| &earlier.config),
            self.out.as_deref(),
        )?;
        let Resolved { preset, settings, mirror } = self.settings(earlier, inherited.as_ref())?;
        let seed = self.seed.or(earlier.map(|earlier| earlier.config.seed)).unwrap_or_default();
        if self.summary {
            let shape = Shape { size: self.size, channels: self.channels, classes: self.classes };
            shared::cli::print(&summary(
                &preset,
                &settings,
                self.data.first().map(PathBuf::as_path),
                shape,
            )?)?;
            return Ok(Ending::Done);
        }
        let (data, other) = match (&self.data[..], earlier) {
            ([], Some(earlier)) => (earlier.data()?, earlier.other()?),
            ([], None) => return Err(self.no_data().into()),
            ([data], _) => (data.clone(), None),
            ([data, other], _) => (data.clone(), Some(other.clone())),
            _ => return Err(UsageError("--data is given more than twice".into()).into()),
        };
        let direction =
            self.direction.or(earlier.and_then(|earlier| earlier.config.data.direction));
        let asked = Flags {
            data: None,
            other: None,
            device: self.device.clone(),
            data_on: self.data_on,
            weights: self.weights.clone(),
            save_every: self.save_every,
            retries: self.retries,
            stop_after: self.stop_after,
        };
        let flags = asked.or(earlier.map(|earlier| earlier.flags.clone()).unwrap_or_default());
        if settings.evaluation.every > 0 && self.weights.is_none() {
            flags.require_weights(self.out.as_deref())?;
        }
        let device = flags.device.clone().unwrap_or(DeviceList::auto());
        let options = Options {
            preset,
            settings,
            mirror,
            init: inherited.map(|inherited| inherited.init),
            seed,
            data,
            other,
            direction,
            weights: flags.weights,
            restart: self.restart,
            data_on: flags.data_on.unwrap_or_default(),
            save_every: flags.save_every.unwrap_or(SAVE_EVERY),
            retries: flags.retries.unwrap_or(RETRIES),
            stop_after: flags.stop_after.unwrap_or_default(),
        };
        let out = self.out.as_deref();
        if let Some(what) = self.dry_run {
            let devices = if what == DryRun::All { Some(device.open()?) } else { None };
            return rehearsal::dry_run(&options, out, devices.as_deref());
        }
        if let Some(file) = &self.preview_augment {
            return preview_augment(&options, file);
        }
        let out = out.ok_or_else(|| UsageError("--out is missing".into()))?;
        training::train(&options, out, &device, &Stop::listen()?)
    }

    /// The run in `--out`, if this start resumes one.
    fn earlier(&self) -> Result<Option<Earlier>> {
        match &self.out {
            Some(out) if !self.restart && Run::is_run(out) => folder::earlier(&Run::open(out)?),
            _ => Ok(None),
        }
    }

    fn no_data(&self) -> UsageError {
        let why = match &self.out {
            Some(_) if self.restart => {
                "--restart starts over with the flags of this command alone".to_owned()
            }
            Some(out) => {
                format!("{} is not a run yet, and a new run needs a data set", out.display())
            }
            None => "without --out there is no run that could remember it".to_owned(),
        };
        UsageError(format!("--data DIR is missing: {why}; pass a folder written by `prep build`"))
    }

    /// Height and width of the pictures, from which presets derive values: `--size` of a summary, or
    /// those of the data set; `None` if neither is given or it cannot be read, which is reported
    /// when it is needed.
    fn extent(&self) -> Option<usize> {
        let of_data = |data: &PathBuf| Some(Dataset::open(data).ok()?.manifest().size as usize);
        self.size.or_else(|| self.data.first().and_then(of_data))
    }

    /// Merges all settings: the run's own if it is resumed, else those of the run it starts from,
    /// else a recipe's; overridden by the file, and then by the flags.
    fn settings(
        &self,
        earlier: Option<&Earlier>,
        inherited: Option<&Inherited>,
    ) -> Result<Resolved> {
        let own = earlier.map(|earlier| &earlier.config);
        let other = inherited
            .map(|inherited| &inherited.config)
            .filter(|_| self.preset.is_none() && self.config.is_none());
        let base = own.or(other);
        let file = match &self.config {
            None => None,
            Some(path) => {
                let text = String::from_utf8(shared::fs::read_bounded(path, 1 << 20)?);
                let text = text.map_err(|_| {
                    UsageError(format!("--config {}: not a text file", path.display()))
                })?;
                Some((path.display().to_string(), text))
            }
        };
        // The only setting among the recorded properties of the data; the others follow from
        // --data.
        let (of_data, mut assignments): (Vec<String>, Vec<String>) =
            self.assignments.iter().cloned().partition(|assignment| assignment.starts_with(MIRROR));
        let mut mirror = base.map(|config| config.data.mirror);
        if let Some((name, text)) = &file {
            let table: toml::Table = text
                .parse()
                .map_err(|e: toml::de::Error| UsageError(format!("--config {name}: {e}")))?;
            mirror = table.get("data").and_then(|data| data.get("mirror")?.as_bool()).or(mirror);
        }
        for assignment in of_data {
            let value = assignment[MIRROR.len()..].trim().parse();
            let value = value
                .map_err(|_| UsageError(format!("--set {assignment}: expected true or false")))?;
            mirror = Some(value);
        }
        // Steps take precedence over kimg, and kimg over epochs: a flag must not be overruled by
        // the recipe's own unit.
        for (unit, value, overruled) in [
            ("epochs", self.epochs.map(|n| n.to_string()), &["steps=0", "kimg=0"][..]),
            ("kimg", self.kimg.map(|n| format!("{n:?}")), &["steps=0"]),
            ("steps", self.steps.map(|n| n.to_string()), &[]),
        ] {
            if let Some(value) = value {
                assignments.extend(overruled.iter().map(|key| format!("schedule.{key}")));
                assignments.push(format!("schedule.{unit}={value}"));
            }
        }
        assignments.extend(self.keep.map(|keep| format!("checkpoints.keep={keep}")));
        assignments
            .extend(self.precision.map(|precision| format!("schedule.precision={precision}")));
        assignments.extend(self.freeze_d.map(|blocks| format!("discriminator.freeze={blocks}")));
        let file = file.as_ref().map(|(name, text)| (name.as_str(), text.as_str()));
        // For an existing run, --preset is only compared with the run's own; the settings come from
        // the run.
        let named = self.preset.as_deref();
        let preset = named
            .or(base.map(|config| config.preset.as_str()))
            .unwrap_or(DEFAULT_PRESET)
            .to_owned();
        let settings = match base {
            Some(config) => {
                named.map_or(Ok(()), |name| preset::find(name).map(drop))?;
                config.settings.clone().with(file, &assignments)?
            }
            None => Settings::resolve_for(&preset, self.extent(), file, &assignments)?,
        };
        // The sources of all translations mirror, sets of single pictures only on request.
        let usual = settings.task.feed() != Feed::Pictures;
        let mirror = self.mirror.or(mirror).unwrap_or(usual);
        Ok(Resolved { preset, settings, mirror })
    }
}
