//! Monitoring of a run: alarms, pace, the terminal, the logs of an epoch.
//!
//! | module | contents |
//! |---|---|
//! | `alarm` | warnings, each given once, with advice |
//! | `epoch_log` | the logs of every epoch |
//! | `live` | the terminal display |
//! | `pace` | detection of slow epochs |

pub mod alarm;
pub mod epoch_log;
pub mod live;
pub mod pace;
