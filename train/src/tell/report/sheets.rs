//! The sheets of fixed latents over time, beside real pictures.

use std::path::Path;

use shared::nn::config::Feed;
use shared::picture::{Limits, Picture};
use shared::{cli, fs};

use super::html::{Html, element, figure, note, picture, text};
use crate::tell::numbers::count;
use crate::tell::record::Record;

/// Number of sheets shown.
const SHEETS: usize = 8;

/// A larger file is not a sheet of ours.
const FILE_LIMIT: u64 = 1 << 28;

/// The last sheet beside the reals, and a selection of earlier ones.
pub(super) fn section(record: &Record) -> Html {
    let sheets = match record.run.sheets_over_time(SHEETS) {
        Ok(sheets) => sheets,
        Err(error) => {
            return note(format!("The sheets cannot be listed: {}.", cli::one_line(&error)));
        }
    };
    let reals = record.run.file("samples/reals.png");
    let reals = if reals.exists() {
        sheet(&reals, "Real pictures")
    } else {
        note("There is no sheet of real pictures.")
    };
    let Some(((last, path), earlier)) = sheets.split_last() else {
        let none = note(
            "There are no sheets of samples: the run has samples.every = 0, or has not started.",
        );
        return [none, element("div", &[("class", "pair")], [reals])].into_iter().collect();
    };
    let pair = element("div", &[("class", "pair")], [sheet(path, &caption(record, *last)), reals]);
    let explained = note(if record.config.settings.task.feed() == Feed::Pictures {
        "The same latents each time, through the averaged generator."
    } else {
        "The same sources each time: each beside its translation and, for pairs, its target."
    });
    let strip = element(
        "div",
        &[("class", "strip")],
        earlier.iter().map(|(epoch, path)| sheet(path, &caption(record, *epoch))),
    );
    [explained, pair, strip].into_iter().collect()
}

fn caption(record: &Record, epoch: u64) -> String {
    match record.step_of_epoch(epoch) {
        _ if epoch == 0 => "Before the first step".into(),
        Some(step) => format!("Epoch {}, step {}", count(epoch), count(step)),
        None => format!("Epoch {}", count(epoch)),
    }
}

/// A sheet's file, embedded unchanged if it is a picture.
fn sheet(path: &Path, caption: &str) -> Html {
    let read = fs::read_bounded(path, FILE_LIMIT).map_err(|error| cli::one_line(&error));
    let whole = read.and_then(|png| match Picture::decode(&png, &Limits::default()) {
        Ok(decoded) => Ok((png, (decoded.width, decoded.height))),
        Err(error) => Err(format!("{}: {}", path.display(), cli::one_line(&error))),
    });
    match whole {
        Ok((png, extent)) => figure("sheet", picture(&png, extent, caption), text(caption)),
        Err(why) => figure("sheet", note(why), text(caption)),
    }
}
