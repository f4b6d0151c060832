//! Measurements as plots and sheets. Drawn by [`shared::plot`], so the bytes are the same
//! everywhere.
//!
//! | module | holds |
//! |---|---|
//! | [`curve`] | `evaluate curve`: the metrics of every checkpoint, from `metrics.jsonl` or measured |
//! | [`checkpoints`] | the measurements of a run that `metrics.jsonl` holds or lacks |
//! | [`curve_plot`] | metrics against kimg |
//! | [`nearest`] | `evaluate nearest`: samples beside their nearest training pictures |
//! | [`scatter`] | `evaluate scatter`: sets along their first two principal components |
//! | [`plane`] | `evaluate plane`: precision against recall, density against coverage |

pub mod checkpoints;
pub mod curve;
pub mod curve_plot;
pub mod nearest;
pub mod plane;
pub mod scatter;
