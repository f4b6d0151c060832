//! dataset → run: trains a GAN, and can be stopped and gone on with at any step.
//!
//! | module | holds |
//! |---|---|
//! | [`args`] | flags → [`preparation::Options`] |
//! | [`foreign`] | flags of other trainers, with ours |
//! | [`check`] | a device against the CPU |
//! | [`throughput`] | one measurement of speed |
//! | [`status`], [`compare`] | how runs stand, and how they differ |
//! | [`curves`] | what a run measured, drawn |
//! | [`report`] | all that is known about a run as one HTML file |
//! | [`lists`] | what there is to choose from, as text |
//! | [`preparation`] | what comes before the first step |
//! | [`remembered`] | flags that are no settings, as a run remembers them |
//! | [`folder`] | whether a run folder may be had, what was begun there, where it goes on from |
//! | `disk`, [`estimate`] | what a run takes of the disk, and a step of memory, foretold |
//! | [`rehearsal`] | what a run would take, found out by its first steps |
//! | [`init`] | a run that begins with another run's weights |
//! | [`starts`] | the settings a run was begun with, and what is noted at each start |
//! | [`training`] | one run from its first or last saved step to its end |
//! | [`trainer`] | one step of any task |
//! | [`tasks`] | what a step does with the networks |
//! | [`game`] | what a task plays with: networks, batches in turns, the way to moved weights |
//! | [`players`] | the networks by role, with averages and optimizers |
//! | [`turn`] | a batch and the random numbers that belong to it |
//! | [`gradient`] | what the networks' weights should follow |
//! | [`penalty`] | penalties on D's gradient |
//! | [`augment`] | adaptive discriminator augmentation |
//! | [`instance_noise`] | noise on what D sees |
//! | [`optimizer`] | how weights follow gradients |
//! | [`reading`], [`readback`] | what a step measured, on the device and on its way to the host |
//! | [`replicas`] | several devices that train one run |
//! | [`rate`] | the learning rates over a run |
//! | [`ema`] | the average of the generator's weights |
//! | [`batches`] | data set → the pictures of a batch |
//! | [`feed`], [`loader`], [`resident`] | the batches of a run on a device, ahead of its steps |
//! | [`measured`] | the numbers of a step by name, and averages over an epoch |
//! | [`evaluation`], [`evaluations`], [`best`] | KID while training, the thread that computes it, and the best one so far |
//! | [`state`], [`saver`] | what a checkpoint keeps beside tensors, and writing it beside the steps |
//! | [`alarm`], [`pace`] | what is told once, with what to try |
//! | [`epoch_log`] | what is written down of every epoch |
//! | [`live`] | what a terminal shows |
//! | `record`, `numbers` | what a run folder tells, and numbers as people read them |
#![forbid(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod alarm;
pub mod args;
pub mod augment;
pub mod batches;
pub mod best;
pub mod check;
pub mod compare;
pub mod curves;
mod disk;
pub mod ema;
pub mod epoch_log;
pub mod estimate;
pub mod evaluation;
pub mod evaluations;
pub mod feed;
pub mod folder;
pub mod foreign;
pub mod game;
pub mod gradient;
pub mod init;
pub mod instance_noise;
pub mod lists;
pub mod live;
pub mod loader;
pub mod measured;
mod numbers;
pub mod optimizer;
pub mod pace;
pub mod penalty;
pub mod players;
pub mod preparation;
pub mod rate;
pub mod readback;
pub mod reading;
mod record;
pub mod rehearsal;
pub mod remembered;
pub mod replicas;
pub mod report;
pub mod resident;
pub mod saver;
pub mod starts;
pub mod state;
pub mod status;
pub mod tasks;
pub mod throughput;
pub mod trainer;
pub mod training;
pub mod turn;
