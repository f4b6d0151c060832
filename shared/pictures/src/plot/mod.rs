//! Charts as pictures: panels with axes, round ticks, a legend, anti-aliased lines, clouds of
//! points, spreads, names beside points. The letters are those of [`crate`], so a chart needs no
//! font and has the same bytes everywhere.
//!
//! It knows nothing of the meaning of the numbers.
//!
//! ```
//! use fledge_pictures::plot::{Chart, Line, Panel, Stroke};
//!
//! let line = Line::new("loss", Stroke::of(0), vec![(0.0, 1.0), (1.0, 0.5), (2.0, 0.4)]);
//! let panel = Panel { title: "losses".into(), lines: vec![line], ..Panel::default() };
//! let picture = Chart { panels: vec![panel], columns: 1, ..Chart::default() }.draw();
//! assert_eq!(picture.channels, 3);
//! ```

mod axis;
mod chart;
mod label;
mod legend;
mod line;
pub mod nearest;
mod number;
mod panel;
mod pen;
mod stroke;
#[cfg(test)]
mod tests;

pub use self::axis::Scale;
pub use self::chart::{Chart, Legend};
pub use self::line::{Line, Spread};
pub use self::number::short;
pub use self::panel::Panel;
pub use self::stroke::Stroke;
