//! dataset → run: trains a GAN, and can be stopped and gone on with at any step.
//!
//! | module | holds |
//! |---|---|
//! | [`args`] | flags → [`training::Options`] |
//! | [`training`] | one run from its first or last saved step to its end |
//! | [`trainer`] | the networks, their optimizers, and one step |
//! | [`loss`] | what both networks are trained on |
//! | [`augment`] | adaptive discriminator augmentation |
//! | [`adam`] | the optimizer |
//! | [`ema`] | the average of the generator's weights |
//! | [`batches`] | data set → batches on the device |
//! | [`metrics`] | averages over an epoch |
//! | [`evaluation`] | KID while training |

pub mod adam;
pub mod args;
pub mod augment;
pub mod batches;
pub mod ema;
pub mod evaluation;
pub mod loss;
pub mod metrics;
pub mod trainer;
pub mod training;
