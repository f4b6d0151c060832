//! Tasks: what a step does with the networks. Their roles and the numbers that they measure are
//! named in `shared::nn::task`.
//!
//! | module | holds |
//! |---|---|
//! | [`task`], [`any`] | what a task gives, and the task of any run |
//! | [`adversarial`] | a generator of latent vectors against a discriminator |
#![cfg_attr(
    feature = "toys",
    doc = "| [`toy_cycle`] | for tests: two generators that translate, with an image pool |"
)]

pub mod adversarial;
pub mod any;
pub mod task;
#[cfg(feature = "toys")]
pub mod toy_cycle;

pub use self::any::AnyTask;
pub use self::task::Task;
