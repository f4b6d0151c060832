//! `sample translate`: pictures into pictures.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use shared::cli::{DataError, Ending, UsageError};
use shared::direction::Direction;
use shared::log::Progress;
use shared::nn::networks::Sources;
use shared::nn::run::open_checkpoint;
use shared::nn::sampler::{Drawn, Manner, Sampler, Statistics};
use shared::picture::{Canvas, Picture};
use shared::signal::Stop;

use super::clip::Clip;
use super::inputs::Inputs;
use super::pieces::{Pieces, Tiles, rounded};
use super::target::Target;
use crate::animations::format::AnimationFormat;
use crate::animations::stage::Sink as _;
use crate::animations::timing::Timing;
use crate::animations::video::Film;
use crate::output;
use crate::source::SourceArgs;
use crate::stills::layout::{Layout, Words};
use crate::stills::still::{StillArgs, StillFormat};

const EXAMPLES: &str = "\
Examples:
  sample translate runs/maps --input photos --out maps               every picture of a folder, names and folders kept
  sample translate runs/maps --input maps-dataset --out fakes.zip    the val split of a data set of pairs, for `evaluate pairs`
  sample translate runs/maps --input maps-dataset --out sheet.png    eight of them: source, result (of two generators also back), target
  sample translate runs/maps --input me.jpg --out map.png            one picture
  sample translate runs/horses --input zebras --out horses --direction BtoA
  sample translate runs/maps --input flight.mp4 --out maps.mp4       a video, by the program ffmpeg
  sample translate runs/maps --input city.tif --out city.png --tile 1024 --overlap 128";

/// Pictures of a sheet by default.
const SHEET: usize = 8;
/// Pixels between the pictures of a sheet.
const PADDING: u32 = 2;
/// Pixels by which tiles overlap by default.
const OVERLAP: u32 = 64;

/// Flags of `sample translate`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct TranslateArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// Pictures to translate: one file, a folder with its subfolders, a zip or tar file, a data set
    /// of `prep`, or a video
    #[arg(long, value_name = "FILE|FOLDER|ZIP|DATASET")]
    input: PathBuf,
    /// A folder or .zip for all results as PNG files; .png, .jpg or .webp for the result of one
    /// file, or for a sheet of sources beside results; .mp4, .mkv or .webm for a video, without sound
    #[arg(long, value_name = "FOLDER|ZIP|PICTURE")]
    out: PathBuf,
    /// Only the first N pictures [default: all; 8 on a sheet]
    #[arg(short = 'n', value_name = "N")]
    count: Option<usize>,
    /// Split of a data set [default: val]
    #[arg(long)]
    split: Option<String>,
    /// AtoB or BtoA: the generator of a run that has one for each direction, and the source in a
    /// data set of pairs [default: that of the run]
    #[arg(long)]
    direction: Option<Direction>,
    /// Statistics of BatchNorm: batch (each picture's own) or running (those of training) [default:
    /// batch]
    #[arg(long, value_name = "STATISTICS")]
    norm: Option<Statistics>,
    /// Dropout, of a generator that has it: on or off [default: on]
    #[arg(long, value_name = "on|off", value_parser = switch)]
    dropout: Option<bool>,
    /// Seed of dropout; a picture's masks depend on it and on the picture's name [default: 0]
    #[arg(long)]
    seed: Option<u64>,
    /// Cut larger pictures into tiles of N pixels a side, which bounds memory [default: none are
    /// cut]
    #[arg(long, value_name = "N")]
    tile: Option<u32>,
    /// Pixels by which tiles overlap; they are blended there [default: 64, at most half of --tile]
    #[arg(long, value_name = "N", requires = "tile")]
    overlap: Option<u32>,
}

fn switch(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("expected on or off".into()),
    }
}

/// Runs `sample translate`.
///
/// # Errors
/// When a flag is invalid, the generator takes latent vectors, a picture cannot be read, or a
/// result cannot be written.
pub fn run(mut args: TranslateArgs) -> Result<Ending> {
    output::check_outside("--out", &args.out, &args.source.run)?;
    let (direction, both) = directed(&mut args)?;
    let (sampler, meta) = args.source.open_any()?;
    let sources = sampler.sources()?;
    let pieces = pieces(&args, sources)?;
    let manner = manner(&args, sources)?;
    let translator = Translator {
        sampler,
        pieces,
        manner,
        seed: args.seed.unwrap_or(0),
        channels: meta.config.data.channels as u32,
        stop: Stop::listen()?,
    };
    if Clip::is_one(&args.input) {
        return ended(film(&args, both, &translator)?, &args, &translator);
    }
    let inputs = Inputs::open(&args.input, args.split.as_deref(), direction)?;
    if args.direction.is_some() && !both && !inputs.has_targets() {
        return Err(UsageError(format!(
            "--direction {direction}: this run has one generator, and --input {} holds no pairs: leave it out",
            args.input.display()
        ))
        .into());
    }
    let (there, first) = (inputs.names().len(), args.count.unwrap_or(1));
    if !(1..=there).contains(&first) {
        let text = format!("-n {first}: expected 1 to {there}, the pictures of --input");
        return Err(UsageError(text).into());
    }
    let is_picture = StillFormat::of(&args.out).is_ok() && !args.out.is_dir();
    let done = match (is_picture, inputs.is_file()) {
        (true, true) => one(&args, &translator, &inputs),
        (true, false) => sheet(&args, &translator, &inputs),
        (false, _) => all(&args, &translator, &inputs),
    }?;
    ended(done, &args, &translator)
}

/// The ending of a command that is done, or was stopped by a signal.
fn ended(done: bool, args: &TranslateArgs, translator: &Translator) -> Result<Ending> {
    if done {
        return Ok(Ending::Done);
    }
    tracing::warn!("stopped by a signal: {} is not written", args.out.display());
    Ok(Ending::Stopped(translator.stop.exit_code().unwrap_or(130)))
}

/// Settles `--direction` and `--role` by each other. Returns the direction, and true if the run has
/// a generator for each.
fn directed(args: &mut TranslateArgs) -> Result<(Direction, bool)> {
    if args.source.run.is_file() {
        // A file of another program holds one generator, and does not say what it translates.
        return Ok((args.direction.unwrap_or_default(), false));
    }
    let config = open_checkpoint(&args.source.run, args.source.checkpoint)?.meta.config;
    let (direction, generator) = config.translating(args.direction)?;
    let Some(generator) = generator else { return Ok((direction, false)) };
    let Some(role) = &args.source.role else {
        args.source.role = Some(generator.to_owned());
        return Ok((direction, true));
    };
    if role == generator {
        return Ok((direction, true));
    }
    // An unknown role is refused when it is opened.
    let other = if direction == Direction::AToB { Direction::BToA } else { Direction::AToB };
    match args.direction {
        None => Ok((other, true)),
        Some(_) => {
            Err(UsageError(format!("--direction {direction}: --role {role} translates {other}"))
                .into())
        }
    }
}

/// The generator of the other direction, of a run that has one.
fn back(args: &TranslateArgs) -> Result<Option<Sampler>> {
    let source = &args.source;
    if source.run.is_file() {
        return Ok(None);
    }
    let config = open_checkpoint(&source.run, source.checkpoint)?.meta.config;
    let other = config.settings.task.both_directions().and_then(|generators| {
        generators.into_iter().find(|name| source.role.as_deref() != Some(*name))
    });
    let Some(other) = other else { return Ok(None) };
    let (checkpoint, device) = (source.checkpoint, source.device.open()?);
    let opened =
        Sampler::open_role(&source.run, checkpoint, source.weights(), Some(other), &device)?;
    Ok(Some(opened.0))
}

/// The pieces that the generator and the flags ask for.
fn pieces(args: &TranslateArgs, sources: Sources) -> Result<Pieces, UsageError> {
    let tiles = args
        .tile
        .map(|side| Tiles { side, overlap: args.overlap.unwrap_or_else(|| OVERLAP.min(side / 2)) });
    let pieces = Pieces { multiple: sources.multiple as u32, tiles };
    pieces.check()?;
    Ok(pieces)
}

/// The manner that the flags ask for.
///
/// # Errors
/// When a flag would change nothing.
fn manner(args: &TranslateArgs, sources: Sources) -> Result<Manner, UsageError> {
    let usual = Manner::default();
    let without = |flag: &str, what: &str| {
        Err(UsageError(format!("{flag}: this generator has no {what}: leave it out")))
    };
    if args.norm.is_some() && !sources.batch_norm {
        return without("--norm", "BatchNorm");
    }
    if args.dropout.is_some() && !sources.dropout {
        return without("--dropout", "dropout");
    }
    let dropout = args.dropout.unwrap_or(usual.dropout) && sources.dropout;
    if let (Some(seed), false) = (args.seed, dropout) {
        return Err(UsageError(format!(
            "--seed {seed}: nothing is drawn without dropout: leave it out"
        )));
    }
    Ok(Manner { statistics: args.norm.unwrap_or(usual.statistics), dropout })
}

/// A generator, and the way in which it translates.
struct Translator {
    sampler: Sampler,
    pieces: Pieces,
    manner: Manner,
    seed: u64,
    channels: u32,
    stop: Stop,
}

impl Translator {
    /// The result for a picture of that name; `None` after a signal.
    fn result(&self, source: &Picture, name: &str) -> Option<Picture> {
        self.by(&self.sampler, source, name)
    }

    /// The result of `sampler` for a picture of that name; `None` after a signal.
    fn by(&self, sampler: &Sampler, source: &Picture, name: &str) -> Option<Picture> {
        let values = self.pieces.apply(source, |part, piece| {
            let going_on = self.stop.exit_code().is_none();
            let drawn = Drawn { seed: self.seed, name, piece };
            going_on.then(|| sampler.translation(part, self.manner, drawn))
        })?;
        Some(rounded(&values, source))
    }
}

/// The result of a single file as a picture. Returns false after a signal.
fn one(args: &TranslateArgs, translator: &Translator, inputs: &Inputs) -> Result<bool> {
    let still = still(&args.out);
    let _claim = still.claim(&args.source.run)?;
    let (source, _) = inputs.read(0, translator.channels)?;
    still.check_extent([source.width, source.height].map(u64::from))?;
    let Some(result) = translator.result(&source, &inputs.names()[0]) else { return Ok(false) };
    still.write(&result)?;
    Ok(true)
}

/// The first pictures, each beside its result, beside what the other generator makes of that if the
/// run has one, and beside its target if it has one. Returns false after a signal.
fn sheet(args: &TranslateArgs, translator: &Translator, inputs: &Inputs) -> Result<bool> {
    let still = still(&args.out);
    let _claim = still.claim(&args.source.run)?;
    let names = inputs.names();
    let shown = &names[..args.count.unwrap_or(SHEET).min(names.len())];
    let read: Result<Vec<_>> =
        (0..shown.len()).map(|i| inputs.read(i, translator.channels)).collect();
    let read = read?;
    let back = back(args)?;
    let titles = ["source", "result"].into_iter();
    let titles = titles.chain(back.is_some().then_some("back"));
    let titles = titles.chain(inputs.has_targets().then_some("target"));
    let words = Words {
        rows: shown.iter().map(|name| file_stem(name).to_owned()).collect(),
        columns: titles.map(str::to_owned).collect(),
        captions: Vec::new(),
    };
    let columns = words.columns.len();
    let layout = Layout { columns, padding: still.padding };
    let largest = |side: fn(&Picture) -> u32| read.iter().map(|(p, _)| side(p)).max().unwrap_or(1);
    let cell = [largest(|p| p.width), largest(|p| p.height)];
    still.check_room(&layout, columns * read.len(), cell, &words)?;
    let mut cells = Vec::new();
    for ((source, target), name) in read.into_iter().zip(shown) {
        let Some(result) = translator.result(&source, name) else { return Ok(false) };
        let again = back.as_ref().map(|sampler| translator.by(sampler, &result, name));
        let Some(again) = again.map_or(Some(None), |again| again.map(Some)) else {
            return Ok(false);
        };
        cells.extend([source, result].into_iter().chain(again).chain(target));
    }
    still.write(&layout.sheet(&cells, &words))?;
    tracing::info!("{} of {} pictures", shown.len(), names.len());
    Ok(true)
}

/// The frames of a video as a video. Dropout has the same masks in all of them: other ones would
/// flicker. Returns false after a signal.
fn film(args: &TranslateArgs, both: bool, translator: &Translator) -> Result<bool> {
    let refused = |flag: &str| Err(UsageError(format!("{flag}: not with a video: leave it out")));
    if args.split.is_some() {
        refused("--split")?;
    }
    if args.direction.is_some() && !both {
        refused("--direction")?;
    }
    let AnimationFormat::Video(container) = AnimationFormat::of(&args.out)? else {
        return Err(UsageError(format!(
            "--out {}: --input is a video; expected .mp4, .mkv or .webm",
            args.out.display()
        ))
        .into());
    };
    if args.count == Some(0) {
        return Err(UsageError("-n 0: expected at least 1".into()).into());
    }
    Film::check(&args.out)?;
    output::check_file("--out", &args.out)?;
    let _claim = output::claim("--out", &args.out)?;
    let mut clip = Clip::open(&args.input)?;
    let timing = Timing { fps: clip.fps(), hold: 0.0, count: 0, plays: 1 };
    let canvas = Canvas { channels: translator.channels, ..Canvas::default() };
    let mut written: Option<(Box<Film>, [u32; 2], usize)> = None;
    while let Some(frame) = clip.next_frame()? {
        if written.as_ref().is_some_and(|(.., count)| Some(*count) == args.count) {
            break;
        }
        let frame = canvas.paint(frame);
        let Some(result) = translator.result(&frame, "frame") else { return Ok(false) };
        let extent = [result.width, result.height];
        let (film, first, count) = match &mut written {
            Some(written) => written,
            none => {
                let of = (result.width, result.height, result.channels);
                let film = Film::create(&args.out, container, of, timing, None)?;
                none.insert((Box::new(film), extent, 0))
            }
        };
        if *first != extent {
            let text = format!("--input {}: its frames have several sizes", args.input.display());
            return Err(DataError(text).into());
        }
        film.push(vec![result])?;
        *count += 1;
    }
    let Some((film, _, count)) = written else {
        return Err(DataError(format!("--input {}: it has no frames", args.input.display())).into());
    };
    let bytes = film.finish()?;
    output::report(&args.out, bytes, &format!("{count} frames translated"));
    Ok(true)
}

/// All results in a folder or zip. Returns false after a signal.
fn all(args: &TranslateArgs, translator: &Translator, inputs: &Inputs) -> Result<bool> {
    let mut target = Target::create(&args.out)?;
    let names = &inputs.names()[..args.count.unwrap_or(inputs.names().len())];
    let progress = Progress::new("sample translate", names.len() as u64);
    for (i, name) in names.iter().enumerate() {
        let (source, _) = inputs.read(i, translator.channels)?;
        let Some(result) = translator.result(&source, name) else { return Ok(false) };
        target.add(name, &result.to_png_quickly()?)?;
        progress.add(1);
    }
    drop(progress);
    let bytes = target.commit()?;
    let of = match names.len() == inputs.names().len() {
        true => String::new(),
        false => format!(" of {}", inputs.names().len()),
    };
    output::report(&args.out, bytes, &format!("{}{of} pictures translated", names.len()));
    Ok(true)
}

/// A picture at `out` without flags of its own.
fn still(out: &Path) -> StillArgs {
    StillArgs { out: out.to_owned(), scale: 1, padding: PADDING, quality: None }
}

/// A name without folders and suffix.
fn file_stem(name: &str) -> &str {
    let file = name.rsplit('/').next().unwrap_or(name);
    file.strip_suffix(".png").unwrap_or(file)
}
