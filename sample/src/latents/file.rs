//! `sample latents`: the latent vectors of seeds as a .npy file, the input of `--latents`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use shared::cli::{Ending, UsageError};
use shared::nn::device::DeviceChoice;
use shared::nn::run::Which;
use shared::{fs, npy};

use crate::latents::seeds::Seeds;
use crate::output;
use crate::source::{DrawArgs, SourceArgs};

const EXAMPLES: &str = "\
Examples:
  sample latents runs/birds --out z.npy --seeds 0-63          numpy.load('z.npy'): float32 [64, latent]
  sample grid runs/birds --out grid.png --latents z.npy       pictures of latent vectors of any origin";

/// Flags of `sample latents`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct LatentsArgs {
    /// Folder of the run, or a network of StyleGAN2 by another program (.pkl, .pt), whose seeds are
    /// those of NVIDIA's generate.py
    run: PathBuf,
    /// best (by KID; latest if KID was not measured), latest, or a step
    #[arg(long, default_value = "best", value_name = "WHICH")]
    checkpoint: Which,
    /// Redraw values outside ±T, of a generator without styles
    #[arg(long, value_name = "T")]
    truncation: Option<f64>,
    /// File to write: .npy
    #[arg(long, value_name = "FILE.npy")]
    out: PathBuf,
    /// Seeds, as a list like 0-63 or 3,7,20-25
    #[arg(long, default_value = "0-63", value_name = "LIST")]
    seeds: Seeds,
}

/// Runs `sample latents`.
///
/// # Errors
/// When a flag is invalid, the run cannot be read, or the file cannot be written.
pub fn run(args: LatentsArgs) -> Result<Ending> {
    if args.out.extension().is_none_or(|ending| ending != "npy") {
        return Err(
            UsageError(format!("--out {}: expected the suffix .npy", args.out.display())).into()
        );
    }
    output::check("--out", &args.out, &args.run)?;
    let _claim = output::claim("--out", &args.out)?;
    let draw = DrawArgs { truncation: args.truncation, ..DrawArgs::default() };
    // No network is evaluated.
    let source = SourceArgs {
        run: args.run,
        checkpoint: args.checkpoint,
        no_ema: false,
        role: None,
        device: DeviceChoice::Cpu,
    };
    let (sampler, _) = source.sampler(&draw)?;
    if let (Some(psi), true) = (args.truncation, sampler.has_styles()) {
        let text = format!(
            "--truncation {psi}: in a generator with styles it moves w, not latent vectors; give it to the command that draws"
        );
        return Err(UsageError(text).into());
    }
    let length = sampler.latents()?.length;
    let mut bytes = npy::header("<f4", &[args.seeds.0.len(), length]);
    bytes.extend(
        args.seeds.0.iter().flat_map(|&seed| sampler.latent(seed)).flat_map(f32::to_le_bytes),
    );
    fs::write(&args.out, &bytes)?;
    output::report(
        &args.out,
        bytes.len() as u64,
        &format!("float32 [{}, {length}]", args.seeds.0.len()),
    );
    Ok(Ending::Done)
}
