//! One training step: networks by role, tasks, gradients, optimizers, measurements.
//!
//! | module | contents |
//! |---|---|
//! | `ema` | the average of the generator's weights |
//! | `game` | the state that tasks work on: networks, batches, updates |
//! | `gradient` | the gradients of the networks' weights |
//! | `instance_noise` | noise on D's input |
//! | `measured` | the measurements of a step by name, and their averages over an epoch |
//! | `optimizer` | the update of weights by gradients |
//! | `path_length` | the penalty on G's path lengths |
//! | `penalty` | penalties on D's gradient |
//! | `players` | the networks by role, with averages and optimizers |
//! | `pool` | earlier translations for a discriminator |
//! | `rate` | the learning rate schedule |
//! | `readback` | the transfer of measurements to the host |
//! | `reading` | the measurements of one step, on the device and on the host |
//! | `replicas` | several devices training one run |
//! | `tasks` | what a step does with the networks |
//! | `trainer` | one step of any task |
//! | `turn` | a batch with its random numbers |

pub mod ema;
pub mod game;
pub mod gradient;
pub mod instance_noise;
pub mod measured;
pub mod optimizer;
pub mod path_length;
pub mod penalty;
pub mod players;
pub mod pool;
pub mod rate;
pub mod readback;
pub mod reading;
pub mod replicas;
pub mod tasks;
pub mod trainer;
pub mod turn;
