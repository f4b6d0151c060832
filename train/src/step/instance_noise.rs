//! Gaussian noise on D's input (Sønderby et al. 2017, arXiv:1610.04490; Arjovsky & Bottou 2017,
//! arXiv:1701.04862): it gives real and generated pictures a common support, so that D cannot
//! separate them by trivial details.

use burn::tensor::{Tensor, TensorData};
use shared::nn::config::LossConfig;
use shared::rng::Stream;

/// Standard deviation of the noise after `images_seen` real pictures, for pictures in [−1, 1]; it
/// is halved for pictures in [0, 1].
#[must_use]
pub fn deviation(config: &LossConfig, images_seen: f64) -> f64 {
    if config.instance_noise_kimg == 0.0 {
        return config.instance_noise;
    }
    config.instance_noise * (1.0 - images_seen / (1000.0 * config.instance_noise_kimg)).max(0.0)
}

/// Adds noise of standard deviation `deviation`, in units of `x`, to `x` [B, C, H, W]; draws
/// nothing if that is 0.
#[must_use]
pub fn noise(x: Tensor<4>, deviation: f64, stream: &mut Stream) -> Tensor<4> {
    if deviation == 0.0 {
        return x;
    }
    let shape = x.dims();
    let values = stream
        .normals(shape.iter().product())
        .into_iter()
        .map(|n| n * deviation as f32)
        .collect::<Vec<_>>();
    let noise = Tensor::from_data(TensorData::new(values, shape), &x.device());
    x + noise
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use shared::rng;

    use super::*;

    #[test]
    fn the_deviation_fades_linearly_to_nothing_or_stays() {
        let config =
            LossConfig { instance_noise: 0.2, instance_noise_kimg: 10.0, ..LossConfig::default() };
        for (seen, expected) in
            [(0.0, 0.2), (2500.0, 0.15), (9000.0, 0.02), (10_000.0, 0.0), (1e9, 0.0)]
        {
            assert!((deviation(&config, seen) - expected).abs() < 1e-12, "{seen}");
        }
        assert_eq!(deviation(&LossConfig { instance_noise_kimg: 0.0, ..config }, 1e9), 0.2);
    }

    #[test]
    fn noise_has_the_asked_deviation_and_lets_gradients_pass() {
        let x = Tensor::<4>::full([2, 3, 50, 50], 0.25, &Device::flex()).autodiff().require_grad();
        let y = noise(x.clone(), 0.1, &mut rng::stream(0, "instance noise", 0));
        let off: Vec<f64> =
            (y.clone() - 0.25).inner().into_data().iter::<f32>().map(f64::from).collect();
        let n = off.len() as f64;
        let (mean, square) =
            (off.iter().sum::<f64>() / n, off.iter().map(|v| v * v).sum::<f64>() / n);
        // Five standard errors of the mean and the variance.
        assert!(mean.abs() < 0.5 / n.sqrt(), "{mean}");
        assert!((square - 0.01).abs() < 0.05 * (2.0 / n).sqrt(), "{square}");
        let gradient = x.grad(&y.sum().backward()).expect("gradient");
        assert!(gradient.into_data().iter::<f32>().all(|g| g == 1.0));
    }

    #[test]
    fn a_deviation_of_nothing_draws_nothing_and_changes_nothing() {
        let mut stream = rng::stream(0, "instance noise", 0);
        let x = Tensor::<4>::ones([1, 1, 2, 2], &Device::flex());
        assert_eq!(noise(x.clone(), 0.0, &mut stream).into_data(), x.into_data());
        assert_eq!(stream.bits(), rng::stream(0, "instance noise", 0).bits());
    }
}
