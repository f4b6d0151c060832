//! Two small families for tests, which have what the design must carry and `dcgan` lacks.
//!
//! | module | holds |
//! |---|---|
//! | [`growing`] | networks whose extent grows with the pictures seen, as ProGAN's |
//! | [`translator`] | pictures → pictures, as CycleGAN's generators; a discriminator of patches |

pub mod growing;
pub mod translator;
