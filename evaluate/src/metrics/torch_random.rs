//! PyTorch's CPU generator: `randperm` and `randn` of `torch.Generator("cpu").manual_seed(seed)`.
//!
//! It is MT19937, seeded like numpy's legacy generator. The draws follow PyTorch's
//! `aten/src/ATen/native/TensorFactories.cpp` (`randperm_cpu`) and
//! `native/cpu/DistributionTemplates.h` (`normal_fill`). Integers are exact. Normal numbers may
//! differ in the last bits, as PyTorch's own do between processors.

use std::f32::consts::TAU;

use shared::mt19937::RandomState;

/// Normal numbers per block: half radii, half angles.
const BLOCK: usize = 16;

/// `torch.Generator("cpu")` with a seed.
#[derive(Clone, Debug)]
pub struct TorchRandom {
    words: RandomState,
}

impl TorchRandom {
    /// `manual_seed(seed)`.
    #[must_use]
    pub fn new(seed: u32) -> Self {
        Self { words: RandomState::new(seed) }
    }

    /// `torch.randperm(n)`: position `i` gets one of the remaining numbers, by remainder.
    pub fn permutation(&mut self, n: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..n as u32).collect();
        for i in 0..n.saturating_sub(1) {
            let left = (n - i) as u32;
            order.swap(i, i + (self.words.bits() % left) as usize);
        }
        order
    }

    /// `torch.randn(count)` in f32.
    ///
    /// # Panics
    /// When `count` is below 16, for which PyTorch has another algorithm.
    pub fn normals(&mut self, count: usize) -> Vec<f32> {
        assert!(count >= BLOCK, "PyTorch draws fewer than {BLOCK} normal numbers differently");
        let mut values: Vec<f32> = (0..count).map(|_| self.uniform()).collect();
        for block in values.chunks_exact_mut(BLOCK) {
            box_muller(block);
        }
        if !count.is_multiple_of(BLOCK) {
            // The last 16 are drawn again, overwriting a part of the last whole block.
            let tail = &mut values[count - BLOCK..];
            tail.iter_mut().for_each(|v| *v = self.uniform());
            box_muller(tail);
        }
        values
    }

    /// Uniform on [0, 1): the lower 24 bits of a word.
    fn uniform(&mut self) -> f32 {
        (self.words.bits() & 0x00ff_ffff) as f32 / (1 << 24) as f32
    }
}

/// Uniform → normal numbers: the first half are radii, the second angles.
fn box_muller(block: &mut [f32]) {
    let (radii, angles) = block.split_at_mut(BLOCK / 2);
    for (first, second) in radii.iter_mut().zip(angles) {
        let radius = (-2.0 * f64::from(1.0 - *first).ln()).sqrt();
        // PyTorch rounds the angle to f32.
        let (sin, cos) = f64::from(TAU * *second).sin_cos();
        (*first, *second) = ((radius * cos) as f32, (radius * sin) as f32);
    }
}
