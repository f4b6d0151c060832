//! Augmentation of D's input (Karras et al. 2020, arXiv:2006.06676; Zhao et al. 2020,
//! arXiv:2006.10738): real and generated pictures go through the same random transforms, with a
//! probability p that rises while D judges too many reals as real.
//!
//! [`draw`] draws a batch's transforms on the host; [`Plan::apply`] applies them on the device and
//! is differentiable.
//!
//! | module | contents |
//! |---|---|
//! | [`controller`] | adjusts p |
//! | [`backlog`] | observations awaiting the controller |
//! | [`transform`] | the transforms of ADA and its sets, each one table |
//! | [`effect`] | the combined transforms of one picture |
//! | [`plan`] | the steps of a batch |
//! | [`geometry`], [`color`], [`filter`], [`noise`], [`cutout`] | the steps |
//! | [`fir`] | FIR filters along an axis as matrices |
//! | [`keras`], [`diffaugment`] | pipelines with their own transforms |
//! | [`mod@preview`] | a sheet that shows a pipeline |

pub mod backlog;
pub mod color;
pub mod controller;
pub mod cutout;
pub mod diffaugment;
pub mod effect;
pub mod filter;
pub mod fir;
pub mod geometry;
pub mod keras;
pub mod noise;
pub mod plan;
pub mod preview;
pub mod transform;

use shared::nn::config::{AugmentConfig, PipelineName};
use shared::nn::range::Range;
use shared::rng::Stream;

pub use controller::Controller;
pub use effect::Effect;
pub use plan::Plan;
pub use preview::preview;
pub use shared::nn::ops::{Affine, warp};

/// Draws the augmentation of `batch` pictures of `shape` (channels, height, width) with pixels in
/// `range`, at probability `p`.
#[must_use]
pub fn draw(
    config: &AugmentConfig,
    p: f64,
    batch: usize,
    shape: [usize; 3],
    range: Range,
    stream: &mut Stream,
) -> Plan {
    let one_coin = config.one_coin();
    match config.pipeline {
        PipelineName::None => Plan::default(),
        PipelineName::Keras => keras::plan(&keras::draw(one_coin, p, batch, stream), shape),
        PipelineName::Diffaugment => {
            let drawn: Vec<_> =
                (0..batch).map(|_| diffaugment::DiffAugment::draw(shape, stream)).collect();
            diffaugment::plan(&drawn, shape, range)
        }
        set => {
            let effects: Vec<_> =
                (0..batch).map(|_| transform::draw(set, one_coin, p, shape, stream)).collect();
            let noise =
                noise::draw(&effects.iter().map(|e| e.noise).collect::<Vec<_>>(), shape, stream);
            effect::plan(&effects, noise, shape, range)
        }
    }
}

#[cfg(test)]
mod tests;
