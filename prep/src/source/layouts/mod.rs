//! One module for each layout of a source.
//!
//! Each has `detect` (is this archive in that layout?) and `read` (its listing).

pub mod celeba;
pub mod cifar;
pub mod coco;
pub mod cub;
pub mod cvat;
pub mod folder;
pub mod idx;
pub mod npz;
mod packed;
pub mod pairs;
pub mod shapes;
pub mod stylegan;
pub mod table;
pub mod voc;
pub mod yolo;
