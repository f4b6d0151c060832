//! Features → numbers.
//!
//! | module | holds |
//! |---|---|
//! | [`fid`] | Fréchet distance of two Gaussians |
//! | [`fid_infinity`] | FID extrapolated to infinitely many pictures |
//! | [`isc`] | Inception Score |
//! | [`prdc`] | precision, recall, density, coverage |
//! | [`ppl`], [`stylegan_ppl`] | Perceptual Path Length, torch-fidelity's and StyleGAN's |
//! | [`mind`] | Monge Inception Distance |
//! | [`authenticity`] | copies of training pictures, nearest-training distances |
//! | [`ct`] | the C_T test for copied training data |
//! | [`similarity`], [`own_pair`] | translations beside their targets: L1, PSNR, SSIM, ranks |
//! | [`spread`] | the standard error of a value, from random halves |
//! | [`pca`], [`kmeans`] | principal components, clusters |
//! | [`pairs`], [`balls`] | nearest neighbours and balls over all pairs, on the tiles of `tiles` |
//! | [`torch_random`] | PyTorch's generator |
//! | [`subset`](mod@subset) | selected rows of a set |
//!
//! KID is in [`shared::metrics::kid`], because `train` also measures it.

pub mod authenticity;
pub mod balls;
pub mod ct;
pub mod fid;
pub mod fid_infinity;
pub mod isc;
pub mod kmeans;
pub mod mind;
pub mod own_pair;
pub mod pairs;
pub mod pca;
pub mod ppl;
pub mod prdc;
pub mod similarity;
pub mod spread;
pub mod stylegan_ppl;
pub mod subset;
mod tiles;
pub mod torch_random;
