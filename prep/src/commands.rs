//! The subcommands: running them and printing their results.
//!
//! Results go to stdout; a closed pipe (`prep show | head -1`) is no failure.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use prep::cli::{Args, BuildArgs, Command, ExportArgs, ShowArgs, SynthArgs};
use prep::dataset::export::{self, ExportLayout, ExportOutcome};
use prep::dataset::verify;
use prep::pipeline::{BuildOptions, BuildOutcome, Notes, Plan, Preparer, dry_run};
use prep::source::{Split, account};
use prep::synth::{self, SynthOutcome};
use prep::{pipeline, sheets};
use shared::cli::{Ending, UsageError, print, tell};
use shared::dataset::{Dataset, Manifest};
use shared::signal::Stop;

/// Runs the subcommand.
///
/// # Errors
/// The first failure, as one chain of causes.
pub(crate) fn run(args: Args) -> Result<Ending> {
    args.threads.or(args.command.jobs()).start();
    if args.no_lock {
        shared::fs::forgo_locks();
    }
    // Only commands that check for signals listen; the system ends the others.
    let listen = || Stop::listen().context("cannot listen for signals");
    match args.command {
        Command::Build(args) => build(*args, &listen()?),
        Command::Merge { dir } => finished(pipeline::merge(&dir, &listen()?)?, &dir),
        Command::Verify { dir } => verify(&dir),
        Command::Show(args) => show(&args),
        Command::Export(args) => export(&args, &listen()?),
        Command::Synth(args) => synth(args, &listen()?),
    }
}

fn build(args: BuildArgs, stop: &Stop) -> Result<Ending> {
    let dry_run = args.dry_run();
    let options = args.into_options()?;
    if dry_run {
        let plan = Plan::new(&options)?;
        let Some(found) = dry_run::dry_run(&plan, &options, stop)? else {
            return Ok(Ending::Stopped(stop.exit_code().unwrap_or(130)));
        };
        print(&found.table(&plan))?;
        return Ok(Ending::Done);
    }
    finished(pipeline::build(&options, stop)?, &options.out)
}

/// Prints how a build ended.
fn finished(outcome: BuildOutcome, out: &Path) -> Result<Ending> {
    let shown = out.display();
    match outcome {
        BuildOutcome::UpToDate(manifest) => {
            tell(&format!("{shown} is complete and up to date: {}\n", summary(&manifest)))
        }
        BuildOutcome::Stopped(code) => {
            tracing::warn!("stopped by a signal; {shown} is unchanged");
            return Ok(Ending::Stopped(code));
        }
        BuildOutcome::Part(path, pictures) => {
            tell(&format!(
                "{}: a part of {pictures} pictures; once all parts are built: prep merge {shown}\n",
                path.display()
            ));
        }
        BuildOutcome::Built(report) => {
            let manifest = &report.manifest;
            let mut text = format!("{shown}: {}\n{}", summary(manifest), rejects(manifest));
            text += &dry_run::classes(&manifest.classes, &class_counts(&Dataset::open(out)?)?);
            text += &notes(&report.notes);
            let prepared = report.pictures - report.resumed;
            let _ = writeln!(
                text,
                "{prepared} pictures in {:.2} s: {:.0} pictures/s",
                report.seconds,
                prepared as f64 / report.seconds
            );
            tell(&text);
        }
    }
    Ok(Ending::Done)
}

/// Remarks that a user may want to act on.
fn notes(notes: &Notes) -> String {
    let mut text = String::new();
    if notes.identical > 0 {
        let _ = writeln!(
            text,
            "{} files equal an earlier one, byte for byte (--near-duplicates 0 leaves them out)",
            notes.identical
        );
    }
    if notes.straddling > 0 {
        let _ = writeln!(
            text,
            "{} pictures of val or test are near-duplicates of one for training: the source's splits are kept (--near-duplicates 12 leaves them out)",
            notes.straddling
        );
    }
    if notes.profiles > 0 {
        let _ = writeln!(
            text,
            "{} pictures have a colour profile, which is not applied",
            notes.profiles
        );
    }
    text
}

/// Size, classes and splits in one line.
fn summary(manifest: &Manifest) -> String {
    let splits = manifest
        .splits
        .iter()
        .map(|s| format!("{} {}", s.name, s.records))
        .collect::<Vec<_>>()
        .join(", ");
    let records: u64 = manifest.splits.iter().map(|s| s.records).sum();
    let (size, channels, classes) = (manifest.size, manifest.channels, manifest.classes.len());
    let what = if manifest.paired { "pairs" } else { "pictures" };
    let stored = match (manifest.stored, manifest.held_out) {
        (stored, _) if stored == size => String::new(),
        (stored, None) => format!(" (stored {stored}x{stored})"),
        (stored, Some(_)) => format!(" (train stored {stored}x{stored})"),
    };
    let classes = if classes == 0 { String::new() } else { format!(" in {classes} classes") };
    format!("{records} {what} of {size}x{size}x{channels}{stored}{classes} ({splits})")
}

/// The counts of rejected pictures by reason; empty if there are none.
fn rejects(manifest: &Manifest) -> String {
    let total: u64 = manifest.rejects.values().sum();
    if total == 0 {
        return String::new();
    }
    let reasons =
        manifest.rejects.iter().filter(|(_, n)| **n > 0).map(|(reason, n)| format!("{reason} {n}"));
    format!(
        "{total} pictures rejected ({}); rejects.jsonl names them\n",
        reasons.collect::<Vec<_>>().join(", ")
    )
}

/// The number of pictures of every class in train, val and test.
fn class_counts(dataset: &Dataset) -> Result<Vec<[u64; 3]>> {
    let manifest = dataset.manifest();
    let mut counts = vec![[0; 3]; manifest.classes.len()];
    for (i, split) in Split::ALL
        .iter()
        .enumerate()
        .filter(|(_, split)| manifest.splits.iter().any(|s| s.name == split.name()))
    {
        let split = dataset.split(split.name())?;
        for label in (0..split.len()).filter_map(|n| split.label(n)) {
            if let Some(count) = counts.get_mut(label as usize) {
                count[i] += 1;
            }
        }
    }
    Ok(counts)
}

fn verify(dir: &Path) -> Result<Ending> {
    let found = verify::verify(dir)?;
    for stray in &found.strays {
        tracing::warn!("{}: belongs to no split of this data set", dir.join(stray).display());
    }
    if found.damaged.is_empty() {
        tell(&format!(
            "{}: {}, all {} bytes are sound\n",
            dir.display(),
            summary(&found.manifest),
            found.bytes
        ));
        return Ok(Ending::Done);
    }
    // The exit code reports it too.
    tell(&found.damaged.iter().fold(String::new(), |text, line| text + line + "\n"));
    Ok(Ending::Damaged)
}

fn show(args: &ShowArgs) -> Result<Ending> {
    let dataset = Dataset::open(&args.dir)?;
    let manifest = dataset.manifest();
    let mut text = format!("{}: {}\n", args.dir.display(), summary(manifest));
    let settings =
        manifest.settings.keys().map(|name| format!("{name} {}", manifest.setting(name)));
    let _ = writeln!(text, "built with {}", settings.collect::<Vec<_>>().join(", "));
    let _ = writeln!(text, "source {}, fingerprint {}", manifest.format, manifest.fingerprint);
    text += &account::lines(&manifest.account);
    text += &rejects(manifest);
    text += &dry_run::classes(&manifest.classes, &class_counts(&dataset)?);
    if let Some(out) = &args.out {
        let (number, columns) = (usize::from(args.number), usize::from(args.columns));
        if args.rejects && manifest.rejects.values().all(|&n| n == 0) {
            return Err(UsageError(format!(
                "--rejects: nothing was left out of {}",
                args.dir.display()
            ))
            .into());
        }
        let sheet = if args.rejects {
            sheets::of_rejects(&dataset, number, columns)?
        } else if args.crops.is_empty() {
            sheets::of_split(&dataset, &args.split, number, columns, !args.plain)?
        } else {
            let options = BuildOptions::of_manifest(manifest, args.crops.clone())?;
            let plan = Plan::new(&options)?;
            {
                let preparer = Preparer::new(&plan, &options, false);
                let places = sheets::spread(plan.listed, number);
                sheets::before_after(places.map(|place| preparer.before_after(place)), columns)
            }
        };
        let png = sheet
            .to_png()
            .with_context(|| format!("split {:?} has no picture for a sheet", args.split))?;
        shared::fs::create_folder_for(out)?;
        shared::fs::write(out, &png)?;
        let _ = writeln!(text, "{}", out.display());
    }
    print(&text)?;
    Ok(Ending::Done)
}

fn export(args: &ExportArgs, stop: &Stop) -> Result<Ending> {
    let (dataset, options, out) = (Dataset::open(&args.dir)?, args.options(), args.out.display());
    let size = dataset.manifest().size;
    if options.layout == ExportLayout::StyleGan && (size < 4 || !size.is_power_of_two()) {
        tracing::warn!(
            "StyleGAN2 requires a size of 4, 8, 16, … pixels, these have {size}; StyleGAN3 accepts them"
        );
    }
    match export::export(&dataset, &args.out, &options, stop)? {
        ExportOutcome::Done(count) => tell(&format!("{out}: {count} PNG files\n")),
        ExportOutcome::Stopped(code) => return Ok(Ending::Stopped(code)),
    }
    Ok(Ending::Done)
}

fn synth(args: SynthArgs, stop: &Stop) -> Result<Ending> {
    let options = args.into_options()?;
    let (out, count) = (options.out.display(), options.count);
    match synth::synth(&options, stop)? {
        SynthOutcome::UpToDate => tell(&format!("{out} is up to date: {count} drawn pictures\n")),
        SynthOutcome::Drawn => tell(&format!("{out}: {count} drawn pictures\n")),
        SynthOutcome::Stopped(code) => return Ok(Ending::Stopped(code)),
    }
    Ok(Ending::Done)
}
