//! The measurements of a step: losses, logits and norms by name, first as one tensor on the device,
//! so that nothing waits for it, then as numbers on the host.

use burn::tensor::Tensor;
use shared::nn::config::TaskName;
use shared::nn::task::{Measure, Reduce};

use crate::augment::controller::Observation;
use crate::step::measured::Measured;
use crate::step::optimizer::Norm;
use crate::step::penalty::Kind;

/// The meaning of a range of a reading's numbers.
#[derive(Clone, Debug, PartialEq)]
enum Stretch {
    /// This many values of this name.
    Values(&'static str, usize),
    /// ‖∇ₓD‖² of each picture, with its count for each penalty; reduced to one value of this name.
    Penalties(&'static str, Vec<(Kind, usize)>),
    /// The norm of the last gradient of the role with this short name.
    Norm(&'static str),
}

/// The measurements of one step on its device.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    stretches: Vec<Stretch>,
    tensors: Vec<Tensor<1>>,
    norms: Vec<(&'static str, f64)>,
}

impl Reading {
    /// Adds values under a name; values of several turns are concatenated.
    pub fn add(&mut self, name: &'static str, values: Tensor<1>) {
        self.stretches.push(Stretch::Values(name, values.dims()[0]));
        self.tensors.push(values);
    }

    /// Adds logits [B, 1] under a name.
    pub fn add_logits(&mut self, name: &'static str, logits: &Tensor<2>) {
        self.add(name, logits.clone().reshape([-1]));
    }

    /// Adds the penalties of one turn, each with ‖∇ₓD‖² of the pictures, `[B]`; their sum becomes
    /// one value of this name, 0 if there are none.
    pub fn add_penalties(&mut self, name: &'static str, penalties: &[(Kind, Tensor<1>)]) {
        let counts = penalties.iter().map(|(kind, squares)| (*kind, squares.dims()[0])).collect();
        self.stretches.push(Stretch::Penalties(name, counts));
        self.tensors.extend(penalties.iter().map(|(_, squares)| squares.clone()));
    }

    /// Sets the norm of a role's gradient, replacing an earlier one.
    pub fn set_norm(&mut self, short: &'static str, norm: Option<Norm>) {
        match norm {
            Some(Norm::Host(norm)) => self.norms.push((short, norm)),
            Some(Norm::Device(norm)) => {
                self.stretches.push(Stretch::Norm(short));
                self.tensors.push(*norm);
            }
            None => {}
        }
    }

    /// Concatenates all tensors, so that one transfer brings them to the host. Must be called on
    /// the thread that took the step.
    #[must_use]
    pub fn joined(mut self) -> Self {
        if self.tensors.len() > 1 {
            self.tensors = vec![Tensor::cat(self.tensors, 0)];
        }
        self
    }

    /// The numbers; blocks until the device has computed them.
    #[must_use]
    pub fn read(self) -> Values {
        let numbers: Vec<f32> = self
            .tensors
            .into_iter()
            .flat_map(|t| t.into_data().iter::<f32>().collect::<Vec<_>>())
            .collect();
        let mut rest = &numbers[..];
        let mut take = |count: usize| {
            let (taken, left) = rest.split_at(count);
            rest = left;
            taken
        };
        let mut values = Values::default();
        for (short, norm) in self.norms {
            values.set_norm(short, norm);
        }
        for stretch in self.stretches {
            match stretch {
                Stretch::Values(name, count) => {
                    values.list(name).extend(take(count).iter().copied().map(f64::from))
                }
                Stretch::Penalties(name, counts) => {
                    let sum = counts
                        .into_iter()
                        .map(|(kind, count)| kind.value(take(count)))
                        .fold(0.0, |sum, value| sum + value);
                    values.list(name).push(sum);
                }
                Stretch::Norm(short) => {
                    take(1).iter().for_each(|norm| values.set_norm(short, f64::from(*norm)))
                }
            }
        }
        values
    }
}

/// The measurements of one step on the host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values {
    lists: Vec<(&'static str, Vec<f64>)>,
    norms: Vec<(&'static str, f64)>,
}

impl Values {
    fn list(&mut self, name: &'static str) -> &mut Vec<f64> {
        let index = self.lists.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
            self.lists.push((name, Vec::new()));
            self.lists.len() - 1
        });
        &mut self.lists[index].1
    }

    fn set_norm(&mut self, short: &'static str, norm: f64) {
        match self.norms.iter_mut().find(|(known, _)| *known == short) {
            Some((_, earlier)) => *earlier = norm,
            None => self.norms.push((short, norm)),
        }
    }

    fn get(&self, name: &str) -> &[f64] {
        self.lists.iter().find(|(known, _)| *known == name).map_or(&[], |(_, list)| list)
    }

    /// Merges the measurements of all devices in a step; the norms are those of the shared
    /// gradients.
    #[must_use]
    pub fn joined(parts: Vec<Self>) -> Self {
        parts.into_iter().reduce(Self::and).unwrap_or_default()
    }

    fn and(mut self, other: Self) -> Self {
        for (name, list) in other.lists {
            self.list(name).extend(list);
        }
        self
    }

    /// The controller's observation: the logits of real pictures, and those of a penalty's phase.
    #[must_use]
    pub fn observation(&self) -> Observation {
        Observation::of(self.get("real")).and_again(self.get("real_again"))
    }

    /// The task's measures over the step, and norms of gradients.
    #[must_use]
    pub fn measured(&self, task: TaskName) -> Measured {
        let mut measured = Measured::default();
        // What a run does not measure, such as a penalty that it lacks, has no key.
        for measure in task.measures().iter().filter(|m| !self.get(m.values).is_empty()) {
            measured.set(measure.key, self.reduce(measure));
        }
        for (short, norm) in &self.norms {
            measured.set(&norm_key(short), *norm);
        }
        measured
    }

    /// Reduces a list to one number; NaN if the list is empty.
    fn reduce(&self, measure: &Measure) -> f64 {
        let values = self.get(measure.values);
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let share = |holds: fn(f64) -> bool| {
            values.iter().filter(|&&v| holds(v)).count() as f64 / values.len() as f64
        };
        match measure.reduce {
            Reduce::Mean => mean(values),
            Reduce::MeanWith(other) => {
                let sums: Vec<f64> =
                    values.iter().zip(self.get(other)).map(|(a, b)| a + b).collect();
                mean(&sums)
            }
            Reduce::Positive => share(|v| v > 0.0),
            Reduce::Negative => share(|v| v < 0.0),
            Reduce::Sigmoid => {
                mean(&values.iter().map(|&v| 1.0 / (1.0 + (-v).exp())).collect::<Vec<_>>())
            }
        }
    }
}

/// The key of the norm of a role's gradient.
#[must_use]
pub fn norm_key(short: &str) -> String {
    format!("{short}_norm")
}
