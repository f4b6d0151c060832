//! What is told of runs afterwards: status, comparisons, curves, reports; and what there is to
//! choose from.
//!
//! | module | holds |
//! |---|---|
//! | `compare` | how runs stand, and how they differ |
//! | `curves` | what a run measured, drawn |
//! | `lists` | what there is to choose from, as text |
//! | `numbers` | numbers as people read them |
//! | `preview` | the layers of networks, and what augmentation does, before a run |
//! | `record` | a run's folder, read |
//! | `report` | all that is known about a run as one HTML file |
//! | `status` | how runs stand, and how they differ |

pub mod compare;
pub mod curves;
pub mod lists;
pub(crate) mod numbers;
pub mod preview;
pub(crate) mod record;
pub mod report;
pub mod status;
