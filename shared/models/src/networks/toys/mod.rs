//! Two small families for tests, with features that the design must support and `dcgan` lacks.
//!
//! | module | holds |
//! |---|---|
//! | [`growing`] | networks whose extent grows during training, as in ProGAN |
//! | [`translator`] | pictures → pictures, as CycleGAN's generators; a patch discriminator |

pub mod growing;
pub mod translator;
