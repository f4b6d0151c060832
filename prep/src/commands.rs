//! What each subcommand does and prints. Results on stdout; a reader that went away (`prep show | head -1`) is no failure.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use prep::args::{Args, BuildArgs, Command, ShowArgs, SynthArgs};
use prep::{build, export, sheet, synth, verify};
use shared::cli::Ending;
use shared::dataset::{Dataset, Manifest};
use shared::signal::Stop;

/// Runs the subcommand.
///
/// # Errors
/// Whatever it could not do, as one chain of causes.
pub(crate) fn run(args: Args) -> Result<Ending> {
    let stop = Stop::listen().context("cannot listen for signals")?;
    match args.command {
        Command::Build(args) => build(args, &stop),
        Command::Verify { dir } => verify(&dir),
        Command::Show(args) => show(&args),
        Command::Export { dir, out } => export(&dir, &out, &stop),
        Command::Synth(args) => synth(args, &stop),
    }
}

fn print(text: &str) -> Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).context("cannot write to stdout"),
        _ => Ok(()),
    }
}

fn build(args: BuildArgs, stop: &Stop) -> Result<Ending> {
    let options = args.into_options()?;
    let out = options.out.display();
    match build::build(&options, stop)? {
        build::Outcome::UpToDate(manifest) => print(&format!("{out} is up to date: {}\n", summary(&manifest)))?,
        build::Outcome::Stopped(code) => {
            tracing::warn!("stopped by a signal; {out} is as it was");
            return Ok(Ending::Stopped(code));
        }
        build::Outcome::Built(report) => {
            let (n, seconds) = (report.pictures, report.seconds);
            let mut text = format!("{out}: {}\n{}", summary(&report.manifest), rejects(&report.manifest));
            let _ = writeln!(text, "{n} pictures in {seconds:.2} s: {:.0} pictures/s", n as f64 / seconds);
            print(&text)?;
        }
    }
    Ok(Ending::Done)
}

/// Size, classes and splits in one line.
fn summary(manifest: &Manifest) -> String {
    let splits = manifest.splits.iter().map(|s| format!("{} {}", s.name, s.records)).collect::<Vec<_>>().join(", ");
    let records: u64 = manifest.splits.iter().map(|s| s.records).sum();
    let (size, channels, classes) = (manifest.size, manifest.channels, manifest.classes.len());
    format!("{records} pictures of {size}x{size}x{channels} in {classes} classes ({splits})")
}

/// What was left out and why; nothing if all were taken.
fn rejects(manifest: &Manifest) -> String {
    let total: u64 = manifest.rejects.values().sum();
    if total == 0 {
        return String::new();
    }
    let reasons = manifest.rejects.iter().filter(|(_, n)| **n > 0).map(|(reason, n)| format!("{reason} {n}"));
    format!("{total} pictures rejected ({}); rejects.jsonl names them\n", reasons.collect::<Vec<_>>().join(", "))
}

fn verify(dir: &Path) -> Result<Ending> {
    let found = verify::verify(dir)?;
    for stray in &found.strays {
        tracing::warn!("{}: belongs to no split of this data set", dir.join(stray).display());
    }
    if found.damaged.is_empty() {
        print(&format!("{}: {}, all {} bytes as they were written\n", dir.display(), summary(&found.manifest), found.bytes))?;
        return Ok(Ending::Done);
    }
    print(&found.damaged.iter().fold(String::new(), |text, line| text + line + "\n"))?;
    Ok(Ending::Damaged)
}

fn show(args: &ShowArgs) -> Result<Ending> {
    let dataset = Dataset::open(&args.dir)?;
    let manifest = dataset.manifest();
    let mut text = format!("{}: {}\n", args.dir.display(), summary(manifest));
    let crop = &manifest.crop;
    let _ = writeln!(text, "crop {} with padding {}, {} resampling", crop.rule, crop.padding, crop.resampling);
    let _ = writeln!(text, "source {}, fingerprint {}", manifest.format, manifest.fingerprint);
    text += &rejects(manifest);
    let mut counts = vec![vec![0u64; manifest.classes.len()]; manifest.splits.len()];
    for (counts, summary) in counts.iter_mut().zip(&manifest.splits) {
        let split = dataset.split(&summary.name)?;
        for label in (0..split.len()).filter_map(|i| split.label(i)) {
            if let Some(count) = counts.get_mut(label as usize) {
                *count += 1;
            }
        }
    }
    for (class, name) in manifest.classes.iter().enumerate() {
        let per_split = manifest.splits.iter().zip(&counts).map(|(split, counts)| format!("{} {}", split.name, counts[class]));
        let _ = writeln!(text, "  {name}: {}", per_split.collect::<Vec<_>>().join(", "));
    }
    if let Some(out) = &args.out {
        let sheet = sheet::of_split(&dataset, &args.split, usize::from(args.number), usize::from(args.columns))?;
        let png = sheet.to_png().with_context(|| format!("split {:?} gives no sheet", args.split))?;
        shared::fs::write(out, &png)?;
        let _ = writeln!(text, "{}", out.display());
    }
    print(&text)?;
    Ok(Ending::Done)
}

fn export(dir: &Path, out: &Path, stop: &Stop) -> Result<Ending> {
    match export::export(&Dataset::open(dir)?, out, stop)? {
        export::Outcome::Done(count) => print(&format!("{}: {count} PNG files\n", out.display()))?,
        export::Outcome::Stopped(code) => return Ok(Ending::Stopped(code)),
    }
    Ok(Ending::Done)
}

fn synth(args: SynthArgs, stop: &Stop) -> Result<Ending> {
    let options = args.into_options()?;
    let (out, count) = (options.out.display(), options.count);
    match synth::synth(&options, stop)? {
        synth::Outcome::UpToDate => print(&format!("{out} is up to date: {count} drawn pictures\n"))?,
        synth::Outcome::Drawn => print(&format!("{out}: {count} drawn pictures\n"))?,
        synth::Outcome::Stopped(code) => return Ok(Ending::Stopped(code)),
    }
    Ok(Ending::Done)
}
