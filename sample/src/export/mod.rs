//! `sample export`: the generator as a file that other programs run, without this one.
//!
//! | module | holds |
//! |---|---|
//! | [`facts`] | what the files say about the run |
//! | [`onnx`], [`safetensors`] | the operations and tensors as bytes |

pub mod facts;
pub mod onnx;
pub mod safetensors;

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use shared::cli::{Ending, UsageError};
use shared::fs::{self, AtomicFile, Claim, FsError};
use shared::nn::graph::Part;

use crate::output;
use crate::source::{DrawArgs, SourceArgs, StyleArgs};

const EXAMPLES: &str = "\
Examples:
  sample export runs/birds --onnx birds.onnx                  for onnxruntime: pictures [N, 3, 64, 64] of z [N, latent]
  sample export runs/birds --safetensors birds.safetensors    for PyTorch, with the loader of docs/EXPORT.md
  sample export runs/faces --onnx faces.onnx --truncation 0.7 psi of a generator with styles, in the file
  sample export runs/faces --onnx w.onnx --part mapping       ws [N, layers, styles] of z [N, latent]
  sample export runs/faces --onnx g.onnx --part synthesis     pictures of ws";

/// The part of a generator in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PartName {
    /// From latent vectors to pictures
    All,
    /// From latent vectors to styles
    Mapping,
    /// From styles to pictures
    Synthesis,
}

impl From<PartName> for Part {
    fn from(name: PartName) -> Self {
        match name {
            PartName::All => Self::All,
            PartName::Mapping => Self::Mapping,
            PartName::Synthesis => Self::Synthesis,
        }
    }
}

/// Flags of `sample export`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ExportArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// Write it for ONNX: onnxruntime, browsers, phones
    #[arg(long, value_name = "FILE")]
    onnx: Option<PathBuf>,
    /// Write it for PyTorch, with the loader that docs/EXPORT.md shows
    #[arg(long, value_name = "FILE")]
    safetensors: Option<PathBuf>,
    /// Part of a generator with styles; a file of styles takes and gives a w for each layer
    #[arg(long, value_enum, default_value = "all")]
    part: PartName,
    /// Psi of a generator with styles: w moves towards its average (1 as trained, 0 the average)
    #[arg(long, value_name = "PSI", allow_negative_numbers = true)]
    truncation: Option<f64>,
    #[command(flatten)]
    styles: StyleArgs,
}

/// Carries out `sample export`.
///
/// # Errors
/// When no file is asked for, the run cannot be read, its generator draws while it samples, or a
/// file cannot be written.
pub fn run(args: ExportArgs) -> Result<Ending> {
    if args.onnx.is_none() && args.safetensors.is_none() {
        return Err(UsageError(
            "export: name a file: --onnx FILE, --safetensors FILE or both".into(),
        )
        .into());
    }
    if let (Some(onnx), Some(safetensors)) = (&args.onnx, &args.safetensors)
        && place(onnx) == place(safetensors)
    {
        return Err(UsageError("export: --onnx and --safetensors name the same file".into()).into());
    }
    let named = [("--onnx", &args.onnx), ("--safetensors", &args.safetensors)];
    let named: Vec<(&str, &Path)> =
        named.iter().filter_map(|(flag, path)| Some((*flag, path.as_deref()?))).collect();
    named.iter().try_for_each(|(flag, path)| output::check(flag, path, &args.source.run))?;
    let claims: Result<Vec<Claim>> =
        named.iter().map(|(flag, path)| output::claim(flag, path)).collect();
    let _claims = claims?;
    let (sampler, meta) = args.source.open_any()?;
    let draw = DrawArgs { class: None, truncation: args.truncation, styles: args.styles };
    if let (PartName::Synthesis, Some(psi)) = (args.part, args.truncation) {
        let text =
            format!("--truncation {psi}: it belongs to the mapping, not to --part synthesis");
        return Err(UsageError(text).into());
    }
    let graph = draw.applied(sampler)?.graph(args.part.into())?;
    let mut facts = facts::facts(&meta, args.source.weights());
    facts.extend(facts::of_draw(&draw));
    let mut files = Vec::new();
    if let Some(path) = &args.onnx {
        files.push((path.as_path(), onnx::encode(&graph, &facts)?));
    }
    if let Some(path) = &args.safetensors {
        files.push((path.as_path(), safetensors::encode(&graph, &facts).context("safetensors")?));
    }
    write_all(&files)?;
    for (path, bytes) in &files {
        output::report(
            path,
            bytes.len() as u64,
            &format!("{} operations, {} weights", graph.nodes.len(), graph.weights()),
        );
    }
    Ok(Ending::Done)
}

/// The folder as the system knows it, and the name in it.
fn place(path: &Path) -> (Option<PathBuf>, Option<&OsStr>) {
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    (folder.canonicalize().ok(), path.file_name())
}

/// Writes all of the files or none: only when a name is refused after all are on the disk, those
/// before it have theirs.
///
/// # Errors
/// When one cannot be written; what took an older one's place before is named.
pub fn write_all(files: &[(&Path, Vec<u8>)]) -> Result<()> {
    let mut staged = Vec::new();
    for (path, bytes) in files {
        let mut file = AtomicFile::create(*path)?;
        file.write_all(bytes).map_err(|source| FsError {
            operation: "write",
            path: path.to_path_buf(),
            source,
        })?;
        file.sync()?;
        staged.push((*path, path.exists(), file));
    }
    let mut named: Vec<(&Path, bool)> = Vec::new();
    for (path, replaces, file) in staged {
        let committed = file.commit();
        // Also where only the folder could not be synced it has its name.
        if committed.as_ref().map_or_else(|error| error.operation == "sync folder", |()| true) {
            named.push((path, replaces));
        }
        if let Err(error) = committed {
            // Two generators beside each other would be taken for one: what is new goes, unless it
            // has taken an older one's place. Why it could not be removed matters less than why
            // another failed.
            for (path, _) in named.iter().filter(|(_, replaces)| !replaces) {
                let _ = fs::remove(path);
            }
            let replaced: Vec<String> = named
                .iter()
                .filter(|(_, replaces)| *replaces)
                .map(|(path, _)| path.display().to_string())
                .collect();
            let error = anyhow::Error::from(error);
            return Err(match replaced.is_empty() {
                true => error,
                false => error.context(format!(
                    "{} is new already: run the same command again",
                    replaced.join(", ")
                )),
            });
        }
    }
    Ok(())
}
