//! `evaluate weights`: which published weights there are, which are stored and whole, and getting them, with a network or
//! without one.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use shared::cli::{DataError, UsageError, one_line, print, tell};
use shared::fs::{self, FsError};
use shared::metrics::weights::{self, CONVERTED, Converted, INCEPTION, PUBLISHED, Published};
use shared::table::aligned;

use crate::cache::size;
use crate::client::Client;
use crate::download::{self, Download, Got, copy_hashed, sha256_of_file, unfinished};

/// Stands for every name.
const ALL: &str = "all";

const EXAMPLES: &str = "\
Examples:
  evaluate weights                                    which there are, and which are stored
  evaluate weights --list vgg16                       all about one: address, SHA-256, licence, place
  evaluate weights --fetch                            get inception (96 MB): enough for KID and FID
  evaluate weights --fetch dinov2-vit-b-14 lpips-vgg
  evaluate weights --fetch all --mirror https://mirror.example/weights/
  evaluate weights --import ~/Downloads/*.pth         take files that came another way; each is recognised by its SHA-256
  evaluate weights --check                            read all that is stored and compare the SHA-256s

They are kept in $XDG_CACHE_HOME/fledge/weights, or ~/.cache/fledge/weights.
HTTPS_PROXY, ALL_PROXY, NO_PROXY and SSL_CERT_FILE (certificates, PEM) are followed.";

/// Flags of `evaluate weights`.
#[derive(Args, Clone, Debug, Default)]
#[command(after_help = EXAMPLES)]
pub struct WeightsArgs {
    /// Show which there are (the default); with names, all about these
    #[arg(long, num_args = 0.., value_name = "NAME", conflicts_with_all = ["fetch", "check", "import"])]
    pub list: Option<Vec<String>>,
    /// Download these, or all [default: inception]; a download that was cut off goes on where it stopped
    #[arg(long, num_args = 0.., value_name = "NAME", conflicts_with_all = ["check", "import"])]
    pub fetch: Option<Vec<String>>,
    /// Read these and compare their SHA-256 [default: all that are stored]
    #[arg(long, num_args = 0.., value_name = "NAME", conflicts_with = "import")]
    pub check: Option<Vec<String>>,
    /// Store copies of files that were downloaded elsewhere; their names do not matter, their SHA-256 does
    #[arg(long, num_args = 1.., value_name = "FILE")]
    pub import: Vec<PathBuf>,
    /// Download from here instead, with the file's name behind it; the SHA-256 must be the same
    #[arg(long, requires = "fetch", value_name = "URL-PREFIX")]
    pub mirror: Option<String>,
    /// Download the one file from here instead; the SHA-256 must be the same
    #[arg(long, requires = "fetch", conflicts_with = "mirror", value_name = "URL")]
    pub url: Option<String>,
}

/// Where a download comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin<'a> {
    /// Who published it.
    #[default]
    Publisher,
    /// A place that has the files under their names.
    Mirror(&'a str),
    /// Exactly here.
    Url(&'a str),
}

/// How files are fetched.
#[derive(Clone, Copy)]
pub struct Fetching<'a> {
    /// Where from.
    pub origin: Origin<'a>,
    /// How long to wait before each further try.
    pub pauses: &'a [Duration],
    /// Who asks for an address.
    pub client: &'a dyn Fn(&str) -> Result<Client, UsageError>,
}

/// The kept weights.
#[derive(Clone, Debug)]
pub struct Store<'a> {
    /// Where they are kept.
    pub folder: PathBuf,
    /// Which can be fetched.
    pub published: &'a [Published],
    /// Which are converted.
    pub converted: &'a [Converted],
}

/// Carries out `evaluate weights`.
///
/// # Errors
/// When a name is unknown, a file cannot be had, or one is not the published one.
pub fn run(args: &WeightsArgs) -> Result<()> {
    let store = Store { folder: weights::folder()?, published: &PUBLISHED, converted: &CONVERTED };
    if let Some(names) = &args.fetch {
        let names = if names.is_empty() { vec![INCEPTION.name.to_owned()] } else { names.clone() };
        let origin = match (&args.mirror, &args.url) {
            (Some(prefix), _) => Origin::Mirror(prefix),
            (None, Some(url)) => Origin::Url(url),
            (None, None) => Origin::Publisher,
        };
        return store.fetch(&names, Fetching { origin, pauses: &download::PAUSES, client: &Client::from_env });
    }
    if let Some(names) = &args.check {
        return store.check(names);
    }
    if !args.import.is_empty() {
        return args.import.iter().try_for_each(|file| {
            let published = store.import(file)?;
            tell(&format!("{}: stored as {}\n", file.display(), store.path(published.file).display()));
            Ok(())
        });
    }
    match args.list.as_deref() {
        None | Some([]) => Ok(print(&store.table())?),
        Some(names) => Ok(print(&store.details(names)?)?),
    }
}

impl<'a> Store<'a> {
    fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    /// The published files of these names, each once.
    fn named(&self, names: &[String]) -> Result<Vec<&'a Published>, UsageError> {
        if names.iter().any(|name| name == ALL) {
            return Ok(self.published.iter().collect());
        }
        let mut found: Vec<&Published> = Vec::new();
        for name in names {
            if let Some(converted) = self.converted.iter().find(|c| c.name == *name) {
                let how = converted.how(&self.path(converted.file));
                return Err(UsageError(format!("{name} is not offered in a format that is read: {how}")));
            }
            let published = self.published.iter().find(|p| p.name == *name).ok_or_else(|| {
                let known: Vec<&str> = self.published.iter().map(|p| p.name).collect();
                UsageError(format!("no weights are called {name}: expected some of {}, or {ALL}", known.join(", ")))
            })?;
            if !found.contains(&published) {
                found.push(published);
            }
        }
        Ok(found)
    }

    /// One line for each file: its name, size, whether it is stored, what for; below them the folder.
    #[must_use]
    pub fn table(&self) -> String {
        let mut rows = vec![["name", "size", "stored", "file", "for"].map(str::to_owned)];
        let row = |[name, size, stored, file, purpose]: [&str; 5]| [name, size, stored, file, purpose].map(str::to_owned);
        rows.extend(self.published.iter().map(|p| row([p.name, &size(p.bytes), &self.state(p), p.file, p.purpose])));
        rows.extend(self.converted.iter().map(|c| {
            let stored = if self.path(c.file).is_file() { "yes" } else { "no: see --list" };
            row([c.name, "–", stored, c.file, c.purpose])
        }));
        format!("{}\nin {}\n", aligned(&rows), self.folder.display())
    }

    /// Whether a file is stored, by its length: `--check` reads it.
    fn state(&self, published: &Published) -> String {
        let length = |path: &Path| std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|m| m.len());
        let path = self.path(published.file);
        match (length(&path), length(&unfinished(&path))) {
            (Some(bytes), _) if bytes == published.bytes => "yes".into(),
            (Some(_), _) => "damaged".into(),
            (None, Some(bytes)) if bytes > 0 => {
                format!("unfinished, {} %", 100 * bytes.min(published.bytes) / published.bytes.max(1))
            }
            (None, _) => "no".into(),
        }
    }

    /// All that is known about the files of these names.
    ///
    /// # Errors
    /// When a name is unknown.
    pub fn details(&self, names: &[String]) -> Result<String, UsageError> {
        let mut text = String::new();
        let mut tell = |rows: &[(&str, String)]| {
            let rows: Vec<[String; 2]> = rows.iter().map(|(key, value)| [(*key).to_owned(), value.clone()]).collect();
            text += if text.is_empty() { "" } else { "\n" };
            text += &aligned(&rows);
        };
        for name in names {
            if let Some(c) = self.converted.iter().find(|c| c.name == *name) {
                let path = self.path(c.file);
                let stored = if path.is_file() { "yes".to_owned() } else { format!("no: {}", c.how(&path)) };
                tell(&[
                    ("name", c.name.into()),
                    ("for", c.purpose.into()),
                    ("file", path.display().to_string()),
                    ("stored", stored),
                    ("licence", c.license.into()),
                ]);
                continue;
            }
            for p in self.named(std::slice::from_ref(name))? {
                tell(&[
                    ("name", p.name.into()),
                    ("for", p.purpose.into()),
                    ("file", self.path(p.file).display().to_string()),
                    ("stored", self.state(p)),
                    ("url", p.url.into()),
                    ("sha256", p.sha256.into()),
                    ("bytes", p.bytes.to_string()),
                    ("licence", p.license.into()),
                ]);
            }
        }
        Ok(text)
    }

    /// Downloads the files of these names, those apart that are whole already.
    ///
    /// # Errors
    /// When a name is unknown or a file cannot be had: the text says how to get it without a network.
    pub fn fetch(&self, names: &[String], by: Fetching<'_>) -> Result<()> {
        let wanted = self.named(names)?;
        if matches!(by.origin, Origin::Url(_)) && wanted.len() != 1 {
            return Err(UsageError(format!("--url is the address of one file, not of {}: use --mirror", wanted.len())).into());
        }
        for published in wanted {
            let url = match by.origin {
                Origin::Publisher => published.url.to_owned(),
                Origin::Mirror(prefix) => format!("{}/{}", prefix.trim_end_matches('/'), published.file),
                Origin::Url(url) => url.to_owned(),
            };
            let (client, path) = ((by.client)(&url)?, self.path(published.file));
            let Published { sha256, bytes, .. } = *published;
            let download = Download { url: &url, path: &path, sha256, bytes, pauses: by.pauses, client: &client };
            let got = download.run().map_err(|e| {
                let offer = format!("download {} elsewhere and run `evaluate weights --import` on the file", published.url);
                anyhow::Error::msg(format!("{}; without a network here, {offer}", one_line(&e)))
            })?;
            tell(&format!("{}: {}\n", path.display(), if got == Got::Already { "whole already" } else { "fetched" }));
        }
        Ok(())
    }

    /// Reads the files of these names, or all that are stored, and says of each whether it is whole.
    ///
    /// # Errors
    /// When a name is unknown, a file is absent, or one is not the published one.
    pub fn check(&self, names: &[String]) -> Result<()> {
        let everything = names.is_empty() || names.iter().any(|name| name == ALL);
        let mut wanted = self.named(names)?;
        if everything {
            wanted = self.published.iter().filter(|p| self.path(p.file).is_file()).collect();
            if wanted.is_empty() {
                let text = format!("no weights are stored in {}: run `evaluate weights --fetch`", self.folder.display());
                return Err(UsageError(text).into());
            }
        }
        let mut damaged = Vec::new();
        for published in wanted {
            let path = self.path(published.file);
            if !path.is_file() {
                let name = published.name;
                return Err(UsageError(format!("{name} is not stored: run `evaluate weights --fetch {name}`")).into());
            }
            let sha256 = sha256_of_file(&path)?;
            if sha256 == published.sha256 {
                tell(&format!("{}: whole\n", path.display()));
                continue;
            }
            tell(&format!("{}: damaged, SHA-256 {sha256}, expected {}\n", path.display(), published.sha256));
            damaged.push(published.name);
        }
        if damaged.is_empty() {
            return Ok(());
        }
        let names = damaged.join(" ");
        Err(DataError(format!("damaged weights: {names}; run `evaluate weights --fetch {names}`")).into())
    }

    /// Stores a copy of a file that is one of the published ones, whatever its name.
    ///
    /// # Errors
    /// When it is none of them, or cannot be read or written.
    pub fn import(&self, file: &Path) -> Result<&'a Published> {
        let sha256 = sha256_of_file(file)?;
        let Some(published) = self.published.iter().find(|p| p.sha256 == sha256) else {
            let bytes = std::fs::metadata(file).map_or(0, |m| m.len());
            let text = match self.published.iter().find(|p| bytes < p.bytes && bytes > 0 && named_alike(file, p)) {
                Some(p) => format!("it has {bytes} of the {} bytes of {}: download it again", p.bytes, p.name),
                None => format!("its SHA-256 {sha256} is none of those that `evaluate weights --list NAME` shows"),
            };
            return Err(DataError(format!("{} is no published weights file: {text}", file.display())).into());
        };
        let path = self.path(published.file);
        fs::create_folder(&self.folder)?;
        let failed = |source| FsError { operation: "read", path: file.to_owned(), source };
        let mut from = File::open(file).map_err(failed)?;
        fs::write_with(&path, |to| match copy_hashed(&mut from, to)? == published.sha256 {
            true => Ok(()),
            // A network folder may give other bytes the second time.
            false => Err(io::Error::other("the file changed while it was copied")),
        })?;
        download::forget_unfinished(&path)?;
        Ok(published)
    }
}

/// Whether a file is called as a published one is, here or where it is offered.
fn named_alike(file: &Path, published: &Published) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name == published.file || published.url.ends_with(&format!("/{name}"))
}
