//! Charts as pictures: panels with axes, round ticks, a legend, anti-aliased lines, clouds of points, spreads, names beside points. The letters are those of
//! [`crate`], so a chart needs no font and has the same bytes everywhere.
//!
//! It knows nothing of what the numbers mean.

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
