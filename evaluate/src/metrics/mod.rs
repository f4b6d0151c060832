//! Features → numbers.
//!
//! | module | holds |
//! |---|---|
//! | [`fid`] | Fréchet distance of two Gaussians |
//! | [`isc`] | Inception Score |
//!
//! KID is in [`shared::metrics::kid`], because `train` measures it, too.

pub mod fid;
pub mod isc;
