//! Pictures → features.
//!
//! | module | holds |
//! |---|---|
//! | [`lab`] | the device, the loaded networks and the features cache |
//! | [`side`] | one side of a comparison and its features |
//! | [`statistics`] | `evaluate statistics` |
//! | [`cache`] | `evaluate cache` |

pub mod cache;
pub mod lab;
pub mod side;
pub mod statistics;
