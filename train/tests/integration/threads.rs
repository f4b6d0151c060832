//! Training does not depend on how many threads share the work, not in a single bit.

use burn::tensor::{Device, Tensor, TensorData};
use shared::nn::config::{DataConfig, RunConfig, Settings};
use shared::rng;
use train::step::trainer::Trainer;
use train::step::turn::Batch;

/// All parameters and optimizer states after three augmented steps, as bits.
fn trained() -> Vec<u32> {
    let (batch, size) = (6, 16);
    let settings =
        ["generator.width=16", "discriminator.width=16", "schedule.batch=6"].map(String::from);
    let config = RunConfig::new(
        "gan-ada",
        Settings::resolve("gan-ada", None, &settings).expect("settings"),
        7,
        DataConfig::of_extent(size, 3),
    );
    let device = Device::flex();
    let mut trainer = Trainer::new(&config, 3, &device);
    for step in 0..3 {
        trainer.game.controller.probability = 0.5;
        let values = rng::stream(1, "test pictures", step).normals(batch * 3 * size * size);
        let real = Tensor::from_data(TensorData::new(values, [batch, 3, size, size]), &device);
        trainer.step(&[Batch { real, source: None, classes: None, latents: None }]);
    }
    let parts = trainer.parts();
    parts
        .iter()
        .flat_map(|(_, part)| part.parameters())
        .flat_map(|(_, p)| p.to_vec())
        .map(f32::to_bits)
        .collect()
}

#[test]
fn training_is_equal_bit_by_bit_for_any_number_of_threads() {
    let with = |threads| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("threads")
            .install(trained)
    };
    let once = with(1);
    assert!(once.len() > 10_000 && once.iter().any(|&b| b != 0));
    for threads in [2, 3, 7] {
        assert!(with(threads) == once, "{threads} threads");
    }
}
