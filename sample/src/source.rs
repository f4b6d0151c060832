//! The source of pictures: a run, one of its checkpoints, and the draw of latent vectors.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use shared::nn::checkpoint::Meta;
use shared::nn::device::DeviceChoice;
use shared::nn::run::Which;
use shared::nn::sampler::{Sampler, Weights};

/// Flags of commands that open a run.
#[derive(Args, Debug)]
pub struct SourceArgs {
    /// Folder of the run, or a network of StyleGAN2 by another program: the .pkl of NVIDIA's
    /// stylegan2-ada-pytorch or stylegan3, the .pt of rosinality's stylegan2-pytorch; a seed then
    /// means what it means in NVIDIA's generate.py, numpy.random.RandomState(seed).randn(1, z_dim)
    pub run: PathBuf,
    /// best (by KID; latest if KID was not measured), latest, or a step
    #[arg(long, default_value = "best", value_name = "WHICH")]
    pub checkpoint: Which,
    /// Use the trained weights instead of their moving average (EMA)
    #[arg(long)]
    pub no_ema: bool,
    /// The generator, of a run that trains several [default: the one that its report shows]
    #[arg(long, value_name = "NAME")]
    pub role: Option<String>,
    /// auto, cpu, cuda, cuda:INDEX or cubecl-cpu (`train devices` lists them)
    #[arg(long, default_value = "auto")]
    pub device: DeviceChoice,
}

/// Flags of drawing by seed.
#[derive(Args, Clone, Debug, Default)]
pub struct DrawArgs {
    /// Only this class, by name or number, of a class-conditional run [default: seeds cycle through
    /// all classes]
    #[arg(long, value_name = "CLASS")]
    pub class: Option<String>,
    /// Redraw values of latent vectors outside ±T: better pictures with less variety
    #[arg(long, value_name = "T")]
    pub truncation: Option<f64>,
}

impl SourceArgs {
    /// The checkpoint's weights that the flags select.
    #[must_use]
    pub fn weights(&self) -> Weights {
        if self.no_ema { Weights::Trained } else { Weights::Averaged }
    }

    /// The generator that the flags name, which draws by seed, and what its checkpoint says.
    ///
    /// # Errors
    /// When there is no such run, checkpoint or device, or the generator translates pictures.
    pub fn open(&self) -> Result<(Sampler, Meta)> {
        let (sampler, meta) = self.open_any()?;
        sampler.latents()?;
        Ok((sampler, meta))
    }

    /// The generator that the flags name, whatever it takes, and what its checkpoint says.
    ///
    /// # Errors
    /// When there is no such run, checkpoint, role or device.
    pub fn open_any(&self) -> Result<(Sampler, Meta)> {
        let (weights, role, device) = (self.weights(), self.role.as_deref(), self.device.open()?);
        let (sampler, meta) =
            Sampler::open_role(&self.run, self.checkpoint, weights, role, &device)?;
        if self.run.is_file() {
            tracing::info!("networks of another program; seeds are those of its generate.py");
        } else {
            tracing::info!("checkpoint of step {}, epoch {}", meta.step, meta.epoch);
        }
        Ok((sampler, meta))
    }

    /// Like [`SourceArgs::open`], with the draw `draw`.
    ///
    /// # Errors
    /// Those of [`SourceArgs::open`], and when the run has no such class or its latent vectors
    /// cannot be truncated.
    pub fn sampler(&self, draw: &DrawArgs) -> Result<(Sampler, Meta)> {
        let (sampler, meta) = self.open()?;
        let sampler = match &draw.class {
            None => sampler,
            Some(class) => sampler.of_class(class)?,
        };
        let sampler = match draw.truncation {
            None => sampler,
            Some(threshold) => sampler.truncated(threshold)?,
        };
        Ok((sampler, meta))
    }
}
