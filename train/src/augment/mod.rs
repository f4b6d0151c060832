//! Augmentation of what D sees (Karras et al. 2020, arXiv:2006.06676; Zhao et al. 2020,
//! arXiv:2006.10738): real and generated pictures go through the same random transforms, with a
//! probability p that rises while D takes too many reals for real.
//!
//! [`draw`] decides on the host what happens to a batch, [`Plan::apply`] does it on the device and
//! lets the gradient through.
//!
//! | module | holds |
//! |---|---|
//! | [`controller`] | what moves p |
//! | [`backlog`] | what it is still to hear of |
//! | [`transform`] | the transforms of ADA and its sets, each one table |
//! | [`effect`] | what transforms add up to for one picture |
//! | [`plan`] | the steps of a batch |
//! | [`geometry`], [`color`], [`filter`], [`noise`], [`cutout`] | the steps |
//! | [`fir`] | FIR filters along an axis as matrices |
//! | [`keras`], [`diffaugment`] | pipelines with transforms of their own |
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

/// What happens to `batch` pictures of `shape` (channels, height, width) whose pixels lie in
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
