//! Sums over devices that compute together, each on its own thread.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use fledge_kernels::collective::Member;
//!
//! let members = Member::of(&[Device::flex(), Device::flex()]);
//! let threads = members.into_iter().map(|member| {
//!     std::thread::spawn(move || {
//!         let own = Tensor::<1>::full([3], 1.0 + member.index() as f32, &Device::flex());
//!         member.sum(vec![own])[0].to_data()
//!     })
//! });
//! for thread in threads.collect::<Vec<_>>() {
//!     assert_eq!(thread.join().unwrap().iter::<f32>().collect::<Vec<_>>(), [3.0; 3]);
//! }
//! ```

use std::panic::resume_unwind;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, TensorMetadata};
use burn::tensor::{Device, Tensor, TensorData, try_read_sync};

/// The implementation of sums over devices.
#[derive(Clone, Debug)]
enum Way {
    /// On the host, where the devices' threads meet.
    Host(Arc<Meeting>),
    /// By NCCL, from device to device.
    #[cfg(feature = "cuda")]
    Nccl(Vec<Device>),
}

/// One of the devices of a run.
#[derive(Clone, Debug)]
pub struct Member {
    index: usize,
    count: usize,
    way: Way,
}

/// The panic payload of a member waiting for one that has left.
#[derive(Debug)]
pub struct PeerGone;

impl Member {
    /// The members of a run on these devices, one per device, in order.
    #[must_use]
    pub fn of(devices: &[Device]) -> Vec<Self> {
        let way = way(devices);
        (0..devices.len())
            .map(|index| Self { index, count: devices.len(), way: way.clone() })
            .collect()
    }

    /// The index of this device, from 0.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// Number of members.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Sums tensors over all members: each passes the same number of tensors, of the same lengths,
    /// on its own device. Each member calls this on its own thread, and all get the same bits. The
    /// sum is taken in f32 in the order of the devices, or in NCCL's.
    ///
    /// # Panics
    /// With [`PeerGone`] if another member has [left](Member::leave).
    #[must_use]
    pub fn sum(&self, tensors: Vec<Tensor<1>>) -> Vec<Tensor<1>> {
        if tensors.is_empty() {
            return tensors;
        }
        let counts: Vec<usize> = tensors.iter().map(|t| t.dims()[0]).collect();
        // One exchange instead of one per weight.
        let all = Tensor::cat(tensors, 0).into_dispatch();
        let sum: Tensor<1> = Tensor::from_dispatch(self.total::<Dispatch>(all));
        let mut at = 0;
        let stretch = |count| {
            at += count;
            sum.clone().narrow(0, at - count, count)
        };
        counts.into_iter().map(stretch).collect()
    }

    /// Gathers the `tensor` `[N]` of every member, all of the same length, as [members, N] in their
    /// order.
    ///
    /// # Panics
    /// As [`Member::sum`].
    #[must_use]
    pub fn gather(&self, tensor: Tensor<1>) -> Tensor<2> {
        let (length, device) = (tensor.dims()[0], tensor.device());
        // A sum in which each member contributes zeros at the others' positions: exact.
        let places = Tensor::<2>::zeros([self.count, length], &device);
        let own = places
            .slice_assign([self.index..self.index + 1, 0..length], tensor.reshape([1, length]));
        Tensor::from_dispatch(self.total::<Dispatch>(own.into_dispatch()))
    }

    /// [`Member::sum`] of one tensor of any shape, in f32, on one backend.
    pub(crate) fn total<B: Backend>(&self, tensor: FloatTensor<B>) -> FloatTensor<B> {
        match &self.way {
            Way::Host(meeting) => {
                let (device, shape) = (tensor.device(), tensor.shape());
                let data = try_read_sync(B::float_into_data(tensor));
                let Some(Ok(data)) = data else {
                    panic!("device {} of {}: cannot be read: {data:?}", self.index, self.count)
                };
                let sum = meeting.sum(self.index, data.iter::<f32>().collect());
                B::float_from_data(TensorData::new(sum.to_vec(), shape), &device)
            }
            #[cfg(feature = "cuda")]
            Way::Nccl(devices) => {
                use burn::backend::DeviceOps;
                use burn::tensor::distributed::ReduceOperation;
                let ids = devices.iter().map(|device| device.as_dispatch().id()).collect();
                B::all_reduce(tensor, ReduceOperation::Sum, ids).resolve()
            }
        }
    }

    /// Tells the other members that this one has left, so that they do not wait for it.
    pub fn leave(&self) {
        match &self.way {
            Way::Host(meeting) => meeting.leave(),
            // NCCL offers no way to tell the others. The error has been printed, and a run may end
            // at any moment.
            #[cfg(feature = "cuda")]
            Way::Nccl(_) if std::thread::panicking() => std::process::exit(1),
            #[cfg(feature = "cuda")]
            Way::Nccl(_) => {}
        }
    }

    /// Returns true if members waiting for this one are woken when it [leaves](Member::leave).
    #[must_use]
    pub fn can_leave(&self) -> bool {
        matches!(self.way, Way::Host(_))
    }
}

#[cfg(feature = "cuda")]
fn way(devices: &[Device]) -> Way {
    use burn::tensor::DeviceType;
    let cuda = Device::enumerate(DeviceType::Cuda).into_vec();
    if !devices.is_empty() && devices.iter().all(|device| cuda.contains(device)) {
        return Way::Nccl(devices.to_vec());
    }
    Way::Host(Arc::new(Meeting::of(devices.len())))
}

#[cfg(not(feature = "cuda"))]
fn way(devices: &[Device]) -> Way {
    Way::Host(Arc::new(Meeting::of(devices.len())))
}

/// The place where threads deposit their numbers and collect the sum.
#[derive(Debug)]
struct Meeting {
    round: Mutex<Round>,
    changed: Condvar,
    members: usize,
}

#[derive(Debug, Default)]
struct Round {
    /// Counts the rounds.
    number: u64,
    /// The contributions of this round, by member.
    brought: Vec<Option<Vec<f32>>>,
    sum: Arc<Vec<f32>>,
    /// Members that have not taken the sum yet; the next round begins once all have.
    to_take: usize,
    left: bool,
}

impl Meeting {
    fn of(members: usize) -> Self {
        let round = Round { brought: vec![None; members], ..Round::default() };
        Self { round: Mutex::new(round), changed: Condvar::new(), members }
    }

    fn lock(&self) -> MutexGuard<'_, Round> {
        // A thread that panics leaves no half-written round behind: it leaves, and the others end
        // as well.
        self.round.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(
        &self,
        mut round: MutexGuard<'a, Round>,
        until: impl Fn(&Round) -> bool,
    ) -> MutexGuard<'a, Round> {
        while !until(&round) {
            if round.left {
                drop(round);
                // Silent, unlike panic!: the error of the member that left is the one to report.
                resume_unwind(Box::new(PeerGone));
            }
            round = self.changed.wait(round).unwrap_or_else(PoisonError::into_inner);
        }
        round
    }

    fn sum(&self, index: usize, values: Vec<f32>) -> Arc<Vec<f32>> {
        let mut round = self.wait(self.lock(), |round| round.to_take == 0);
        let number = round.number;
        round.brought[index] = Some(values);
        if round.brought.iter().all(Option::is_some) {
            let mut all = round.brought.iter_mut().filter_map(Option::take);
            let mut sum = all.next().unwrap_or_default();
            for values in all {
                assert_eq!(
                    values.len(),
                    sum.len(),
                    "the members of a sum have come to different places"
                );
                sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
            }
            (round.sum, round.number, round.to_take) = (Arc::new(sum), number + 1, self.members);
            self.changed.notify_all();
        }
        let mut round = self.wait(round, |round| round.number > number);
        round.to_take -= 1;
        if round.to_take == 0 {
            self.changed.notify_all();
        }
        Arc::clone(&round.sum)
    }

    fn leave(&self) {
        self.lock().left = true;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::thread;

    use super::*;

    fn members(count: usize) -> Vec<Member> {
        Member::of(&vec![Device::flex(); count])
    }

    #[test]
    fn all_members_get_the_same_sum_of_every_round() {
        let threads: Vec<_> = members(3)
            .into_iter()
            .map(|member| {
                thread::spawn(move || {
                    let round = |r: usize| {
                        let tensor = |n: usize| {
                            Tensor::<1>::full(
                                [n],
                                (member.index() + 10 * r) as f32,
                                &Device::flex(),
                            )
                        };
                        member.sum(vec![tensor(2), tensor(3)])
                    };
                    (0..200)
                        .map(round)
                        .map(|sums| sums.into_iter().map(|t| t.into_data()).collect::<Vec<_>>())
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        for thread in threads {
            for (r, sums) in thread.join().expect("sums").into_iter().enumerate() {
                let expected = [2, 3].map(|n| TensorData::new(vec![(3 + 30 * r) as f32; n], [n]));
                assert_eq!(sums, expected);
            }
        }
    }

    #[test]
    fn gathered_numbers_are_those_of_each_member_in_their_order() {
        let threads: Vec<_> = members(3)
            .into_iter()
            .map(|member| {
                thread::spawn(move || {
                    let own =
                        Tensor::from_floats([member.index() as f32 - 0.1, 1e30], &Device::flex());
                    member.gather(own).into_data().iter::<f32>().collect::<Vec<_>>()
                })
            })
            .collect();
        for thread in threads {
            assert_eq!(thread.join().expect("numbers"), [-0.1, 1e30, 0.9, 1e30, 1.9, 1e30]);
        }
    }

    #[test]
    fn who_waits_for_a_member_that_left_ends_instead_of_waiting_for_ever() {
        let mut members = members(2);
        let (stays, leaves) = (members.remove(0), members.remove(0));
        let waits = thread::spawn(move || {
            let sum = || stays.sum(vec![Tensor::ones([1], &Device::flex())]);
            catch_unwind(AssertUnwindSafe(sum)).expect_err("nobody else came").is::<PeerGone>()
        });
        leaves.leave();
        assert!(waits.join().expect("a clean end"));
    }
}
