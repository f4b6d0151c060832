//! `sample project`: the w and the noise with which a generator makes a given picture (Karras et al.
//! 2020, "Analyzing and improving the image quality of StyleGAN", arXiv:1912.04958, appendix D;
//! `projector.py` of stylegan2-ada-pytorch).
//!
//! | module | holds |
//! |---|---|
//! | [`target`] | a file → the centre square in the generator's extent |
//! | [`distance`] | what is lowered: LPIPS, features of the Inception, or pixels |
//! | [`projector`] | the optimisation |
//! | [`way`] | its steps as an animation |

pub mod distance;
pub mod projector;
pub mod target;
pub mod way;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use shared::archive::zip_writer::ZipWriter;
use shared::cli::{Ending, UsageError};
use shared::signal::Stop;
use shared::{fs, npy};

use self::distance::{DistanceName, Distances};
use self::projector::{Projection, Projector};
use self::way::Way;
use crate::animations::AnimationArgs;
use crate::animations::video::Film;
use crate::output;
use crate::source::{DrawArgs, SourceArgs};

const EXAMPLES: &str = "\
Examples:
  sample project runs/faces --target me.jpg --out projected           1000 steps
  sample project runs/faces --target me.jpg --out projected --steps 300 --no-video
  sample project runs/flowers --target tulip.png --out tulip --class tulip
The folder gets target.png (the centre square of --target), projection.png, projected_w.npz (w as
float32 [1, layers, styles]) and projection.mp4, or projection.gif without ffmpeg.";

/// Most steps: more are a typing error.
const STEPS_LIMIT: usize = 1_000_000;
/// Frames of the animation, at most one for each step.
const FRAMES: usize = 100;
/// Additional seconds of its last frame.
const HOLD: f64 = 1.0;

/// Flags of `sample project`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ProjectArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// Picture to make; its centre square is taken
    #[arg(long, value_name = "FILE")]
    target: PathBuf,
    /// Folder for the results
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Class of the picture, by name or number; required for a class-conditional run
    #[arg(long, value_name = "CLASS")]
    class: Option<String>,
    /// Number of steps
    #[arg(long, default_value_t = 1000)]
    steps: usize,
    /// Seed of the noise
    #[arg(long, default_value_t = 303)]
    seed: u64,
    /// Distance to lower: lpips (VGG16), inception (features of the FID Inception) or pyramid
    /// (pixels at several extents) [default: the first of them whose weights are there]
    #[arg(long, value_enum)]
    distance: Option<DistanceName>,
    /// Weights, .pth or .safetensors, of vgg16, lpips-vgg or inception [default: those stored by
    /// `evaluate weights --fetch`]
    #[arg(long, value_name = "NAME=FILE")]
    weights: Vec<String>,
    /// Write no animation of the steps
    #[arg(long)]
    no_video: bool,
}

/// Runs `sample project`.
///
/// # Errors
/// When a flag is invalid, the run, the picture or weights cannot be read, the generator has no
/// styles, or a file cannot be written.
pub fn run(args: ProjectArgs) -> Result<Ending> {
    if !(1..=STEPS_LIMIT).contains(&args.steps) {
        let text = format!("--steps {}: expected 1 to {STEPS_LIMIT}", args.steps);
        return Err(UsageError(text).into());
    }
    if args.out.exists() && !args.out.is_dir() {
        let text = format!("--out {}: it is a file; name a folder", args.out.display());
        return Err(UsageError(text).into());
    }
    output::check_parent("--out", &args.out)?;
    output::check_outside("--out", &args.out, &args.source.run)?;
    let _claim = output::claim("--out", &args.out)?;
    let stop = Stop::listen()?;
    let draw = DrawArgs { class: args.class.clone(), ..DrawArgs::default() };
    let (sampler, meta) = args.source.sampler(&draw)?;
    sampler.style_shape("project")?;
    if args.class.is_none() && !sampler.classes().is_empty() {
        let text = "--class: this run learned classes; name that of the picture";
        return Err(UsageError(text.into()).into());
    }
    let data = &meta.config.data;
    let target = target::read(&args.target, data.size as u32, data.channels as u32)?;
    let distances = Distances::open(args.distance, &args.weights, sampler.device())?;
    tracing::info!("distance: {}", distances.name());
    let projector = Projector::new(&sampler, &target, &distances, args.seed)?;
    let Some(projection) = projector.project(args.steps, &stop) else {
        tracing::warn!("stopped by a signal: nothing is written");
        return Ok(Ending::Stopped(stop.exit_code().unwrap_or(1)));
    };
    let [before, after] = projection.distances;
    let found = format!("{} {before:.4} → {after:.4}, {} steps", distances.name(), args.steps);
    fs::create_folder(&args.out)?;
    let png = projector.pictures(&projection, &[&projection.w])[0].to_png()?;
    for (name, bytes, what) in
        [("target.png", target.to_png()?, "the target"), ("projection.png", png, &found)]
    {
        let path = args.out.join(name);
        fs::write(&path, &bytes)?;
        output::report(&path, bytes.len() as u64, what);
    }
    write_w(&args.out.join("projected_w.npz"), &projection, projector.layers())?;
    if args.no_video {
        return Ok(Ending::Done);
    }
    let way = Way::new(&projector, &projection, &target, FRAMES);
    let video = args.out.join("projection.mp4");
    let file = match Film::check(&video) {
        Ok(()) => video,
        Err(_) => args.out.join("projection.gif"),
    };
    AnimationArgs::default().write(&file, &way, HOLD, &stop)
}

/// Writes w of every layer under the key `w`, as numpy's `savez` does.
fn write_w(path: &Path, projection: &Projection, layers: usize) -> Result<()> {
    let styles = projection.w.len();
    let mut bytes = npy::header("<f4", &[1, layers, styles]);
    (0..layers).for_each(|_| bytes.extend(projection.w.iter().flat_map(|v| v.to_le_bytes())));
    let mut zip = ZipWriter::create(path)?;
    zip.add("w.npy", &bytes)?;
    zip.commit()?;
    output::report(path, bytes.len() as u64, &format!("w, float32 [1, {layers}, {styles}]"));
    Ok(())
}
