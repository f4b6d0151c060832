//! Training does not depend on how many threads share the work, not in a single bit.

use burn::tensor::{Device, Tensor, TensorData};
use shared::nn::config::{CONFIG_VERSION, DataConfig, RunConfig, Settings};
use shared::rng;
use train::trainer::Trainer;

/// All parameters and optimizer states after three augmented steps, as bits.
fn trained() -> Vec<u32> {
    let (batch, size) = (6, 16);
    let settings = ["generator.width=16", "discriminator.width=16", "schedule.batch=6"].map(String::from);
    let config = RunConfig {
        version: CONFIG_VERSION,
        preset: "gan-ada".into(),
        seed: 7,
        data: DataConfig { path: String::new(), split: String::new(), fingerprint: String::new(), size, channels: 3 },
        settings: Settings::resolve("gan-ada", None, &settings).expect("settings"),
    };
    let device = Device::flex();
    let mut trainer = Trainer::new(&config, &device);
    for step in 0..3 {
        trainer.probability = 0.5;
        let values = rng::stream(1, "test pictures", step).normals(batch * 3 * size * size);
        trainer.step(Tensor::from_data(TensorData::new(values, [batch, 3, size, size]), &device));
    }
    let parts = trainer.parts();
    parts.iter().flat_map(|(_, part)| part.parameters()).flat_map(|(_, p)| p.to_vec()).map(f32::to_bits).collect()
}

#[test]
fn training_is_equal_bit_by_bit_for_any_number_of_threads() {
    let with = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads").install(trained);
    let once = with(1);
    assert!(once.len() > 10_000 && once.iter().any(|&b| b != 0));
    for threads in [2, 3, 7] {
        assert!(with(threads) == once, "{threads} threads");
    }
}
