//! Taking a network's tensors from a file, and reporting all problems at once.

use std::path::Path;

use burn::tensor::TensorData;

use super::super::network::Weights;
use super::{Problem, StateDict, WeightsError};

/// Number of names in an error's text; the rest is counted.
const NAMES_SHOWN: usize = 5;

/// A file whose tensors are taken one after the other. Problems are collected, so that one message
/// reports all.
pub struct Taking {
    state: StateDict,
    network: &'static str,
    missing: Vec<String>,
    problems: Vec<String>,
}

impl Taking {
    /// Opens `path`, which should hold the weights of `network`: a name for errors, including the
    /// naming scheme of the tensors.
    ///
    /// # Errors
    /// If it is not a weights file.
    pub fn open(path: &Path, network: &'static str) -> Result<Self, WeightsError> {
        Ok(Self::new(StateDict::open(path)?, network))
    }

    /// Takes from `state`, like [`open`](Self::open).
    #[must_use]
    pub fn new(state: StateDict, network: &'static str) -> Self {
        Self { state, network, missing: Vec::new(), problems: Vec::new() }
    }

    /// Returns true if a tensor of this name exists and was not yet taken.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.state.has(name)
    }

    /// Skips the tensors whose names start with `prefix`: the network has them, but they are not
    /// needed here.
    pub fn pass_over(&mut self, prefix: &str) {
        self.state.pass_over(prefix);
    }

    /// The tensor `name` in f64; `None` if [`finish`](Self::finish) will fail because of it.
    pub fn f64s(&mut self, name: &str, shape: &[usize]) -> Option<Vec<f64>> {
        let taken = self.state.take(name, shape);
        self.note(taken)
    }

    /// The tensor `name` in f32; `None` if [`finish`](Self::finish) will fail because of it.
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

    /// Returns the identity of the weights, if no tensor was missing and none is left over.
    ///
    /// # Errors
    /// Otherwise; every kind of problem is named.
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
