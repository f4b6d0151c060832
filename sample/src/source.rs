//! The source of pictures: a run, one of its checkpoints, and the draw of latent vectors.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use shared::cli::UsageError;
use shared::nn::checkpoint::Meta;
use shared::nn::device::DeviceChoice;
use shared::nn::run::Which;
use shared::nn::sampler::{NoiseMode, Sampler, Weights};

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
    /// Better pictures with less variety. Of a generator with styles, psi: w moves towards its
    /// average (1 as trained, 0 the average, any number); of others, a bound: values of latent
    /// vectors outside ±T are redrawn
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    pub truncation: Option<f64>,
    /// The noise, and the layers that are truncated, of a generator with styles.
    #[command(flatten)]
    pub styles: StyleArgs,
}

/// Flags of drawing that only generators with styles know.
#[derive(Args, Clone, Debug, Default)]
pub struct StyleArgs {
    /// Truncate only the first N layers, of a generator with styles [default: all]
    #[arg(long, value_name = "N")]
    pub cutoff: Option<usize>,
    /// Noise of a generator with styles: const (its own, the same in all pictures), random (by
    /// seed) or none [default: const]
    #[arg(long, value_name = "MODE")]
    pub noise: Option<NoiseMode>,
}

impl StyleArgs {
    /// `sampler` with these flags.
    ///
    /// # Errors
    /// When its generator has no styles, or fewer layers.
    pub fn applied(&self, sampler: Sampler) -> Result<Sampler, UsageError> {
        let sampler = match self.cutoff {
            None => sampler,
            Some(layers) => sampler.cut_off(layers)?,
        };
        match self.noise {
            None => Ok(sampler),
            Some(mode) => sampler.with_noise(mode),
        }
    }
}

impl DrawArgs {
    /// `sampler` with this draw.
    ///
    /// # Errors
    /// When the run has no such class, its latent vectors cannot be truncated, or a flag needs
    /// styles that its generator lacks.
    pub fn applied(&self, sampler: Sampler) -> Result<Sampler, UsageError> {
        let sampler = match &self.class {
            None => sampler,
            Some(class) => sampler.of_class(class)?,
        };
        if let (None, Some(layers)) = (self.truncation, self.styles.cutoff) {
            let text = format!("--cutoff {layers}: it limits --truncation, which is missing");
            return Err(UsageError(text));
        }
        let sampler = match self.truncation {
            None => sampler,
            Some(amount) => sampler.truncated(amount)?,
        };
        self.styles.applied(sampler)
    }

    /// Reports if a flag changes the draw.
    #[must_use]
    pub fn is_given(&self) -> bool {
        let Self { class, truncation, styles: StyleArgs { cutoff, noise } } = self;
        class.is_some() || truncation.is_some() || cutoff.is_some() || noise.is_some()
    }
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
            let seeds =
                if sampler.latents().is_ok() { "; seeds are those of its generate.py" } else { "" };
            tracing::info!("networks of another program{seeds}");
        } else {
            tracing::info!("checkpoint of step {}, epoch {}", meta.step, meta.epoch);
        }
        Ok((sampler, meta))
    }

    /// Like [`SourceArgs::open`], with the draw `draw`.
    ///
    /// # Errors
    /// Those of [`SourceArgs::open`] and of [`DrawArgs::applied`].
    pub fn sampler(&self, draw: &DrawArgs) -> Result<(Sampler, Meta)> {
        let (sampler, meta) = self.open()?;
        Ok((draw.applied(sampler)?, meta))
    }
}
