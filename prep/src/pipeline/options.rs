//! The options of a build, and their record in the manifest.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::ValueEnum as _;
use serde_json::{Value, json};
use shared::cli::UsageError;
use shared::dataset::Manifest;

use crate::crop::{BoxCrop, CropPolicy, Padding, WholeCrop};
use crate::dataset::fingerprint::{self, hex};
use crate::filter::Filters;
use crate::pixels::Resampling;
use crate::source::Format;

/// Largest shard, in bytes: still convenient to copy, check and cache as one piece.
pub const SHARD_BYTES: u64 = 256 << 20;
/// Memory for decoding, shared by all threads, in MiB: enough for a progressive JPEG of 24
/// megapixels.
pub const MEMORY_MB: u64 = 224;

/// Changes whenever the same source and settings give other pixels, so that a data set of an older
/// version is not up to date.
pub const PIXELS_VERSION: u32 = 1;

/// The options of a build.
#[derive(Clone, Debug)]
pub struct BuildOptions {
    /// Folders, archives or tables; several are joined in this order.
    pub sources: Vec<PathBuf>,
    /// The layout of all of them; `None`: detected.
    pub format: Option<Format>,
    /// The data set's folder.
    pub out: PathBuf,
    /// Height and width of the training pictures, in pixels.
    pub size: u32,
    /// Room for random crops, as a fraction of the size.
    pub margin: f64,
    /// Height and width at which training pictures are stored, instead of by `margin`; pictures of
    /// the other splits are then stored whole in `size`.
    pub load_size: Option<u32>,
    /// Channels (1 or 3); `None`: 1 if all sources hold bare grey pixels, else 3.
    pub channels: Option<u32>,
    /// The crops to take; `None`: boxes if there are any, else the square in the middle.
    pub policy: Option<CropPolicy>,
    /// The resampling method.
    pub resampling: Resampling,
    /// The colour of bars and behind transparent pixels.
    pub background: [u8; 3],
    /// The picture of a pair to take; `None`: both.
    pub side: Option<PairSide>,
    /// The rule of the splits; `None`: the source's own, else a random tenth for `val`.
    pub split_rule: Option<SplitRule>,
    /// The seed of random splits.
    pub seed: u64,
    /// The classes to take, by name or number; empty: all.
    pub classes: Vec<String>,
    /// The filters that leave out crops.
    pub filters: Filters,
    /// Fail if the source holds unused files.
    pub strict: bool,
    /// Number of threads.
    pub jobs: usize,
    /// Replace another data set.
    pub force: bool,
    /// Memory for decoding, shared by all threads, in MiB.
    pub memory_mb: u64,
    /// Largest shard, in bytes.
    pub shard_bytes: u64,
    /// Build only this part of so many (from 1); `prep merge` joins them.
    pub part: Option<(u32, u32)>,
}

impl BuildOptions {
    /// The defaults, for one source.
    #[must_use]
    pub fn new(source: impl Into<PathBuf>, out: impl Into<PathBuf>) -> Self {
        Self {
            sources: vec![source.into()],
            format: None,
            out: out.into(),
            size: 64,
            margin: 0.0,
            load_size: None,
            channels: None,
            policy: None,
            resampling: Resampling::Area,
            background: [255; 3],
            side: None,
            split_rule: None,
            seed: 0,
            classes: Vec::new(),
            filters: Filters {
                aspect: Some((0.2, 4.0)),
                min_contrast: Some(4.0),
                ..Filters::default()
            },
            strict: false,
            jobs: std::thread::available_parallelism().map_or(1, usize::from),
            force: false,
            memory_mb: MEMORY_MB,
            shard_bytes: SHARD_BYTES,
            part: None,
        }
    }

    /// The crop options that a data set was built with, for `sources`; all other options have their
    /// defaults.
    ///
    /// # Errors
    /// When a setting is unknown, because the data set is of an older version.
    pub fn of_manifest(manifest: &Manifest, sources: Vec<PathBuf>) -> Result<Self, UsageError> {
        let unknown = |name: &str| {
            UsageError(format!("the data set does not record its {name}: build it again"))
        };
        let choice = |name: &str| manifest.setting(name);
        let number = |name: &str| choice(name).parse::<f64>().map_err(|_| unknown(name));
        let whole = || {
            WholeCrop::from_str(&choice("whole"), false)
                .or_else(|_| WholeCrop::from_str(&choice("crop"), false))
        };
        let boxes = || {
            let padding = choice("padding").parse().map_err(|_| unknown("padding"))?;
            Ok::<_, UsageError>(BoxCrop { padding, largest: choice("objects") == "largest" })
        };
        let policy = match choice("crop").as_str() {
            "bbox" => CropPolicy::Bbox(boxes()?),
            "bbox-or-whole" => CropPolicy::BboxOrWhole {
                boxes: boxes()?,
                fill: number("whole-fill")?,
                whole: whole().map_err(|_| unknown("whole"))?,
            },
            "bbox-plus-whole" => CropPolicy::BboxPlusWhole {
                boxes: boxes()?,
                whole: whole().map_err(|_| unknown("whole"))?,
            },
            _ => CropPolicy::Whole(whole().map_err(|_| unknown("crop"))?),
        };
        let mut options = Self::new(PathBuf::new(), PathBuf::new());
        options.sources = sources;
        options.size = manifest.size;
        options.load_size = choice("load-size").parse().ok();
        options.margin = if options.load_size.is_some() { 0.0 } else { number("margin")? };
        options.channels = Some(manifest.channels);
        options.policy = Some(policy);
        options.resampling =
            Resampling::from_str(&choice("resample"), false).map_err(|_| unknown("resample"))?;
        options.side = PairSide::from_str(&choice("side"), false).ok();
        options.filters = Filters::default();
        options.format = Format::from_str(&manifest.format, false).ok();
        if let Some(Value::Array(classes)) = manifest.settings.get("classes") {
            options.classes =
                classes.iter().filter_map(|class| class.as_str().map(str::to_owned)).collect();
        }
        Ok(options)
    }

    /// Height and width of the stored training pictures, in pixels.
    #[must_use]
    pub fn stored(&self) -> u32 {
        let by_margin = || (f64::from(self.size) * (1.0 + self.margin)).round() as u32;
        self.load_size.unwrap_or_else(by_margin)
    }

    /// Height and width of the stored pictures of the other splits, if they are another.
    #[must_use]
    pub fn held_out(&self) -> Option<u32> {
        self.load_size.filter(|&stored| stored != self.size).map(|_| self.size)
    }

    /// The settings for the manifest: flags with their values. Flags without effect are left out.
    #[must_use]
    pub fn settings(
        &self,
        policy: &CropPolicy,
        split_rule: &SplitRule,
        channels: u32,
    ) -> BTreeMap<String, Value> {
        let mut all = BTreeMap::new();
        let mut note = |name: &str, value: Value| {
            all.insert(name.to_owned(), value);
        };
        note("pixels-version", json!(PIXELS_VERSION));
        note("size", json!(self.size));
        match self.load_size {
            Some(stored) => note("load-size", json!(stored)),
            None => note("margin", json!(self.margin)),
        }
        note("channels", json!(channels));
        note("resample", json!(self.resampling.name()));
        let [r, g, b] = self.background;
        note("background", json!(format!("#{r:02x}{g:02x}{b:02x}")));
        note("memory-mb", json!(self.memory_mb));
        note("shard-bytes", json!(self.shard_bytes));
        if !self.classes.is_empty() {
            note("classes", json!(self.classes));
        }
        if let Some(side) = self.side {
            note("side", json!(side.name()));
        }
        let (crop, boxes, whole) = match policy {
            CropPolicy::Bbox(boxes) => ("bbox", Some(boxes), None),
            CropPolicy::BboxOrWhole { boxes, fill, whole } => {
                note("whole-fill", json!(fill));
                ("bbox-or-whole", Some(boxes), Some(whole))
            }
            CropPolicy::BboxPlusWhole { boxes, whole } => {
                ("bbox-plus-whole", Some(boxes), Some(whole))
            }
            CropPolicy::Whole(whole) => (whole.name(), None, None),
        };
        note("crop", json!(crop));
        if let Some(boxes) = boxes {
            note("padding", json!(boxes.padding.to_string()));
            note("objects", json!(if boxes.largest { "largest" } else { "every" }));
        }
        if let Some(whole) = whole {
            note("whole", json!(whole.name()));
        }
        let filters = &self.filters;
        let lines = [
            ("aspect", filters.aspect.map(|(low, high)| json!(format!("{low}:{high}")))),
            ("min-side", filters.min_side.map(|v| json!(v))),
            ("min-box-area", filters.min_box_area.map(|v| json!(v))),
            ("max-intruder", filters.max_intruder.map(|v| json!(v))),
            ("min-contrast", filters.min_contrast.map(|v| json!(v))),
            ("min-sharpness", filters.min_sharpness.map(|v| json!(v))),
            ("near-duplicates", filters.near_duplicates.map(|v| json!(v))),
        ];
        for (name, line) in lines {
            note(name, line.unwrap_or_else(|| json!("off")));
        }
        match split_rule {
            SplitRule::Source => note("split", json!("source")),
            SplitRule::Draw { val_fraction } => {
                note("split", json!("draw"));
                note("val-fraction", json!(val_fraction));
                note("seed", json!(self.seed));
            }
            SplitRule::List(names) => {
                note("split", json!("list"));
                note("val-list", json!(hex(&fingerprint::sha256(names.join("\n").as_bytes()))));
            }
        }
        all
    }
}

/// The rule that puts pictures into splits.
#[derive(Clone, Debug, PartialEq)]
pub enum SplitRule {
    /// The source's own splits.
    Source,
    /// Random, by the content of the picture and the seed, so that adding pictures moves no other.
    Draw {
        /// The share of the pictures in `val`, on average.
        val_fraction: f64,
    },
    /// The pictures of these names, sorted, are in `val`, all others in `train`.
    List(Vec<String>),
}

/// A picture of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum PairSide {
    /// The left one, or the one in the folder A.
    A,
    /// The right one, or the one in the folder B.
    B,
}

impl PairSide {
    /// The name in files and flags.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }
}

/// The settings that differ, as `name was old, now new`.
#[must_use]
pub fn differences(old: &BTreeMap<String, Value>, new: &BTreeMap<String, Value>) -> Vec<String> {
    let shown = |value: Option<&Value>| match value {
        None => "not set".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let differing = names.into_iter().filter(|name| old.get(*name) != new.get(*name));
    differing
        .map(|name| format!("{name} was {}, now {}", shown(old.get(name)), shown(new.get(name))))
        .collect()
}

impl WholeCrop {
    /// The name in files and flags.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Center => "center",
            Self::Pad => "pad",
            Self::Stretch => "stretch",
        }
    }
}

/// The default padding around boxes: that of the recipe.
pub const PADDING: Padding = Padding::Fraction(0.25);
