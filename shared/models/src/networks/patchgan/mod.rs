//! The family `patchgan`: a discriminator with a logit for each patch of a picture (Isola et al. 2017,
//! arXiv:1611.07004, section 3.2.2, in the form of `pytorch-CycleGAN-and-pix2pix`; anti-aliased as in
//! Park et al. 2020, arXiv:2007.15651).
//!
//! | module | holds |
//! |---|---|
//! | [`settings`] | the settings |
//! | [`discriminator`] | the network |

pub mod discriminator;
pub mod settings;

pub use self::discriminator::Discriminator;
pub use self::settings::DiscriminatorConfig;
