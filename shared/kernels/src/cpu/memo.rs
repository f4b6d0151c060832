//! A cache of results for a second pass over the same numbers.
//!
//! A result is stored together with its inputs and found by the identity of their memory. While it
//! is stored, nobody can change that memory in place or reuse it, so equal identity means equal
//! numbers.

use std::cell::RefCell;

use burn_flex::FlexTensor;

use crate::Padding;

/// An operation with its constants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Operation {
    Convolution { stride: usize, padding: Padding },
    Moments,
    Norm { epsilon: f32, slope: f32 },
}

struct Entry {
    operation: Operation,
    inputs: Vec<FlexTensor>,
    output: FlexTensor,
}

thread_local! {
    /// The stored results, innermost scope last.
    static MEMO: RefCell<Vec<Vec<Entry>>> = const { RefCell::new(Vec::new()) };
}

/// While it lives, this thread stores results.
#[derive(Debug)]
pub(crate) struct Scope;

impl Scope {
    pub(crate) fn open() -> Self {
        MEMO.with_borrow_mut(|scopes| scopes.push(Vec::new()));
        Self
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        let kept = MEMO.with_borrow_mut(Vec::pop);
        drop(kept);
    }
}

fn same(a: &FlexTensor, b: &FlexTensor) -> bool {
    std::ptr::eq(a.bytes(), b.bytes()) && a.layout() == b.layout()
}

/// The result of `operation` on `inputs`: the stored one, or that of `compute`.
pub(super) fn recall<const N: usize>(
    operation: Operation,
    inputs: [FlexTensor; N],
    compute: impl FnOnce([FlexTensor; N]) -> FlexTensor,
) -> FlexTensor {
    let found = MEMO.with_borrow(|scopes| {
        let scope = scopes.last()?;
        let matches = |e: &&Entry| {
            e.operation == operation
                && e.inputs.len() == N
                && e.inputs.iter().zip(&inputs).all(|(a, b)| same(a, b))
        };
        Some(scope.iter().find(matches).map(|e| e.output.clone()))
    });
    match found {
        None => compute(inputs),
        Some(Some(output)) => output,
        Some(None) => {
            let kept = inputs.to_vec();
            let output = compute(inputs);
            MEMO.with_borrow_mut(|scopes| {
                if let Some(scope) = scopes.last_mut() {
                    scope.push(Entry { operation, inputs: kept, output: output.clone() });
                }
            });
            output
        }
    }
}
