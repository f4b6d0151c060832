//! PyTorch's generator on the CPU, as far as the metrics need it: `randperm` and `randn` of a
//! `torch.Generator("cpu").manual_seed(seed)`.
//!
//! It is MT19937 seeded as numpy's legacy generator is. Where the draws go: PyTorch's `aten/src/ATen/native/TensorFactories.cpp`
//! (`randperm_cpu`) and `native/cpu/DistributionTemplates.h` (`normal_fill`). Integers are reproduced exactly; normal numbers to
//! the last bits, because PyTorch's vectorised logarithm, sine and cosine differ there between processors.

use std::f32::consts::TAU;

use shared::metrics::mt19937::RandomState;

/// Normal numbers are made this many at a time: as many radii as angles, half each.
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

    /// `torch.randperm(n)`: the place `i` gets one of those that are left, by remainder.
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
        assert!(count >= BLOCK, "PyTorch draws fewer than {BLOCK} normal numbers in another way");
        let mut values: Vec<f32> = (0..count).map(|_| self.uniform()).collect();
        for block in values.chunks_exact_mut(BLOCK) {
            box_muller(block);
        }
        if !count.is_multiple_of(BLOCK) {
            // The last 16 are drawn again, over what the last whole block had left there.
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

/// Uniform numbers → normal ones: the first half are radii, the second angles.
fn box_muller(block: &mut [f32]) {
    let (radii, angles) = block.split_at_mut(BLOCK / 2);
    for (first, second) in radii.iter_mut().zip(angles) {
        let radius = (-2.0 * f64::from(1.0 - *first).ln()).sqrt();
        // PyTorch rounds the angle to f32.
        let (sin, cos) = f64::from(TAU * *second).sin_cos();
        (*first, *second) = ((radius * cos) as f32, (radius * sin) as f32);
    }
}
