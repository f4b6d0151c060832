//! `sample images`: many pictures for evaluation or publication.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use clap::Args;
use shared::cli::Ending;
use shared::signal::Stop;

use super::manifest::Maker;
use super::naming::Naming;
use super::request::{Outcome, Request};
use super::seed_set::SeedSet;
use super::target;
use crate::latents::given::GivenLatents;
use crate::latents::seeds::Seeds;
use crate::output;
use crate::source::{DrawArgs, SourceArgs};

const EXAMPLES: &str = "\
Examples:
  sample images runs/birds --out fakes.zip -n 50000                 pictures for evaluation: seeds 0 to 49999
  sample images runs/birds --out fakes -n 5000                      a folder; the same command resumes
  sample images runs/birds --out set.zip -n 50000 --stylegan        in the layout of NVIDIA's trainers
  sample images runs/flowers --out daisies --class daisy --seeds 0-99,200
  sample images runs/birds --out mine --latents z.npy               latent vectors of any origin";

/// Flags of `sample images`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ImagesArgs {
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    draw: DrawArgs,
    /// Folder or .zip file; the same command resumes an interrupted one
    #[arg(long, value_name = "FOLDER|ZIP")]
    out: PathBuf,
    /// Number of pictures
    #[arg(short = 'n', default_value_t = 5000)]
    n: u64,
    /// The first of -n consecutive seeds
    #[arg(long, default_value_t = 0)]
    seed_start: u64,
    /// Seeds as a list instead, like 0-99,200
    #[arg(long, conflicts_with_all = ["n", "seed_start"])]
    seeds: Option<Seeds>,
    /// Latent vectors from a .npy file instead, [N, latent] in float32 or float64 (`sample latents`
    /// writes such files); pictures are named by row, and row i has the class of seed i
    #[arg(long, value_name = "FILE.npy", conflicts_with_all = ["n", "seed_start", "seeds"])]
    latents: Option<PathBuf>,
    /// Use the layout of NVIDIA's StyleGAN trainers: 00000/img00000000.png by seed, and
    /// dataset.json with the classes
    #[arg(long)]
    stylegan: bool,
    /// Remove pictures of another request, or replace the zip
    #[arg(long)]
    force: bool,
}

/// Runs `sample images`.
///
/// # Errors
/// When a flag is invalid, the run cannot be read, or a picture cannot be written.
pub fn run(args: ImagesArgs) -> Result<Ending> {
    output::check_outside("--out", &args.out, &args.source.run)?;
    let asked = match &args.seeds {
        Some(list) => SeedSet::of_list(list)?,
        None => SeedSet::from_start(args.seed_start, args.n)?,
    };
    let (sampler, meta) = args.source.sampler(&args.draw)?;
    let latents = args.latents.map(|path| GivenLatents::read(&path, &sampler)).transpose()?;
    let (seeds, naming) = match &latents {
        Some(given) => (SeedSet::from_start(0, given.count() as u64)?, Naming::Rows),
        None => (asked, Naming::Seeds),
    };
    let naming = if args.stylegan { Naming::Stylegan } else { naming };
    let maker =
        Maker::new(&sampler, &meta, args.source.weights(), &args.draw, latents.as_ref(), naming)?;
    let (count, size) = (seeds.count(), maker.size);
    let request = Request { out: args.out, seeds, latents, maker, force: args.force };
    let started = Instant::now();
    match target::write(&sampler, &request, &Stop::listen()?)? {
        Outcome::Stopped { kept: 0, code } => {
            tracing::warn!("stopped by a signal before the first picture");
            Ok(Ending::Stopped(code))
        }
        Outcome::Stopped { kept, code } => {
            tracing::warn!(
                "stopped by a signal: {kept} of {count} pictures are kept; the same command resumes"
            );
            Ok(Ending::Stopped(code))
        }
        Outcome::Done { made, bytes } => {
            let rate = made as f64 / started.elapsed().as_secs_f64();
            let new = match made {
                0 => ", all existed".into(),
                _ => format!(", {made} made now, {rate:.0}/s"),
            };
            output::report(&request.out, bytes, &format!("{count} pictures of {size}×{size}{new}"));
            Ok(Ending::Done)
        }
    }
}
