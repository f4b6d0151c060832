//! The flags of `prep build`.

use std::path::PathBuf;

use clap::ValueEnum;
use shared::cli::UsageError;

use super::values::{threads, within};
use crate::crop::{BoxCrop, CropPolicy, Padding, WholeCrop};
use crate::filter::Filters;
use crate::pipeline::options::{MEMORY_MB, PADDING, SHARD_BYTES};
use crate::pipeline::{BuildOptions, PairSide, SplitRule};
use crate::pixels::Resampling;
use crate::source::Format;

/// The largest side of a picture, in pixels: more than a GAN of this kind learns, less than a shard
/// can hold.
const SIZE_LIMIT: u32 = 4096;
/// Room for random crops with `--crop shorter-side`, by default.
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
  prep build maps.zip --out maps --format pairs --size 256 --load-size 286 --crop stretch --resample bicubic
                                                               as pix2pix and CycleGAN load and crop
  prep build birds.zip --out two --classes 001,017.Cardinal --val-fraction 0.2 --seed 1
  prep build huge.tar --out huge --part 3/8                    the third of eight parts; then: prep merge huge

After a kill or a signal the same command resumes.")]
pub struct BuildArgs {
    /// Folders, zip, tar or tar.gz files, or tables (.csv, .jsonl, .json); several are joined.
    #[arg(required = true)]
    sources: Vec<PathBuf>,
    /// The data set's folder.
    #[arg(long)]
    out: PathBuf,
    /// Layout of the source [default: detected].
    #[arg(long, value_enum, default_value_t = FormatFlag::Auto)]
    format: FormatFlag,
    /// Height and width of the training pictures, in pixels.
    #[arg(long, default_value_t = 64)]
    size: u32,
    /// Room for random crops: store pictures larger by this fraction [default: 0; 0.25 with --crop
    /// shorter-side].
    #[arg(long)]
    margin: Option<f64>,
    /// Store training pictures with this height and width, in pixels, for random crops of --size;
    /// val and test then hold the whole picture in --size.
    #[arg(long, conflicts_with = "margin", value_name = "PIXELS")]
    load_size: Option<u32>,
    /// 1 for grey, 3 for colour [default: 3; 1 for grey IDX files].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=3))]
    channels: Option<u32>,
    /// Part of the picture to keep [default: bbox if there are boxes, else center].
    #[arg(long, value_enum)]
    crop: Option<CropFlag>,
    /// Padding around a box: a fraction of its longer side, or pixels on each side (10px) [default:
    /// 0.25].
    #[arg(long)]
    padding: Option<Padding>,
    /// Objects to take from a picture [default: every].
    #[arg(long, value_enum)]
    objects: Option<ObjectsFlag>,
    /// Making a whole picture square, with bbox-or-whole and bbox-plus-whole [default: center].
    #[arg(long, value_enum)]
    whole: Option<WholeCrop>,
    /// Share of the picture that its only object must fill for bbox-or-whole to take it whole
    /// [default: 0.75].
    #[arg(long)]
    whole_fill: Option<f64>,
    /// Resampling method; all are antialiased when shrinking.
    #[arg(long, value_enum, default_value_t = Resampling::Area)]
    resample: Resampling,
    /// Colour of bars and behind transparent pixels: white, black, grey or #rrggbb.
    #[arg(long, default_value = "white", value_parser = color)]
    background: [u8; 3],
    /// Picture of a pair to take [default: both].
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
    /// Build only part i of n (3/8), for several machines; `prep merge` joins them.
    #[arg(long, value_parser = part)]
    part: Option<(u32, u32)>,
    /// Threads [default: --threads].
    #[arg(long, short)]
    pub(super) jobs: Option<usize>,
    /// Memory for decoding, in MiB, shared by all threads; a picture that needs more is rejected.
    #[arg(long, default_value_t = MEMORY_MB)]
    memory_mb: u64,
    /// Fail early if the source holds an unused file or names a missing picture.
    #[arg(long)]
    strict: bool,
    /// Replace a data set that is damaged or was built from other pictures or settings.
    #[arg(long)]
    force: bool,
}

/// Flags of the splits.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Splits [default: the source's own, else a random tenth for val]")]
struct SplitArgs {
    /// Put about this fraction of the pictures in `val`, chosen by content: adding pictures moves
    /// no other.
    #[arg(long, conflicts_with_all = ["split_from_source", "val_list"])]
    val_fraction: Option<f64>,
    /// Use the source's own split; fail if it has none.
    #[arg(long, conflicts_with = "val_list")]
    split_from_source: bool,
    /// Put the pictures named in this file in `val`, one name per line.
    #[arg(long, value_name = "FILE")]
    val_list: Option<PathBuf>,
    /// Seed of --val-fraction.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// Flags of the filters. `off` turns a filter off.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Filters (a number, or off)")]
struct FilterArgs {
    /// Smallest and largest height / width of the box, or of the picture.
    #[arg(long, default_value = "0.2:4", value_parser = aspect, allow_hyphen_values = true)]
    aspect: Threshold<(f64, f64)>,
    /// Smallest side of the crop, in pixels before scaling.
    #[arg(long, default_value = "off", value_parser = threshold)]
    min_side: Threshold<f64>,
    /// Smallest share of the picture that the box must fill.
    #[arg(long, default_value = "off", value_parser = threshold)]
    min_box_area: Threshold<f64>,
    /// Largest share of the crop that an object of another class may cover.
    #[arg(long, default_value = "off", value_parser = threshold)]
    max_intruder: Threshold<f64>,
    /// Smallest difference between the lightest and the darkest pixel, of 255.
    #[arg(long, default_value = "4", value_parser = threshold)]
    min_contrast: Threshold<f64>,
    /// Smallest sharpness: the variance of the Laplacian.
    #[arg(long, default_value = "off", value_parser = threshold)]
    min_sharpness: Threshold<f64>,
    /// Leave out pictures whose 256-bit perceptual hash is within so many bits of an earlier one's;
    /// 12 is usual.
    #[arg(long, default_value = "off", value_parser = bits)]
    near_duplicates: Threshold<u32>,
}

/// The threshold of a filter; `None`: off.
/// A type of its own because clap treats `Option` specially.
#[derive(Clone, Copy, Debug)]
struct Threshold<T>(Option<T>);

/// `--format`.
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
            Self::Auto => Some(clap::builder::PossibleValue::new("auto").help("Detected")),
            Self::Is(format) => format.to_possible_value(),
        }
    }
}

/// `--crop`.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum CropFlag {
    /// A padded square around each box.
    Bbox,
    /// The whole picture if its only object fills it, else the boxes.
    BboxOrWhole,
    /// The boxes, and every whole picture as well.
    BboxPlusWhole,
    /// The square in the middle.
    Center,
    /// The square in the middle, stored with room for random crops.
    ShorterSide,
    /// All of it, between bars of the background colour.
    Pad,
    /// All of it, squeezed to a square.
    #[value(alias = "none")]
    Stretch,
}

/// `--objects`.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum ObjectsFlag {
    /// All of them.
    Every,
    /// The one with the largest box.
    Largest,
}

fn off<T>(
    text: &str,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Threshold<T>, String> {
    if text == "off" { Ok(Threshold(None)) } else { read(text).map(|value| Threshold(Some(value))) }
}

fn threshold(text: &str) -> Result<Threshold<f64>, String> {
    off(text, |text| {
        let value: Option<f64> = text.parse().ok().filter(|v: &f64| v.is_finite() && *v >= 0.0);
        value.ok_or_else(|| "it must be a number of at least 0, or off".to_owned())
    })
}

fn bits(text: &str) -> Result<Threshold<u32>, String> {
    off(text, |text| {
        text.parse()
            .ok()
            .filter(|bits| *bits <= 128)
            .ok_or_else(|| "it must be a number from 0 to 128, or off".to_owned())
    })
}

fn aspect(text: &str) -> Result<Threshold<(f64, f64)>, String> {
    off(text, |text| {
        let both = text
            .split_once(':')
            .and_then(|(low, high)| Some((low.parse::<f64>().ok()?, high.parse::<f64>().ok()?)));
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
    let digits = text
        .strip_prefix('#')
        .filter(|digits| digits.len() == 6 && digits.is_ascii())
        .ok_or_else(wrong)?;
    let value = u32::from_str_radix(digits, 16).map_err(|_| wrong())?;
    Ok([(value >> 16) as u8, (value >> 8) as u8, value as u8])
}

fn part(text: &str) -> Result<(u32, u32), String> {
    let both =
        text.split_once('/').and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
    both.filter(|(part, of)| (1..=*of).contains(part) && *of <= 100_000)
        .ok_or_else(|| "it must be i/n with i from 1 to n, as in 3/8".to_owned())
}

impl BuildArgs {
    /// `--dry-run`: nothing is written.
    #[must_use]
    pub fn dry_run(&self) -> bool {
        self.dry_run
    }

    /// Validates every value.
    ///
    /// # Errors
    /// When a value is out of range, or a flag has no effect together with another; the text names
    /// the flag.
    pub fn into_options(self) -> Result<BuildOptions, UsageError> {
        within("--size", self.size, 1.0, f64::from(SIZE_LIMIT))?;
        within("--memory-mb", self.memory_mb as f64, 1.0, 1e6)?;
        let policy = self.policy()?;
        if let Some(stored) = self.load_size {
            within("--load-size", stored, f64::from(self.size), f64::from(SIZE_LIMIT))?;
        }
        let usual =
            if self.crop == Some(CropFlag::ShorterSide) { SHORTER_SIDE_MARGIN } else { 0.0 };
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
            load_size: self.load_size,
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

    /// `None`: boxes if there are any, else the square in the middle.
    fn policy(&self) -> Result<Option<CropPolicy>, UsageError> {
        let named = self.padding.is_some() || self.objects.is_some();
        let boxes = BoxCrop {
            padding: self.padding.unwrap_or(PADDING),
            largest: self.objects == Some(ObjectsFlag::Largest),
        };
        let whole = self.whole.unwrap_or(WholeCrop::Center);
        let refused = |flag: &str| {
            Err(UsageError(format!("{flag} has no effect with this --crop: leave it out")))
        };
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
                Err(UsageError("--padding needs a box: leave it out or use --crop bbox".into()))
            }
            CropPolicy::Whole(_) if self.objects.is_some() => refused("--objects"),
            CropPolicy::Whole(_) | CropPolicy::Bbox(_) if self.whole.is_some() => {
                refused("--whole")
            }
            CropPolicy::Whole(_) | CropPolicy::Bbox(_) | CropPolicy::BboxPlusWhole { .. }
                if self.whole_fill.is_some() =>
            {
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
            let bytes = shared::fs::read_bounded(path, 256 << 20)
                .map_err(|e| wrong(e.source.to_string()))?;
            let text =
                String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8 text".into()))?;
            let mut names: Vec<String> =
                text.lines().map(str::trim).filter(|l| !l.is_empty()).map(str::to_owned).collect();
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
