//! A pool of earlier translations: a discriminator that is shown some of them does not forget what it
//! has learned (Shrivastava et al. 2017, arXiv:1612.07828, section 2.3; `image_pool.py` of
//! pytorch-CycleGAN-and-pix2pix).

use burn::tensor::{Device, Tensor};
use shared::nn::parameter::{Parameter, Parameters, Purpose};
use shared::rng::Stream;

/// The pool of one side.
#[derive(Clone, Debug)]
pub struct Pool {
    /// [size, C, H, W]; filled from the first on.
    pictures: Parameter,
}

impl Pool {
    /// An empty pool of `size` pictures of `extent` [C, H, W].
    #[must_use]
    pub fn new(size: usize, [channels, height, width]: [usize; 3], device: &Device) -> Self {
        let shape = [size, channels, height, width];
        Self { pictures: Parameter::filled(0.0, &shape, Purpose::Buffer, device) }
    }

    /// Stores the pictures of `made` and gives as many back, one by one: the picture itself until the
    /// pool is full; then, in half of the cases, a stored one in exchange for it, else the picture
    /// itself, which is not stored. `seen` is the number of pictures before. While the pool fills, no
    /// number is drawn.
    ///
    /// # Shapes
    /// `made` [B, C, H, W], without a graph, gives the same.
    #[must_use]
    pub fn query(&mut self, made: Tensor<4>, seen: u64, stream: &mut Stream) -> Tensor<4> {
        let size = self.pictures.shape()[0];
        let count = made.dims()[0];
        let given = (0..count).map(|i| {
            let new = made.clone().narrow(0, i, 1);
            let place = usize::try_from(seen + i as u64).unwrap_or(usize::MAX);
            if place < size {
                self.put(place, new.clone());
                return new;
            }
            if stream.uniform() <= 0.5 {
                return new;
            }
            let place = stream.below(size as u64) as usize;
            let old = self.at(place, new.dims());
            self.put(place, new);
            old
        });
        let mut given: Vec<Tensor<4>> = given.collect();
        if count == 1 { given.remove(0) } else { Tensor::cat(given, 0) }
    }

    /// A copy of a stored picture: a view would make the next change copy the whole pool.
    fn at(&self, place: usize, shape: [usize; 4]) -> Tensor<4> {
        let length = shape.iter().product();
        self.pictures.flat().narrow(0, place * length, length).mul_scalar(1.0).reshape(shape)
    }

    fn put(&mut self, place: usize, picture: Tensor<4>) {
        let length: usize = picture.dims().iter().product();
        let range = place * length..(place + 1) * length;
        let all = self.pictures.take().slice_assign([range], picture.reshape([length]));
        self.pictures.set(all);
    }
}

/// The pools of both sides, A first.
#[derive(Clone, Debug)]
pub struct Pools(pub [Pool; 2]);

impl Parameters for Pools {
    fn collect<'a>(&'a self, prefix: &str, list: &mut Vec<(String, &'a Parameter)>) {
        let [a, b] = &self.0;
        list.extend([(format!("{prefix}a"), &a.pictures), (format!("{prefix}b"), &b.pictures)]);
    }

    fn collect_mut<'a>(&'a mut self, prefix: &str, list: &mut Vec<(String, &'a mut Parameter)>) {
        let [a, b] = &mut self.0;
        list.push((format!("{prefix}a"), &mut a.pictures));
        list.push((format!("{prefix}b"), &mut b.pictures));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_gives_what_comes_until_it_is_full_and_then_half_of_the_time_what_came_before() {
        let device = Device::flex();
        let mut pool = Pool::new(5, [1, 2, 2], &device);
        let mut held: Vec<f32> = Vec::new();
        let mut exchanged = 0;
        for i in 0..400u64 {
            let new = Tensor::full([1, 1, 2, 2], i as f32, &device);
            let given = pool.query(new, i, &mut shared::rng::stream(0, "pool", i));
            let given: Vec<f32> = given.into_data().iter().collect();
            assert!(given.iter().all(|v| *v == given[0]), "whole pictures");
            if i < 5 {
                assert_eq!(given[0], i as f32);
                held.push(given[0]);
            } else if given[0] != i as f32 {
                let place = held.iter().position(|v| *v == given[0]).expect("a stored one");
                held[place] = i as f32;
                exchanged += 1;
            }
        }
        // Five standard errors of 395 fair coins.
        assert!((exchanged - 197i32).abs() < 50, "{exchanged}");
    }
}
