//! Charts as pictures: panels with axes, round ticks, a legend, anti-aliased lines, clouds of points, spreads, names beside points. The letters are those of
//! [`crate`], so a chart needs no font and has the same bytes everywhere.
//!
//! It knows nothing of what the numbers mean.

mod axis;
mod label;
pub mod nearest;
mod number;
mod panel;
mod pen;

pub use self::number::short;
use self::pen::{INK, SOFT_INK, TEXT};
use crate::{CAPTION_HEIGHT, Picture, caption_width};

/// Colours that are told apart with any kind of colour vision (Okabe and Ito 2008, "Color Universal Design"), without their yellow, which
/// is too light for a line on white.
const COLORS: [[u8; 3]; 7] =
    [[0, 114, 178], [213, 94, 0], [0, 158, 115], [204, 121, 167], [230, 159, 0], [86, 180, 233], [60, 60, 60]];

/// How a line looks: its colour, and whether it is dashed, or not drawn between its points at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stroke {
    color: [u8; 3],
    pattern: Pattern,
}

/// What is drawn from point to point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pattern {
    Solid,
    Dashed,
    Apart,
}

impl Stroke {
    /// The looks of line `index` of a chart: seven colours, then the same ones dashed.
    #[must_use]
    pub fn of(index: usize) -> Self {
        let pattern = if index / COLORS.len() % 2 == 1 { Pattern::Dashed } else { Pattern::Solid };
        Self { color: COLORS[index % COLORS.len()], pattern }
    }

    /// The looks of set `index` of points that are not joined: seven colours, again and again.
    #[must_use]
    pub fn apart(index: usize) -> Self {
        Self { color: COLORS[index % COLORS.len()], pattern: Pattern::Apart }
    }
}

/// How far the values of a line spread around its points.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Spread {
    /// Not known.
    #[default]
    None,
    /// A band: y minus and plus so much at each point; none where it is not finite.
    Band(Vec<f64>),
    /// Bars through each point: x and y minus and plus so much; none where it is not finite.
    Bars(Vec<(f64, f64)>),
}

/// A row of points, joined if the stroke joins them.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What the legend calls it.
    pub name: String,
    /// How it looks.
    pub stroke: Stroke,
    /// x ascending where they are joined; the line is broken where y is not finite.
    pub points: Vec<(f64, f64)>,
    /// A dot at each point, for values that are far between.
    pub dots: bool,
    /// How much of what is behind a dot it hides, from 0 to 1. Below 1 dots are smaller, and many over each other darker than one.
    pub opacity: f32,
    /// The point with a ring around it.
    pub marked: Option<usize>,
    /// What stands beside each point; nothing beside those for which there is no text.
    pub labels: Vec<String>,
    /// How far the values spread.
    pub spread: Spread,
}

impl Line {
    /// A line without dots.
    #[must_use]
    pub fn new(name: impl Into<String>, stroke: Stroke, points: Vec<(f64, f64)>) -> Self {
        let (labels, spread) = (Vec::new(), Spread::None);
        Self { name: name.into(), stroke, points, dots: false, opacity: 1.0, marked: None, labels, spread }
    }

    /// Points that are not joined, set `index` of a chart.
    #[must_use]
    pub fn cloud(name: impl Into<String>, index: usize, points: Vec<(f64, f64)>, opacity: f32) -> Self {
        Self { dots: true, opacity, ..Self::new(name, Stroke::apart(index), points) }
    }
}

/// How values lie along an axis.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Scale {
    /// As far as the values go; of very many, a few far off are cut off at the edge.
    #[default]
    Auto,
    /// The same, from 0 at least.
    FromZero,
    /// From one value to the other.
    Fixed(f64, f64),
    /// By the logarithm; values that are not above 0 are left out.
    Log,
}

/// One pair of axes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Panel {
    /// Above it.
    pub title: String,
    /// Below the x axis.
    pub x_label: String,
    /// How values lie along the x axis; without one from 0, or what is below, to the last.
    pub x_scale: Option<Scale>,
    /// Beside the y axis, for axes whose labels are short; empty where the title says it.
    pub y_label: String,
    /// How values lie along the y axis.
    pub scale: Scale,
    /// As high as wide.
    pub square: bool,
    /// What is drawn, the last on top.
    pub lines: Vec<Line>,
}

/// Where the names of lines stand.
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
    /// Where the names of lines stand.
    pub legend: Legend,
}

/// Pixels of a panel, its labels included.
const PANEL_WIDTH: u32 = 640;
const PANEL_HEIGHT: u32 = 400;
/// Pixels around everything.
const MARGIN: u32 = 16;
/// Pixels of a line of text.
const LINE_HEIGHT: u32 = (CAPTION_HEIGHT + 5) * TEXT;

impl Chart {
    /// The chart as an RGB picture, 640 × 400 pixels a panel; higher where any panel is square.
    #[must_use]
    pub fn draw(&self) -> Picture {
        let columns = self.columns.clamp(1, self.panels.len().max(1)) as u32;
        let rows = (self.panels.len() as u32).div_ceil(columns);
        let width = 2 * MARGIN + columns * PANEL_WIDTH;
        let panel_height = self.panels.iter().map(Panel::height).max().unwrap_or(PANEL_HEIGHT);
        let head = if self.title.is_empty() { 0 } else { LINE_HEIGHT };
        let names = if self.legend == Legend::Below { legend_rows(&self.names(), width - 2 * MARGIN) } else { Vec::new() };
        let legend_top = MARGIN + head + rows * panel_height + MARGIN / 2;
        let foot = if names.is_empty() { 0 } else { MARGIN / 2 + names.len() as u32 * LINE_HEIGHT };
        let mut picture = Picture::filled(width, 2 * MARGIN + head + rows * panel_height + foot, 3, 255);
        let fitting: String = self.title.chars().take(letters_in(width - 2 * MARGIN)).collect();
        picture.draw_text(&fitting, MARGIN, MARGIN, TEXT, INK);
        for (i, panel) in (0..).zip(&self.panels) {
            let (x, y) = (MARGIN + i % columns * PANEL_WIDTH, MARGIN + head + i / columns * panel_height);
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
    fn names(&self) -> Vec<(&str, Stroke)> {
        let mut names: Vec<(&str, Stroke)> = Vec::new();
        for line in self.panels.iter().flat_map(|panel| &panel.lines) {
            if !names.iter().any(|(name, _)| *name == line.name) {
                names.push((&line.name, line.stroke));
            }
        }
        names
    }
}

/// Pixels of the piece of line before a name, and of the space behind that piece and behind the name.
const SAMPLE: u32 = 32;
const GAP: u32 = 8;

/// Pixels that a name takes with the piece of line before it.
fn name_width(name: &str) -> u32 {
    SAMPLE + GAP + caption_width(name) * TEXT
}

/// How many letters fit into so many pixels.
fn letters_in(pixels: u32) -> usize {
    (pixels / caption_width("mm").saturating_sub(caption_width("m")).max(1) / TEXT) as usize
}

/// The names in rows of at most `width` pixels, each with its place from the left.
fn legend_rows<'a>(names: &[(&'a str, Stroke)], width: u32) -> Vec<Vec<(u32, String, Stroke)>> {
    let cut = |name: &'a str| name.chars().take(letters_in(width - SAMPLE - GAP)).collect::<String>();
    let mut rows: Vec<Vec<(u32, String, Stroke)>> = Vec::new();
    let mut x = 0;
    for (name, stroke) in names.iter().map(|(name, stroke)| (cut(name), *stroke)) {
        let taken = name_width(&name);
        if rows.is_empty() || x + taken > width {
            rows.push(Vec::new());
            x = 0;
        }
        if let Some(row) = rows.last_mut() {
            row.push((x, name, stroke));
        }
        x += taken + 3 * GAP;
    }
    rows
}

/// A piece of the line and its name, with the upper left corner at (`x`, `y`).
fn draw_name(picture: &mut Picture, name: &str, stroke: Stroke, x: u32, y: u32) {
    let middle = f64::from(y) + f64::from(CAPTION_HEIGHT * TEXT) / 2.0;
    let ends = [(f64::from(x), middle), (f64::from(x + SAMPLE), middle)];
    let mut layer = pen::Layer::new((x, y, SAMPLE, CAPTION_HEIGHT * TEXT)).polyline(&ends, stroke);
    if stroke.pattern == Pattern::Apart {
        layer = layer.dot((f64::from(x + SAMPLE / 2), middle), panel::DOT);
    }
    layer.lay_over(picture, stroke.color);
    picture.draw_text(name, x + SAMPLE + GAP, y, TEXT, SOFT_INK);
}

#[cfg(test)]
mod tests;
