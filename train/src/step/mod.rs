//! One training step: networks by role, tasks, gradients, optimizers, what it measured.
//!
//! | module | holds |
//! |---|---|
//! | `ema` | the average of the generator's weights |
//! | `game` | what a task plays with: networks, batches in turns, the way to moved weights |
//! | `gradient` | what the networks' weights should follow |
//! | `instance_noise` | noise on what D sees |
//! | `measured` | the numbers of a step by name, and averages over an epoch |
//! | `optimizer` | how weights follow gradients |
//! | `penalty` | penalties on D's gradient |
//! | `players` | the networks by role, with averages and optimizers |
//! | `rate` | the learning rates over a run |
//! | `readback` | what a step measured, on the device and on its way to the host |
//! | `reading` | what a step measured, on the device and on its way to the host |
//! | `replicas` | several devices that train one run |
//! | `tasks` | what a step does with the networks |
//! | `trainer` | one step of any task |
//! | `turn` | a batch and the random numbers that belong to it |

pub mod ema;
pub mod game;
pub mod gradient;
pub mod instance_noise;
pub mod measured;
pub mod optimizer;
pub mod penalty;
pub mod players;
pub mod rate;
pub mod readback;
pub mod reading;
pub mod replicas;
pub mod tasks;
pub mod trainer;
pub mod turn;
