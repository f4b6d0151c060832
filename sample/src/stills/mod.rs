//! Pictures → one still picture.
//!
//! | module | holds |
//! |---|---|
//! | [`grid`], [`sheet`], [`morph`], [`mix`], [`truncation`], [`compare`] | the commands |
//! | [`layout`] | rows and columns with labels |
//! | [`still`] | the flags of a still picture, and writing it |

pub mod compare;
pub mod grid;
pub mod layout;
pub mod mix;
pub mod morph;
pub mod sheet;
pub mod still;
pub mod truncation;
