//! The trainers of a run, one per device: the first on the thread of the run, each other one on its
//! own thread.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use anyhow::{Result, bail};
use burn::tensor::Device;
use shared::cli::UsageError;
use shared::nn::checkpoint::{Checkpoint, CheckpointError};
use shared::nn::collective::{Member, PeerGone};
use shared::nn::config::{RunConfig, ScheduleConfig, Settings};
use shared::nn::device::memory::{self, Memory, OutOfMemory};
use shared::nn::ops::Precision;
use shared::threads;

use crate::augment::Controller;
use crate::data::feed::Ready;
use crate::step::game::parts;
use crate::step::reading::Reading;
use crate::step::trainer::Trainer;

/// A command to another device.
enum Order {
    /// Take a step on its share of the batches, augmenting as the first device does.
    Step(Vec<Ready>, Controller),
    /// Report the checksum of its tensors.
    Checksum,
}

/// The reply.
enum Answer {
    Loaded(Result<(), CheckpointError>),
    Stepped(Reading),
    Checksum(u32),
}

/// The trainers of a run. All hold the same weights, statistics and moments.
#[derive(Debug)]
pub struct Replicas {
    /// The trainer of the first device, which is saved and makes the samples.
    pub first: Trainer,
    member: Option<Member>,
    others: Vec<Other>,
}

#[derive(Debug)]
struct Other {
    device: Device,
    /// `None` once the thread is to end.
    orders: Option<Sender<Order>>,
    answers: Receiver<Answer>,
    thread: Option<JoinHandle<()>>,
}

impl Replicas {
    /// Trainers on `devices` for a run of `last_step` steps, initialised from the run's seed or
    /// loaded from `checkpoint`.
    ///
    /// # Errors
    /// If the checkpoint does not fit.
    pub fn new(
        config: &RunConfig,
        last_step: u64,
        devices: &[Device],
        checkpoint: Option<&Checkpoint>,
    ) -> Result<Self> {
        let Some(device) = devices.first() else { bail!("a run needs a device") };
        let trainer = |device: &Device| Trainer::new(config, last_step, device);
        if devices.len() == 1 {
            let mut first = trainer(device);
            checkpoint.map_or(Ok(()), |checkpoint| first.load(checkpoint))?;
            return Ok(Self { first, member: None, others: Vec::new() });
        }
        let mut members = Member::of(devices).into_iter();
        let Some(member) = members.next() else { bail!("a run needs a device") };
        let mut first = trainer(device).into_member(member.clone());
        checkpoint.map_or(Ok(()), |checkpoint| first.load(checkpoint))?;
        let start = |(member, device): (Member, &Device)| {
            Other::start(config, last_step, device, member, checkpoint)
        };
        let others = members.zip(&devices[1..]).map(start).collect::<Result<_>>()?;
        let mut replicas = Self { first, member: Some(member), others };
        for other in &mut replicas.others {
            if let Answer::Loaded(result) = other.answer() {
                result?;
            }
        }
        Ok(replicas)
    }

    /// Takes one step on all devices, each with its share of as many batches as D has updates.
    /// Returns the reading of each device without waiting for the devices.
    pub fn take_step(&mut self, batches: Vec<Vec<Ready>>) -> Vec<Reading> {
        let mut batches = batches.into_iter();
        let own = batches.next().unwrap_or_default();
        for (other, share) in self.others.iter_mut().zip(batches) {
            other.order(Order::Step(share, self.first.game.controller));
        }
        let first = &mut self.first;
        let mut own = catch_unwind(AssertUnwindSafe(|| step(first, own)));
        if own.is_err() {
            // Neither the others may wait for this device, nor it for them.
            self.member.iter().for_each(Member::leave);
            if self.member.as_ref().is_none_or(|member| !member.can_leave()) {
                own = own.or_else(|payload| resume_unwind(payload));
            }
        }
        let mut readings = Vec::new();
        let mut failures: Vec<Box<dyn Any + Send>> = Vec::new();
        let answers = self.others.iter_mut().map(|other| {
            match catch_unwind(AssertUnwindSafe(|| other.answer())) {
                Ok(Answer::Stepped(reading)) => Ok(reading),
                Ok(_) => unreachable!("a step is answered by a reading"),
                Err(payload) => Err(payload),
            }
        });
        for result in std::iter::once(own).chain(answers) {
            match result {
                Ok(reading) => readings.push(reading),
                Err(payload) => failures.push(payload),
            }
        }
        // Devices that failed only because a peer was gone come after that peer.
        failures.sort_by_key(|payload| payload.is::<PeerGone>());
        match failures.into_iter().next() {
            Some(payload) => resume_unwind(payload),
            None => readings,
        }
    }

    /// Checks that the tensors of all devices are bitwise equal.
    ///
    /// # Errors
    /// If they are not.
    pub fn require_equal(&mut self) -> Result<()> {
        for other in &mut self.others {
            other.order(Order::Checksum);
        }
        if self.others.is_empty() {
            return Ok(());
        }
        let own = checksum(&self.first);
        for other in &mut self.others {
            match other.answer() {
                Answer::Checksum(found) if found == own => {}
                _ => bail!(
                    "step {}: the networks on {:?} are no longer those of the first device, so \
                     nothing is saved; devices that train one run must be of one model. The \
                     checkpoints before this one are untouched: resume with a single --device",
                    self.first.game.step,
                    other.device
                ),
            }
        }
        Ok(())
    }
}

/// Rejects a batch that does not divide into equal parts, of `least` pictures at least, for every
/// device.
///
/// If it does not divide; the error names both numbers.
pub fn check(schedule: &ScheduleConfig, least: usize, devices: usize) -> Result<(), UsageError> {
    let (batch, parts) = (schedule.batch, parts(schedule, devices));
    if batch.is_multiple_of(parts) && batch / parts >= least {
        return Ok(());
    }
    let more = batch.div_ceil(parts).max(least) * parts;
    Err(UsageError(format!(
        "--device names {devices} devices, and schedule.batch = {batch} (schedule.accumulate = \
         {}) does not divide into {parts} equal parts of at least {least} pictures: --set \
         schedule.batch={more}, or use another number of devices",
        schedule.accumulate
    )))
}

/// Rejects devices that do not suit these settings.
///
/// # Errors
/// If a batch cannot be shared among them, or one of them lacks the precision.
pub fn require_fit(settings: &Settings, devices: &[Device]) -> Result<(), UsageError> {
    check(&settings.schedule, settings.least_pictures(), devices.len())?;
    if devices.len() > 1 && settings.pools() {
        return Err(UsageError(format!(
            "translate.pool = {} with {} devices, each of which would have another pool: use a single \
             --device, or --set translate.pool=0",
            settings.translate.pool,
            devices.len()
        )));
    }
    if settings.schedule.precision == Precision::Bf16 && devices.contains(&Device::flex()) {
        return Err(UsageError(
            "--precision bf16: the CPU computes in f32; omit it, or choose a \
                               GPU with --device"
                .into(),
        ));
    }
    Ok(())
}

/// Advice for an out-of-memory error on `device`, one of `devices`: the number of pictures that a
/// step worked on at a time, and the flags that reduce it. `free` is the device's free memory in
/// bytes before the first step.
#[must_use]
pub fn smaller_batch(
    schedule: &ScheduleConfig,
    devices: usize,
    device: &Device,
    error: OutOfMemory,
    free: Option<u64>,
) -> (usize, String) {
    let left = Memory::of(device).map_or(0, |memory| memory.free);
    let part = schedule.batch / parts(schedule, devices);
    let taken = |free: u64| free.saturating_sub(left) + error.asked.unwrap_or(0);
    let fits = free.and_then(|free| memory::batch_that_fits(part, free, taken(free)));
    (part, memory::advice(schedule.batch, part, fits))
}

fn step(trainer: &mut Trainer, batches: Vec<Ready>) -> Reading {
    let batches: Vec<_> = batches.into_iter().map(Ready::batch).collect();
    trainer.take_step(&batches)
}

/// CRC-32 over everything that a checkpoint would hold.
fn checksum(trainer: &Trainer) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    for (_, parameter) in trainer.parts().iter().flat_map(|(_, part)| part.parameters()) {
        parameter.to_vec().iter().for_each(|value| crc.update(&value.to_le_bytes()));
    }
    crc.finalize()
}

impl Other {
    fn start(
        config: &RunConfig,
        last_step: u64,
        device: &Device,
        member: Member,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<Self> {
        let (orders, receive) = channel();
        let (send, answers) = channel();
        let (config, on, checkpoint) = (config.clone(), device.clone(), checkpoint.cloned());
        let work = move || {
            let leaving = Leaving(member.clone());
            // Created on this thread: devices other than the CPU keep a separate stream per thread.
            let mut trainer = Trainer::new(&config, last_step, &on).into_member(member);
            let loaded = checkpoint.map_or(Ok(()), |checkpoint| trainer.load(&checkpoint));
            let mut answered = send.send(Answer::Loaded(loaded));
            while let (Ok(()), Ok(order)) = (&answered, receive.recv()) {
                answered = send.send(match order {
                    Order::Step(batches, controller) => {
                        trainer.game.controller = controller;
                        Answer::Stepped(step(&mut trainer, batches))
                    }
                    Order::Checksum => Answer::Checksum(checksum(&trainer)),
                });
            }
            drop(leaving);
        };
        let Ok(thread) = threads::spawn("device", work) else {
            bail!(
                "the system allows no thread for {device:?}, and every device but the first needs \
                 one: use a single --device"
            )
        };
        Ok(Self { device: device.clone(), orders: Some(orders), answers, thread: Some(thread) })
    }

    fn order(&mut self, order: Order) {
        if let Some(orders) = &self.orders {
            // If the thread has failed, the missing answer reveals it.
            let _ = orders.send(order);
        }
    }

    /// Returns the thread's answer, or resumes its panic.
    fn answer(&mut self) -> Answer {
        match self.answers.recv() {
            Ok(answer) => answer,
            Err(_) => match self.thread.take().map(JoinHandle::join) {
                Some(Err(payload)) => resume_unwind(payload),
                _ => unreachable!("a device's thread ends only with its orders"),
            },
        }
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        self.orders = None;
        // After a failure the thread may wait for another device forever; the program ends without
        // it.
        let thread = self.thread.take().filter(|_| !std::thread::panicking());
        if let Some(thread) = thread {
            // Any failure has already been reported where an answer was missing.
            let _ = thread.join();
        }
    }
}

/// Notifies the other members when its thread ends, for whatever reason.
struct Leaving(Member);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.leave();
    }
}
