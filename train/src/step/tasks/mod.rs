//! Tasks: what a step does with the networks. Their roles and measures are named in
//! `shared::nn::task`.
//! | module | contents |
//! |---|---|
//! | [`task`], [`any`] | the trait, and the task of a run |
//! | [`adversarial`] | a generator of latent vectors against a discriminator |
//! | `sides` | what both of its orders do with a turn |
//! | [`paired`], [`cycle`], [`contrastive`] | generators that translate pictures |
//! | `translation` | what these have in common |
//! | [`phases`] | its order `phases`: both networks in turn, with penalties as updates of their own |
#![cfg_attr(
    feature = "toys",
    doc = "| [`toy_cycle`] | for tests: two generators that translate, with an image pool |"
)]

pub mod adversarial;
pub mod any;
pub mod contrastive;
pub mod cycle;
pub mod paired;
pub mod phases;
mod sides;
pub mod task;
#[cfg(feature = "toys")]
pub mod toy_cycle;
mod translation;

pub use self::any::AnyTask;
pub use self::task::Task;
