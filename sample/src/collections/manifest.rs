//! `sample.json`: the origin of the pictures beside it.

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use shared::nn::checkpoint::Meta;
use shared::nn::device::arithmetic;
use shared::nn::sampler::{NoiseMode, Sampler, Weights};
use shared::sealed::{self, SealedError};

use super::naming::Naming;
use super::seed_set::SeedSet;
use crate::latents::given::GivenLatents;
use crate::source::DrawArgs;

/// The file's name.
pub const MANIFEST: &str = "sample.json";
/// Version of the file.
const VERSION: u32 = 1;
/// The remedy for a damaged file.
const MEND: &str = "choose another --out, or use --force to start over";

/// Everything besides the seed that determines a picture's bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Maker {
    /// Version of the program; another may draw or compute differently.
    pub fledge: String,
    /// The preset of the run.
    pub preset: String,
    /// Training step of the checkpoint.
    pub step: u64,
    /// Its epoch.
    pub epoch: u64,
    /// Its weights: `ema` or `generator`.
    pub weights: String,
    /// CRC-32 of the file of the weights.
    pub weights_crc32: String,
    /// The class of all pictures; `None` if seeds cycle through all classes, or there are none.
    pub class: Option<String>,
    /// Names of the generator's classes.
    pub classes: Vec<String>,
    /// Truncation threshold of latent vectors, or psi of a generator with styles.
    pub truncation: Option<f64>,
    /// Number of truncated layers, if not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cutoff: Option<usize>,
    /// Noise of a generator with styles, if not its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise: Option<String>,
    /// CRC-32 of latent vectors from a file; `None` if drawn by seed.
    pub latents_crc32: Option<String>,
    /// The naming of the pictures.
    pub naming: Naming,
    /// Height and width in pixels.
    pub size: usize,
    /// Channels, 1 or 3.
    pub channels: usize,
    /// The arithmetic, as far as it affects the last bits.
    pub arithmetic: String,
}

/// The contents of `sample.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the format.
    version: u32,
    /// The origin of the pictures.
    pub maker: Maker,
    /// Number of requested pictures.
    pub pictures: u64,
    /// Their seeds, in the syntax of `--seeds`.
    pub seeds: String,
}

impl Maker {
    /// The origin of pictures by `sampler`, with `weights` of the checkpoint `meta`, and with
    /// `latents` if given.
    ///
    /// # Errors
    /// When the checkpoint does not list the file of its weights.
    pub fn new(
        sampler: &Sampler,
        meta: &Meta,
        weights: Weights,
        draw: &DrawArgs,
        latents: Option<&GivenLatents>,
        naming: Naming,
    ) -> Result<Self> {
        let part = weights.part(sampler.role());
        let file = format!("{part}.safetensors");
        let record = meta
            .files
            .get(&file)
            .with_context(|| format!("meta.json of step {} does not list {file}", meta.step))?;
        let classes = sampler.classes();
        Ok(Self {
            fledge: env!("CARGO_PKG_VERSION").into(),
            preset: meta.config.preset.clone(),
            step: meta.step,
            epoch: meta.epoch,
            weights: part.into(),
            weights_crc32: record.crc32.clone(),
            class: draw
                .class
                .as_ref()
                .and_then(|_| classes.get(sampler.class(0) as usize).cloned()),
            classes: classes.to_vec(),
            truncation: draw.truncation,
            cutoff: draw.styles.cutoff,
            noise: draw
                .styles
                .noise
                .filter(|mode| *mode != NoiseMode::Constant)
                .map(|mode| mode.to_string()),
            latents_crc32: latents.map(GivenLatents::crc32),
            naming,
            size: meta.config.data.size,
            channels: meta.config.data.channels,
            arithmetic: arithmetic(sampler.device()),
        })
    }

    /// The differences from `asked`, each with its flag; empty if the same seed gives the same
    /// file.
    #[must_use]
    pub fn differences(&self, asked: &Self) -> Vec<String> {
        let class = |maker: &Self| maker.class.clone().unwrap_or_else(|| "all".into());
        let truncation =
            |maker: &Self| maker.truncation.map_or_else(|| "none".into(), |t| t.to_string());
        let cutoff = |maker: &Self| maker.cutoff.map_or_else(|| "none".into(), |n| n.to_string());
        let noise =
            |maker: &Self| maker.noise.clone().unwrap_or_else(|| NoiseMode::Constant.to_string());
        let latents = |maker: &Self| {
            maker
                .latents_crc32
                .as_ref()
                .map_or_else(|| "of seeds".into(), |crc| format!("of CRC-32 {crc}"))
        };
        let weights = |maker: &Self| format!("{}.safetensors", maker.weights);
        let extent = |maker: &Self| format!("{0}×{0}, {1} channels", maker.size, maker.channels);
        let rows = [
            ("checkpoint", self.step.to_string(), asked.step.to_string(), "--checkpoint"),
            ("weights", weights(self), weights(asked), "--no-ema"),
            ("class", class(self), class(asked), "--class"),
            ("truncation", truncation(self), truncation(asked), "--truncation"),
            ("cutoff", cutoff(self), cutoff(asked), "--cutoff"),
            ("noise", noise(self), noise(asked), "--noise"),
            ("latents", latents(self), latents(asked), "--latents"),
            ("names like", self.naming.name_of(0), asked.naming.name_of(0), "--stylegan"),
            ("arithmetic", self.arithmetic.clone(), asked.arithmetic.clone(), "--device"),
            ("extent", extent(self), extent(asked), "another run"),
            ("version of fledge", self.fledge.clone(), asked.fledge.clone(), "another program"),
        ];
        let differ = rows.iter().filter(|(_, was, now, _)| was != now);
        let mut texts: Vec<String> = differ
            .map(|(what, was, now, flag)| format!("{what} {was}, now {now} ({flag})"))
            .collect();
        // The rest is another run, or one that was trained again.
        if texts.is_empty() && self != asked {
            texts.push(format!(
                "weights of CRC-32 {}, now {} (another run)",
                self.weights_crc32, asked.weights_crc32
            ));
        }
        texts
    }
}

impl Manifest {
    /// The manifest of `seeds` by `maker`.
    #[must_use]
    pub fn new(maker: &Maker, seeds: &SeedSet) -> Self {
        Self {
            version: VERSION,
            maker: maker.clone(),
            pictures: seeds.count(),
            seeds: seeds.to_string(),
        }
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        Ok(sealed::to_bytes(self)?)
    }

    /// Parses the file; `path` appears in errors.
    ///
    /// # Errors
    /// When it is damaged or of another version.
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, SealedError> {
        let manifest: Self = sealed::from_bytes(bytes, path, MEND)?;
        if manifest.version != VERSION {
            let what = format!(
                "it has version {}, this program reads {VERSION}; {MEND}",
                manifest.version
            );
            return Err(SealedError::Unexpected { path: path.to_owned(), what });
        }
        Ok(manifest)
    }
}
