//! `report.html`: everything known about a run in one file that needs neither network nor scripts,
//! to be read on a phone, sent or printed. Made from the run folder alone, and the data set if it
//! still exists.
//!
//! | module | contents |
//! |---|---|
//! | [`command`] | `train report` |
//! | `html`, `style.css` | escaped HTML and its style |
//! | `overview`, `sheets`, `neighbours`, `quality`, `history`, `settings` | the sections |
//!
//! Whatever cannot be read is reported in its place: runs without samples, KID or data get a report
//! too, and so do runs with damaged logs.

pub mod command;
mod history;
mod html;
mod neighbours;
mod overview;
mod quality;
mod settings;
mod sheets;

use std::path::Path;

use anyhow::Result;
use shared::fs;
use shared::nn::run::Run;
use shared::picture::{Picture, PictureError};

use self::html::{Html, Section, element, leaf, note, page, picture};
use self::neighbours::Data;
use crate::tell::curves;
use crate::tell::record::Record;

/// File name in the run folder.
pub const FILE: &str = "report.html";

/// Size above which a page is slow to open and to send.
const LARGE_BYTES: usize = 50 << 20;

/// Writes the report of a run into its folder; for the process that owns the run, after training.
///
/// # Errors
/// If the run has no readable `config.toml`, or the file cannot be written.
pub fn write(run: &Run) -> Result<()> {
    let record = Record::read(run)?;
    let data = Data::find(&record, None)?;
    save(&record, &data, &run.file(FILE), true)
}

/// Writes the report of a run to `out`, without owning the run; `data` is the current location of
/// its data set.
///
/// # Errors
/// If the run has no readable `config.toml`, `data` is not its data set, or the file cannot be
/// written.
pub fn write_to(run: &Run, out: &Path, data: Option<&Path>) -> Result<()> {
    let record = Record::read(run)?;
    let data = Data::find(&record, data)?;
    save(&record, &data, out, false)
}

fn save(record: &Record, data: &Data, out: &Path, by_owner: bool) -> Result<()> {
    let page = render(record, data, by_owner);
    if page.len() > LARGE_BYTES {
        tracing::warn!(
            "{}: {} MB, most of it sheets: --set samples.pictures=16 makes them smaller",
            out.display(),
            page.len() >> 20
        );
    }
    fs::create_folder_for(out)?;
    Ok(fs::write(out, page.as_bytes())?)
}

/// The run's curves.
fn drawn(record: &Record) -> Html {
    if record.stats.is_empty() {
        return note("No epoch is done yet.");
    }
    let panel = |(title, panel): &(String, Picture)| {
        Ok(picture(&panel.to_png()?, (panel.width, panel.height), title))
    };
    match curves::panels(record).iter().map(panel).collect::<Result<Vec<Html>, PictureError>>() {
        Ok(panels) => element("div", &[("class", "curves")], panels),
        Err(error) => note(shared::cli::one_line(&error)),
    }
}

fn render(record: &Record, data: &Data, by_owner: bool) -> String {
    let mut sections = vec![
        Section { id: "figures", title: "Key figures", content: overview::figures(record) },
        Section { id: "curves", title: "Curves", content: drawn(record) },
        Section { id: "sheets", title: "Samples over time", content: sheets::section(record) },
        Section {
            id: "nearest",
            title: "Nearest training pictures",
            content: neighbours::section(record, data, by_owner),
        },
        Section { id: "quality", title: "Measured", content: quality::section(record) },
        Section { id: "alarms", title: "Alarms", content: history::alarms(record) },
        Section { id: "starts", title: "Starts", content: history::starts(record) },
        Section { id: "settings", title: "Settings", content: settings::section(record) },
        Section { id: "versions", title: "Versions", content: settings::versions(record) },
    ];
    if !record.complaints.is_empty() {
        let content = record.complaints.iter().map(note).collect();
        sections.push(Section { id: "damage", title: "Not readable", content });
    }
    let header = overview::header(record, record.word(by_owner));
    let footer = leaf(
        "p",
        "",
        format!(
            "fledge {}. This page needs no network and runs no script.",
            env!("CARGO_PKG_VERSION")
        ),
    );
    page(&overview::title(record), include_str!("style.css"), header, sections, footer)
}
