//! Taking what a network needs from a file, and saying at once all that is wrong with it.

use std::path::Path;

use burn::tensor::TensorData;

use super::super::network::Weights;
use super::{Problem, StateDict, WeightsError};

/// Names in an error's text; the rest is counted.
const NAMES_SHOWN: usize = 5;

/// A file whose tensors are taken one after the other. What is wrong is gathered, so that one
/// message names it all.
pub struct Taking {
    state: StateDict,
    network: &'static str,
    missing: Vec<String>,
    problems: Vec<String>,
}

impl Taking {
    /// Opens `path`, which should hold the weights of `network`: a name for errors, with whose
    /// names the tensors have.
    ///
    /// # Errors
    /// If it is no file of weights.
    pub fn open(path: &Path, network: &'static str) -> Result<Self, WeightsError> {
        Ok(Self::new(StateDict::open(path)?, network))
    }

    /// Takes from `state`, as [`open`](Self::open).
    #[must_use]
    pub fn new(state: StateDict, network: &'static str) -> Self {
        Self { state, network, missing: Vec::new(), problems: Vec::new() }
    }

    /// Whether a tensor of this name is there and not yet taken.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.state.has(name)
    }

    /// Leaves the tensors whose names start with `prefix` where they are: the network has them, and
    /// here they are not needed.
    pub fn pass_over(&mut self, prefix: &str) {
        self.state.pass_over(prefix);
    }

    /// The numbers of the tensor `name` in f64; none when [`finish`](Self::finish) will fail
    /// because of it.
    pub fn f64s(&mut self, name: &str, shape: &[usize]) -> Option<Vec<f64>> {
        let taken = self.state.take(name, shape);
        self.note(taken)
    }

    /// The tensor `name` in f32; none when [`finish`](Self::finish) will fail because of it.
    pub fn f32s(&mut self, name: &str, shape: &[usize]) -> Option<TensorData> {
        let taken = self.state.take_f32(name, shape);
        self.note(taken)
    }

    fn note<T>(&mut self, taken: Result<T, Problem>) -> Option<T> {
        match taken {
            Ok(taken) => return Some(taken),
            Err(Problem::Missing(name)) => self.missing.push(name),
            Err(Problem::Other(text)) => self.problems.push(text),
        }
        None
    }

    /// Which numbers the network has, if everything was there and nothing else.
    ///
    /// # Errors
    /// If it was not; every kind of problem is named.
    pub fn finish(mut self) -> Result<Weights, WeightsError> {
        let unused = self.state.left_over();
        for (what, names) in [("missing", &self.missing), ("unused", &unused)] {
            if !names.is_empty() {
                let more = names.len().saturating_sub(NAMES_SHOWN);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                self.problems.push(format!(
                    "{what}: {}{more}",
                    names[..names.len().min(NAMES_SHOWN)].join(", ")
                ));
            }
        }
        if self.problems.is_empty() {
            return Ok(Weights::File { sha256: self.state.sha256().to_owned() });
        }
        Err(WeightsError::Mismatch {
            path: self.state.path().to_owned(),
            network: self.network,
            problems: self.problems,
        })
    }
}
