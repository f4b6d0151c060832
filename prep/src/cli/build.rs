//! The flags of `prep build`.

use std::path::PathBuf;

use clap::ValueEnum;
use shared::cli::UsageError;

use super::values::{threads, within};
use crate::pipeline::options::{MEMORY_MB, PADDING, SHARD_BYTES};
use crate::pipeline::{SplitRule, BuildOptions, PairSide};
use crate::filter::Filters;
use crate::crop::{BoxCrop, CropPolicy, Padding, WholeCrop};
use crate::pixels::Resampling;
use crate::source::Format;

/// The largest side of a picture, in pixels: above what a GAN of this kind learns, below what the shards hold.
const SIZE_LIMIT: u32 = 4096;
/// Room for random crops with `--crop shorter-side`, unless asked for otherwise.
const SHORTER_SIDE_MARGIN: f64 = 0.25;

/// Flags of `prep build`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  prep build pictures/ --out data                              folder names are classes; a tenth goes to val
  prep build CUB_200_2011.zip --out birds64                    boxes, classes and split of the source
  prep build kaggle/ --out pets                                train.csv (id,label) beside a folder of pictures
  prep build roboflow.zip --out parts                          YOLO, COCO or VOC, as Roboflow exports them
  prep build voc/ --out raccoons --dry-run                     what would be left out, and why
  prep build voc/ --out raccoons --strict                      fail if any file of voc/ is not used
  prep build faces.zip --out faces --crop shorter-side         80x80 stored, the trainer crops 64x64 at random
  prep build maps.zip --out maps --format pairs --size 256     left and right halves of every picture
  prep build birds.zip --out two --classes 001,017.Cardinal --val-fraction 0.2 --seed 1
  prep build huge.tar --out huge --part 3/8                    the third of eight parts; then: prep merge huge

Killed or stopped, the same command goes on where it was.")]
pub struct BuildArgs {
    /// Folders, zip, tar or tar.gz files, or tables (.csv, .jsonl, .json); several are joined.
    #[arg(required = true)]
    sources: Vec<PathBuf>,
    /// The data set's folder.
    #[arg(long)]
    out: PathBuf,
    /// The layout of the source [default: found by what is in it].
    #[arg(long, value_enum, default_value_t = FormatFlag::Auto)]
    format: FormatFlag,
    /// Height and width of the pictures to learn from, in pixels.
    #[arg(long, default_value_t = 64)]
    size: u32,
    /// Room for random crops: pictures are stored larger by this fraction [default: 0; 0.25 with --crop shorter-side].
    #[arg(long)]
    margin: Option<f64>,
    /// 1 for grey, 3 for colour [default: 3; 1 for grey IDX files].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=3))]
    channels: Option<u32>,
    /// Which part of a picture is taken [default: bbox if there are boxes, else center].
    #[arg(long, value_enum)]
    crop: Option<CropFlag>,
    /// What is added around a box: a fraction of its longer side, or pixels on each side (10px) [default: 0.25].
    #[arg(long)]
    padding: Option<Padding>,
    /// Which objects of a picture are taken [default: every].
    #[arg(long, value_enum)]
    objects: Option<ObjectsFlag>,
    /// How a whole picture becomes a square, with bbox-or-whole and bbox-plus-whole [default: center].
    #[arg(long, value_enum)]
    whole: Option<WholeCrop>,
    /// The part of a picture that its only object must fill for bbox-or-whole to take all of it [default: 0.75].
    #[arg(long)]
    whole_fill: Option<f64>,
    /// How pictures are scaled; all are antialiased when shrinking.
    #[arg(long, value_enum, default_value_t = Resampling::Area)]
    resample: Resampling,
    /// What transparency is laid over and bars are filled with: white, black, grey or #rrggbb.
    #[arg(long, default_value = "white", value_parser = color)]
    background: [u8; 3],
    /// Which picture of a pair is taken [default: both].
    #[arg(long, value_enum)]
    side: Option<PairSide>,
    /// Take only these classes, by name or number, separated by commas.
    #[arg(long, value_delimiter = ',')]
    classes: Vec<String>,
    #[command(flatten)]
    split: SplitArgs,
    #[command(flatten)]
    filters: FilterArgs,
    /// Try every filter and print what it leaves out, without writing anything.
    #[arg(long, conflicts_with = "part")]
    dry_run: bool,
    /// Make only the i-th of n parts (3/8), for several machines; `prep merge` joins them.
    #[arg(long, value_parser = part)]
    part: Option<(u32, u32)>,
    /// Threads [default: --threads].
    #[arg(long, short)]
    pub(super) jobs: Option<usize>,
    /// Memory that all pictures together may take while they are decoded, in MiB; one that takes more is rejected.
    #[arg(long, default_value_t = MEMORY_MB)]
    memory_mb: u64,
    /// Fail, before any work, where the source holds a file that is not used, or names a picture that is not there.
    #[arg(long)]
    strict: bool,
    /// Replace a data set that was built from something else, or is damaged.
    #[arg(long)]
    force: bool,
}

/// Where the splits come from.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Splits [default: the source's own, else a tenth for val]")]
struct SplitArgs {
    /// Give about this part of the pictures to `val`, by their content: adding pictures moves no other.
    #[arg(long, conflicts_with_all = ["split_from_source", "val_list"])]
    val_fraction: Option<f64>,
    /// Take the source's own split, and fail if it has none.
    #[arg(long, conflicts_with = "val_list")]
    split_from_source: bool,
    /// Give the pictures named in this file to `val`, one name a line.
    #[arg(long, value_name = "FILE")]
    val_list: Option<PathBuf>,
    /// Another seed, another draw for --val-fraction.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// What is left out. `off` switches a filter off.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Filters (a number, or off)")]
struct FilterArgs {
    /// Least and largest height over width of the box, or of the picture.
    #[arg(long, default_value = "0.2:4", value_parser = aspect, allow_hyphen_values = true)]
    aspect: Line<(f64, f64)>,
    /// Least side of what is cut out, in pixels before scaling.
    #[arg(long, default_value = "off", value_parser = line)]
    min_side: Line<f64>,
    /// Least part of the picture that the box fills.
    #[arg(long, default_value = "off", value_parser = line)]
    min_box_area: Line<f64>,
    /// Largest part of what is cut out that an object of another class may cover.
    #[arg(long, default_value = "off", value_parser = line)]
    max_intruder: Line<f64>,
    /// Least difference between the lightest and the darkest pixel, of 255.
    #[arg(long, default_value = "4", value_parser = line)]
    min_contrast: Line<f64>,
    /// Least sharpness: the variance of the Laplacian.
    #[arg(long, default_value = "off", value_parser = line)]
    min_sharpness: Line<f64>,
    /// Leave out what differs from an earlier picture in at most so many of 256 bits of its perceptual hash; 12 is usual.
    #[arg(long, default_value = "off", value_parser = bits)]
    near_duplicates: Line<u32>,
}

/// The line that a filter draws; `None`: off. (A type of its own: clap gives `Option` a meaning.)
#[derive(Clone, Copy, Debug)]
struct Line<T>(Option<T>);

/// Layouts of a source, as flags.
#[derive(Clone, Copy, Debug)]
enum FormatFlag {
    Auto,
    Is(Format),
}

impl ValueEnum for FormatFlag {
    fn value_variants<'a>() -> &'a [Self] {
        static ALL: std::sync::OnceLock<Vec<FormatFlag>> = std::sync::OnceLock::new();
        ALL.get_or_init(|| {
            let formats = Format::value_variants().iter().copied().map(FormatFlag::Is);
            std::iter::once(FormatFlag::Auto).chain(formats).collect()
        })
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        match self {
            Self::Auto => Some(clap::builder::PossibleValue::new("auto").help("Found by what is in the source")),
            Self::Is(format) => format.to_possible_value(),
        }
    }
}

/// Which part of a picture is taken.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum CropFlag {
    /// A padded square around each box.
    Bbox,
    /// The whole picture where its only object fills it, else the boxes.
    BboxOrWhole,
    /// The boxes, and all whole pictures as well.
    BboxPlusWhole,
    /// The square in the middle.
    Center,
    /// The square in the middle, stored with room for random crops.
    ShorterSide,
    /// All of it, with bars of the background.
    Pad,
    /// All of it, squeezed to a square.
    #[value(alias = "none")]
    Stretch,
}

/// Which objects of a picture are taken.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum ObjectsFlag {
    /// Each of them.
    Every,
    /// The one with the largest box.
    Largest,
}

fn off<T>(text: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Result<Line<T>, String> {
    if text == "off" { Ok(Line(None)) } else { read(text).map(|value| Line(Some(value))) }
}

fn line(text: &str) -> Result<Line<f64>, String> {
    off(text, |text| {
        let value: Option<f64> = text.parse().ok().filter(|v: &f64| v.is_finite() && *v >= 0.0);
        value.ok_or_else(|| "it must be a number from 0 on, or off".to_owned())
    })
}

fn bits(text: &str) -> Result<Line<u32>, String> {
    off(text, |text| {
        text.parse().ok().filter(|bits| *bits <= 128).ok_or_else(|| "it must be a number from 0 to 128, or off".to_owned())
    })
}

fn aspect(text: &str) -> Result<Line<(f64, f64)>, String> {
    off(text, |text| {
        let both = text.split_once(':').and_then(|(low, high)| Some((low.parse::<f64>().ok()?, high.parse::<f64>().ok()?)));
        both.filter(|(low, high)| *low >= 0.0 && low < high && high.is_finite())
            .ok_or_else(|| "it must be low:high (0.2:4), or off".to_owned())
    })
}

fn color(text: &str) -> Result<[u8; 3], String> {
    match text {
        "white" => return Ok([255; 3]),
        "black" => return Ok([0; 3]),
        "grey" | "gray" => return Ok([128; 3]),
        _ => {}
    }
    let wrong = || format!("\"{text}\" is neither white, black, grey nor #rrggbb");
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii()).ok_or_else(wrong)?;
    let value = u32::from_str_radix(digits, 16).map_err(|_| wrong())?;
    Ok([(value >> 16) as u8, (value >> 8) as u8, value as u8])
}

fn part(text: &str) -> Result<(u32, u32), String> {
    let both = text.split_once('/').and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
    both.filter(|(part, of)| (1..=*of).contains(part) && *of <= 100_000)
        .ok_or_else(|| "it must be i/n with i from 1 to n, as in 3/8".to_owned())
}

impl BuildArgs {
    /// Whether nothing is to be written.
    #[must_use]
    pub fn dry_run(&self) -> bool {
        self.dry_run
    }

    /// Checks every value.
    ///
    /// # Errors
    /// When a value is out of range or a flag has no effect with another; the text names the flag.
    pub fn into_options(self) -> Result<BuildOptions, UsageError> {
        within("--size", self.size, 1.0, f64::from(SIZE_LIMIT))?;
        within("--memory-mb", self.memory_mb as f64, 1.0, 1e6)?;
        let policy = self.policy()?;
        let usual = if self.crop == Some(CropFlag::ShorterSide) { SHORTER_SIDE_MARGIN } else { 0.0 };
        let margin = self.margin.unwrap_or(usual);
        within("--margin", margin, 0.0, 4.0)?;
        if self.channels == Some(2) {
            return Err(UsageError("--channels 2: it must be 1 (grey) or 3 (colour)".into()));
        }
        let split_rule = self.split.split_rule()?;
        let format = match self.format {
            FormatFlag::Auto => None,
            FormatFlag::Is(format) => Some(format),
        };
        let options = BuildOptions {
            sources: self.sources,
            format,
            out: self.out,
            size: self.size,
            margin,
            channels: self.channels,
            policy,
            resampling: self.resample,
            background: self.background,
            side: self.side,
            split_rule,
            seed: self.split.seed,
            classes: self.classes,
            filters: self.filters.filters(),
            strict: self.strict,
            jobs: threads(self.jobs)?,
            force: self.force,
            memory_mb: self.memory_mb,
            shard_bytes: SHARD_BYTES,
            part: self.part,
        };
        within("--size with its --margin", options.stored(), 1.0, f64::from(SIZE_LIMIT))?;
        Ok(options)
    }

    /// `None`: boxes where there are any, else the square in the middle.
    fn policy(&self) -> Result<Option<CropPolicy>, UsageError> {
        let named = self.padding.is_some() || self.objects.is_some();
        let boxes = BoxCrop { padding: self.padding.unwrap_or(PADDING), largest: self.objects == Some(ObjectsFlag::Largest) };
        let whole = self.whole.unwrap_or(WholeCrop::Center);
        let refused = |flag: &str| Err(UsageError(format!("{flag} has no effect with this --crop: leave it away")));
        let policy = match self.crop {
            None if named => CropPolicy::Bbox(boxes),
            None => return if self.whole.is_some() { refused("--whole") } else { Ok(None) },
            Some(CropFlag::Bbox) => CropPolicy::Bbox(boxes),
            Some(CropFlag::BboxOrWhole) => {
                let fill = self.whole_fill.unwrap_or(0.75);
                within("--whole-fill", fill, 0.0, 1.0)?;
                CropPolicy::BboxOrWhole { boxes, fill, whole }
            }
            Some(CropFlag::BboxPlusWhole) => CropPolicy::BboxPlusWhole { boxes, whole },
            Some(CropFlag::Center | CropFlag::ShorterSide) => CropPolicy::Whole(WholeCrop::Center),
            Some(CropFlag::Pad) => CropPolicy::Whole(WholeCrop::Pad),
            Some(CropFlag::Stretch) => CropPolicy::Whole(WholeCrop::Stretch),
        };
        match policy {
            CropPolicy::Whole(_) if self.padding.is_some() => {
                Err(UsageError("--padding needs a box: leave it away or use --crop bbox".into()))
            }
            CropPolicy::Whole(_) if self.objects.is_some() => refused("--objects"),
            CropPolicy::Whole(_) | CropPolicy::Bbox(_) if self.whole.is_some() => refused("--whole"),
            CropPolicy::Whole(_) | CropPolicy::Bbox(_) | CropPolicy::BboxPlusWhole { .. } if self.whole_fill.is_some() => {
                refused("--whole-fill")
            }
            policy => Ok(Some(policy)),
        }
    }
}

impl SplitArgs {
    fn split_rule(&self) -> Result<Option<SplitRule>, UsageError> {
        if let Some(path) = &self.val_list {
            let wrong = |what: String| UsageError(format!("--val-list {}: {what}", path.display()));
            let bytes = shared::fs::read_bounded(path, 256 << 20).map_err(|e| wrong(e.source.to_string()))?;
            let text = String::from_utf8(bytes).map_err(|_| wrong("it is no text".into()))?;
            let mut names: Vec<String> = text.lines().map(str::trim).filter(|l| !l.is_empty()).map(str::to_owned).collect();
            names.sort_unstable();
            names.dedup();
            return Ok(Some(SplitRule::List(names)));
        }
        if let Some(val_fraction) = self.val_fraction {
            within("--val-fraction", val_fraction, 0.0, 0.99)?;
            return Ok(Some(SplitRule::Draw { val_fraction }));
        }
        Ok(self.split_from_source.then_some(SplitRule::Source))
    }
}

impl FilterArgs {
    fn filters(&self) -> Filters {
        Filters {
            aspect: self.aspect.0,
            min_side: self.min_side.0,
            min_box_area: self.min_box_area.0,
            max_intruder: self.max_intruder.0,
            min_contrast: self.min_contrast.0,
            min_sharpness: self.min_sharpness.0,
            near_duplicates: self.near_duplicates.0,
        }
    }
}
