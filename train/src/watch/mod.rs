//! What a run says while it goes: alarms, pace, the terminal, the logs of an epoch.
//!
//! | module | holds |
//! |---|---|
//! | `alarm` | what is told once, with what to try |
//! | `epoch_log` | what is written down of every epoch |
//! | `live` | what a terminal shows |
//! | `pace` | what is told once, with what to try |

pub mod alarm;
pub mod epoch_log;
pub mod live;
pub mod pace;
