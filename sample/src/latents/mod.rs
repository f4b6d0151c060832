//! Latent vectors: drawn by seed, read from a file, along paths and directions.
//!
//! | module | holds |
//! |---|---|
//! | [`seeds`] | `0-63,100` → seeds |
//! | [`given`] | latent vectors from a file |
//! | [`choice`] | seeds, or latent vectors from a file |
//! | [`path`] | paths between vectors |
//! | [`route`] | paths between pictures, in z or w |
//! | [`directions`] | principal directions of latent space |
//! | [`file`](mod@file) | the command `latents`: latent vectors as a file |

pub mod choice;
pub mod directions;
pub mod file;
pub mod given;
pub mod path;
pub mod route;
pub mod seeds;
