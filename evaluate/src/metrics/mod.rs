//! Features → numbers.
//!
//! | module | holds |
//! |---|---|
//! | [`fid`] | Fréchet distance of two Gaussians |
//! | [`isc`] | Inception Score |
//! | [`ppl`] | Perceptual Path Length |
//!
//! KID is in [`shared::metrics::kid`], because `train` measures it, too.

pub mod fid;
pub mod isc;
pub mod ppl;
