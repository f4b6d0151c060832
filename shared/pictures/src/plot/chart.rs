//! Panels in rows, with a title and a legend.

use super::legend::{LINE_HEIGHT, draw_name, legend_rows, letters_in};
use super::panel::{PANEL_HEIGHT, PANEL_WIDTH, Panel};
use super::pen::{INK, TEXT};
use super::stroke::Stroke;
use crate::Picture;

/// The position of the legend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Legend {
    /// Above each panel, where it has several lines.
    #[default]
    Above,
    /// Below all panels, each name once.
    Below,
}

/// Panels in rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chart {
    /// Above all panels; empty = none.
    pub title: String,
    /// From the left, from the top.
    pub panels: Vec<Panel>,
    /// Panels in a row.
    pub columns: usize,
    /// The position of the legend.
    pub legend: Legend,
}

/// Pixels around everything.
pub(super) const MARGIN: u32 = 16;

impl Chart {
    /// The chart as an RGB picture, 640 × 400 pixels a panel; higher where any panel is square.
    #[must_use]
    pub fn draw(&self) -> Picture {
        let columns = self.columns.clamp(1, self.panels.len().max(1)) as u32;
        let rows = (self.panels.len() as u32).div_ceil(columns);
        let width = 2 * MARGIN + columns * PANEL_WIDTH;
        let panel_height = self.panels.iter().map(Panel::height).max().unwrap_or(PANEL_HEIGHT);
        let head = if self.title.is_empty() { 0 } else { LINE_HEIGHT };
        let names = if self.legend == Legend::Below {
            legend_rows(&self.names(), width - 2 * MARGIN)
        } else {
            Vec::new()
        };
        let legend_top = MARGIN + head + rows * panel_height + MARGIN / 2;
        let foot = if names.is_empty() { 0 } else { MARGIN / 2 + names.len() as u32 * LINE_HEIGHT };
        let mut picture =
            Picture::filled(width, 2 * MARGIN + head + rows * panel_height + foot, 3, 255);
        let fitting: String = self.title.chars().take(letters_in(width - 2 * MARGIN)).collect();
        picture.draw_text(&fitting, MARGIN, MARGIN, TEXT, INK);
        for (i, panel) in (0..).zip(&self.panels) {
            let (x, y) =
                (MARGIN + i % columns * PANEL_WIDTH, MARGIN + head + i / columns * panel_height);
            panel.draw(&mut picture, (x, y), self.legend == Legend::Above);
        }
        for (row, names) in (0..).zip(&names) {
            for (x, name, stroke) in names {
                draw_name(&mut picture, name, *stroke, MARGIN + x, legend_top + row * LINE_HEIGHT);
            }
        }
        picture
    }

    /// The names of all lines, each once.
    pub(super) fn names(&self) -> Vec<(&str, Stroke)> {
        let mut names: Vec<(&str, Stroke)> = Vec::new();
        for line in self.panels.iter().flat_map(|panel| &panel.lines) {
            if !names.iter().any(|(name, _)| *name == line.name) {
                names.push((&line.name, line.stroke));
            }
        }
        names
    }
}
