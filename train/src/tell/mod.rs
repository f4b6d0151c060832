//! Reports on runs: status, comparisons, curves, HTML reports; and lists of the available choices.
//!
//! | module | contents |
//! |---|---|
//! | `compare` | several runs side by side |
//! | `curves` | a run's curves |
//! | `lists` | the available presets, losses and transforms, as text |
//! | `numbers` | numbers formatted for people |
//! | `preview` | network summaries and augmentation previews |
//! | `record` | a run folder, parsed |
//! | `report` | everything about a run in one HTML file |
//! | `status` | the state of runs |

pub mod compare;
pub mod curves;
pub mod lists;
pub(crate) mod numbers;
pub mod preview;
pub(crate) mod record;
pub mod report;
pub mod status;
