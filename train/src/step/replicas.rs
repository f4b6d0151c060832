//! The trainers of a run, one for each of its devices: the first on the thread of the run, each
//! other one on a thread of its own.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use anyhow::{Result, bail};
use burn::tensor::Device;
use shared::cli::UsageError;
use shared::nn::checkpoint::{Checkpoint, CheckpointError};
use shared::nn::collective::{Member, PeerGone};
use shared::nn::config::{RunConfig, ScheduleConfig};
use shared::nn::device::memory::{self, Memory, OutOfMemory};
use shared::nn::ops::Precision;
use shared::threads;

use crate::augment::Controller;
use crate::data::feed::Ready;
use crate::step::game::parts;
use crate::step::reading::Reading;
use crate::step::trainer::Trainer;

/// What another device is told to do.
enum Order {
    /// A step on its share of the batches, augmenting as the first device does.
    Step(Vec<Ready>, Controller),
    /// To say what its tensors come to.
    Checksum,
}

/// What it answers.
enum Answer {
    Loaded(Result<(), CheckpointError>),
    Stepped(Reading),
    Checksum(u32),
}

/// The trainers of a run. All hold the same weights, statistics and moments.
#[derive(Debug)]
pub struct Replicas {
    /// That of the first device, which is saved and makes the samples.
    pub first: Trainer,
    member: Option<Member>,
    others: Vec<Other>,
}

#[derive(Debug)]
struct Other {
    device: Device,
    /// `None` once it is to end.
    orders: Option<Sender<Order>>,
    answers: Receiver<Answer>,
    thread: Option<JoinHandle<()>>,
}

impl Replicas {
    /// Trainers on `devices` for a run of `last_step` steps, drawn by the run's seed, or as
    /// `checkpoint` has them.
    ///
    /// # Errors
    /// When the checkpoint does not fit.
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

    /// One step of all devices, each on its share of as many batches as D has updates. Gives what
    /// each measured, without waiting for the devices.
    pub fn take_step(&mut self, batches: Vec<Vec<Ready>>) -> Vec<Reading> {
        let mut batches = batches.into_iter();
        let own = batches.next().unwrap_or_default();
        for (other, share) in self.others.iter_mut().zip(batches) {
            other.order(Order::Step(share, self.first.game.controller));
        }
        let first = &mut self.first;
        let mut own = catch_unwind(AssertUnwindSafe(|| step(first, own)));
        if own.is_err() {
            // The others must not wait for this one, nor this one for them.
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
        // Those that only missed another one come after the one that was missed.
        failures.sort_by_key(|payload| payload.is::<PeerGone>());
        match failures.into_iter().next() {
            Some(payload) => resume_unwind(payload),
            None => readings,
        }
    }

    /// Checks that all devices hold the same bits.
    ///
    /// # Errors
    /// When one does not.
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
                    "step {}: the networks on {:?} are no longer those of the first device, so nothing is saved; devices that \
                     train one run must be of one model. The checkpoints before this one are untouched: go on with a single --device",
                    self.first.game.step,
                    other.device
                ),
            }
        }
        Ok(())
    }
}

/// Refuses a batch that does not divide into equal parts, of two pictures at least, for every
/// device.
///
/// # Errors
/// When it does not; the error names both numbers.
pub fn check(schedule: &ScheduleConfig, devices: usize) -> Result<(), UsageError> {
    let (batch, parts) = (schedule.batch, parts(schedule, devices));
    if batch.is_multiple_of(parts) && batch / parts >= 2 {
        return Ok(());
    }
    let more = batch.div_ceil(parts).max(2) * parts;
    Err(UsageError(format!(
        "--device names {devices} devices, and schedule.batch = {batch} (schedule.accumulate = {}) does not divide among them into \
         {parts} equal parts of at least 2 pictures: --set schedule.batch={more}, or name another number of devices",
        schedule.accumulate
    )))
}

/// Refuses devices that these settings do not suit, and sets what they compute in.
///
/// # Errors
/// When a batch cannot be shared among them, or one of them lacks the precision.
pub fn set_up(schedule: &ScheduleConfig, devices: &[Device]) -> Result<(), UsageError> {
    check(schedule, devices.len())?;
    if schedule.precision == Precision::Bf16 && devices.contains(&Device::flex()) {
        return Err(UsageError("--precision bf16: the CPU computes in f32; leave it out, or choose a GPU with --device".into()));
    }
    schedule.precision.set();
    Ok(())
}

/// How many pictures a step on so many devices worked on at a time where `device`, one of them, ran
/// out of memory, and which flags make that fewer. `free` bytes of it were there before the first
/// step.
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

/// CRC-32 over every bit that a checkpoint would hold.
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
            // Made on this thread: devices other than the CPU keep what belongs together apart by
            // thread.
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
                "the system allows no thread for {device:?}, and every device but the first needs one: name a single --device"
            )
        };
        Ok(Self { device: device.clone(), orders: Some(orders), answers, thread: Some(thread) })
    }

    fn order(&mut self, order: Order) {
        if let Some(orders) = &self.orders {
            // Where the thread has failed, its answer is missed next.
            let _ = orders.send(order);
        }
    }

    /// Its answer; where the thread has failed, its failure goes on here.
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
        // After a failure it may wait for another device for ever; the program ends without it.
        let thread = self.thread.take().filter(|_| !std::thread::panicking());
        if let Some(thread) = thread {
            // Its failure, if any, was told where an answer was missed.
            let _ = thread.join();
        }
    }
}

/// Tells the other members when its thread ends, in whatever way.
struct Leaving(Member);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.leave();
    }
}
