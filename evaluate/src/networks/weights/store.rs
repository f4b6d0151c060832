//! `evaluate weights`: lists the published weights, and fetches, verifies or imports them.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use shared::cli::{DataError, UsageError, one_line, print, tell};
use shared::fs::{self, FsError};
use shared::metrics::weights::{self, CONVERTED, Converted, PUBLISHED, Published};
use shared::table::aligned;

use super::client::Client;
use super::download::{self, Download, Got, copy_hashed, sha256_of_file, unfinished};
use crate::text::size;

/// Stands for all names.
const ALL: &str = "all";

/// The source of a download.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// The publisher.
    #[default]
    Publisher,
    /// A prefix, followed by the file's name.
    Mirror(String),
    /// The address of one file.
    Url(String),
}

/// A task of `evaluate weights`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Show a table, or details of these names.
    List(Vec<String>),
    /// Download these.
    Fetch {
        /// Names of published files.
        names: Vec<String>,
        /// The source of the downloads.
        origin: Origin,
    },
    /// Verify these, or all stored files.
    Check(Vec<String>),
    /// Store copies of these files.
    Import(Vec<PathBuf>),
}

/// The parameters of a download.
#[derive(Clone)]
pub struct Fetching<'a> {
    /// The source.
    pub origin: Origin,
    /// Pauses before each retry.
    pub pauses: &'a [Duration],
    /// Creates a client for an address.
    pub client: &'a dyn Fn(&str) -> Result<Client, UsageError>,
}

/// The stored weights.
#[derive(Clone, Debug)]
pub struct Store<'a> {
    /// Their folder.
    pub folder: PathBuf,
    /// Files that can be fetched.
    pub published: &'a [Published],
    /// Files that a script converts.
    pub converted: &'a [Converted],
}

/// Runs `evaluate weights`.
///
/// # Errors
/// When a name is unknown, a file is unavailable, or one is not the published file.
pub fn run(task: &Task) -> Result<()> {
    let store = Store { folder: weights::folder()?, published: &PUBLISHED, converted: &CONVERTED };
    match task {
        Task::List(names) if names.is_empty() => Ok(print(&store.table())?),
        Task::List(names) => Ok(print(&store.details(names)?)?),
        Task::Fetch { names, origin } => {
            let (pauses, client) = (&download::PAUSES, &Client::from_env);
            store.fetch(names, &Fetching { origin: origin.clone(), pauses, client })
        }
        Task::Check(names) => store.check(names),
        Task::Import(files) => files.iter().try_for_each(|file| {
            let published = store.import(file)?;
            let stored = store.path(published.file);
            tell(&format!("{}: stored as {}\n", file.display(), stored.display()));
            Ok(())
        }),
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
                return Err(UsageError(format!(
                    "{name} is not published in a supported format: {how}"
                )));
            }
            let published = self.published.iter().find(|p| p.name == *name).ok_or_else(|| {
                let known: Vec<&str> = self.published.iter().map(|p| p.name).collect();
                UsageError(format!(
                    "no weights are called {name}: expected some of {}, or {ALL}",
                    known.join(", ")
                ))
            })?;
            if !found.contains(&published) {
                found.push(published);
            }
        }
        Ok(found)
    }

    /// One line per file with name, size, state and purpose; below them the folder.
    #[must_use]
    pub fn table(&self) -> String {
        let mut rows = vec![["name", "size", "stored", "file", "for"].map(str::to_owned)];
        let row = |[name, size, stored, file, purpose]: [&str; 5]| {
            [name, size, stored, file, purpose].map(str::to_owned)
        };
        rows.extend(
            self.published
                .iter()
                .map(|p| row([p.name, &size(p.bytes), &self.state(p), p.file, p.purpose])),
        );
        rows.extend(self.converted.iter().map(|c| {
            let stored = if self.path(c.file).is_file() { "yes" } else { "no: see --list" };
            row([c.name, "–", stored, c.file, c.purpose])
        }));
        format!("{}\nin {}\n", aligned(&rows), self.folder.display())
    }

    /// The state of a file, judged by its length; `--check` reads it.
    fn state(&self, published: &Published) -> String {
        let length = |path: &Path| {
            std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|m| m.len())
        };
        let path = self.path(published.file);
        match (length(&path), length(&unfinished(&path))) {
            (Some(bytes), _) if bytes == published.bytes => "yes".into(),
            (Some(_), _) => "damaged".into(),
            (None, Some(bytes)) if bytes > 0 => {
                let percent = 100 * bytes.min(published.bytes) / published.bytes.max(1);
                format!("unfinished, {percent} %")
            }
            (None, _) => "no".into(),
        }
    }

    /// Details of the files with these names.
    ///
    /// # Errors
    /// When a name is unknown.
    pub fn details(&self, names: &[String]) -> Result<String, UsageError> {
        let mut text = String::new();
        let mut tell = |rows: &[(&str, String)]| {
            let rows: Vec<[String; 2]> =
                rows.iter().map(|(key, value)| [(*key).to_owned(), value.clone()]).collect();
            text += if text.is_empty() { "" } else { "\n" };
            text += &aligned(&rows);
        };
        for name in names {
            if let Some(c) = self.converted.iter().find(|c| c.name == *name) {
                let path = self.path(c.file);
                let stored =
                    if path.is_file() { "yes".to_owned() } else { format!("no: {}", c.how(&path)) };
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

    /// Downloads the files with these names, except those already complete.
    ///
    /// # Errors
    /// When a name is unknown or a download fails; the text says how to get the file without a
    /// network.
    pub fn fetch(&self, names: &[String], by: &Fetching<'_>) -> Result<()> {
        let wanted = self.named(names)?;
        if matches!(by.origin, Origin::Url(_)) && wanted.len() != 1 {
            let count = wanted.len();
            return Err(UsageError(format!(
                "--url is the address of one file, not of {count}: use --mirror"
            ))
            .into());
        }
        for published in wanted {
            let url = match &by.origin {
                Origin::Publisher => published.url.to_owned(),
                Origin::Mirror(prefix) => {
                    format!("{}/{}", prefix.trim_end_matches('/'), published.file)
                }
                Origin::Url(url) => url.clone(),
            };
            let (client, path) = ((by.client)(&url)?, self.path(published.file));
            let Published { sha256, bytes, .. } = *published;
            let download = Download {
                url: &url,
                path: &path,
                sha256,
                bytes,
                pauses: by.pauses,
                client: &client,
            };
            let got = download.run().map_err(|e| {
                let url = published.url;
                let offer = format!(
                    "download {url} elsewhere and run `evaluate weights --import` on the file"
                );
                anyhow::Error::msg(format!("{}; without a network here, {offer}", one_line(&e)))
            })?;
            let how = if got == Got::Already { "already complete" } else { "fetched" };
            tell(&format!("{}: {how}\n", path.display()));
        }
        Ok(())
    }

    /// Verifies the files with these names, or all stored files, and prints the result of each.
    ///
    /// # Errors
    /// When a name is unknown, a file is missing, or one is not the published file.
    pub fn check(&self, names: &[String]) -> Result<()> {
        let everything = names.is_empty() || names.iter().any(|name| name == ALL);
        let mut wanted = self.named(names)?;
        if everything {
            wanted = self.published.iter().filter(|p| self.path(p.file).is_file()).collect();
            if wanted.is_empty() {
                let text = format!(
                    "no weights are stored in {}: run `evaluate weights --fetch`",
                    self.folder.display()
                );
                return Err(UsageError(text).into());
            }
        }
        let mut damaged = Vec::new();
        for published in wanted {
            let path = self.path(published.file);
            if !path.is_file() {
                let name = published.name;
                return Err(UsageError(format!(
                    "{name} is not stored: run `evaluate weights --fetch {name}`"
                ))
                .into());
            }
            let sha256 = sha256_of_file(&path)?;
            if sha256 == published.sha256 {
                tell(&format!("{}: intact\n", path.display()));
                continue;
            }
            tell(&format!(
                "{}: damaged, SHA-256 {sha256}, expected {}\n",
                path.display(),
                published.sha256
            ));
            damaged.push(published.name);
        }
        if damaged.is_empty() {
            return Ok(());
        }
        let names = damaged.join(" ");
        Err(DataError(format!("damaged weights: {names}; run `evaluate weights --fetch {names}`"))
            .into())
    }

    /// Stores a copy of a published file, whatever its name.
    ///
    /// # Errors
    /// When it is not a published file, or cannot be read or written.
    pub fn import(&self, file: &Path) -> Result<&'a Published> {
        let sha256 = sha256_of_file(file)?;
        let Some(published) = self.published.iter().find(|p| p.sha256 == sha256) else {
            let bytes = std::fs::metadata(file).map_or(0, |m| m.len());
            let text = match self
                .published
                .iter()
                .find(|p| bytes < p.bytes && bytes > 0 && named_alike(file, p))
            {
                Some(p) => format!(
                    "it has {bytes} of the {} bytes of {}: download it again",
                    p.bytes, p.name
                ),
                None => format!(
                    "`evaluate weights --list NAME` shows no file with its SHA-256 {sha256}"
                ),
            };
            return Err(DataError(format!(
                "{} is not a published weights file: {text}",
                file.display()
            ))
            .into());
        };
        let path = self.path(published.file);
        fs::create_folder(&self.folder)?;
        let failed = |source| FsError { operation: "read", path: file.to_owned(), source };
        let mut from = File::open(file).map_err(failed)?;
        fs::write_with(&path, |to| match copy_hashed(&mut from, to)? == published.sha256 {
            true => Ok(()),
            // A network folder may return other bytes the second time.
            false => Err(io::Error::other("the file changed while it was copied")),
        })?;
        download::forget_unfinished(&path)?;
        Ok(published)
    }
}

/// Reports if a file has the name of a published one, here or at its publisher.
fn named_alike(file: &Path, published: &Published) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name == published.file || published.url.ends_with(&format!("/{name}"))
}
