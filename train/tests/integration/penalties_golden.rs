//! The gradient penalties, which are exact although burn differentiates once, against PyTorch
//! differentiating twice in f64, on the numbers of `tools/golden_penalties.py`: critics of every
//! part that a critic may have.

use crate::util;

use burn::tensor::Device;
use shared::nn::config::Settings;
use shared::nn::layers::{Masks, Mode, Pass};
use shared::nn::networks::Discriminator;
use shared::nn::parameter::Parameters;
use shared::testing::relative_difference;
use train::step::gradient::flat_gradients;
use train::step::penalty::{self, Kind, Points};
use util::network::{
    assert_gradients, count, discriminator_settings, fill, json, key, tensor, values, zero,
};
use util::{committed, golden, signed_pictures, uniform};

/// PyTorch in f32 lies within 5e-6 of f64 (metadata `noise_floor`); our sums run in another order.
const TOLERANCE: f64 = 1e-4;
/// Of the largest gradient of a critic: what may be left of one that is zero in theory. Nothing
/// depends on those biases at all.
const ZERO: f64 = 1e-30;
const SIZE: usize = 16;
/// Weight of all penalties.
const WEIGHT: f64 = 10.0;

#[test]
fn penalties_and_their_gradients_equal_those_of_differentiating_twice() {
    let (file, metadata) = golden(&committed("penalties.safetensors"));
    let (starts, zero) = (json(&metadata, "starts"), zero(&metadata));
    let serde_json::Value::Object(critics) = json(&metadata, "critics") else {
        panic!("an object")
    };
    assert_eq!(critics.len(), 6);
    let device = Device::flex();
    let assert = |what: &str, found: Vec<f32>| {
        let off = relative_difference(found, file[what].1.iter().copied());
        assert!(off < TOLERANCE, "{what}: {off:.2e}");
    };
    for (name, c) in &critics {
        let (start, batch) = (count(&starts, name), count(c, "batch"));
        let settings =
            Settings::resolve("gan-ada", None, &discriminator_settings(c)).expect("settings");
        settings.check_size(SIZE).expect("size");
        let mut critic: Discriminator = settings.discriminator(SIZE, 3, 0, 0, &device);
        fill(&mut critic, &device, |name| key("d", name));
        let [real, fake] = ["real", "fake"].map(|of| {
            let shape = [batch, 3, SIZE, SIZE];
            tensor(signed_pictures(&format!("{of}.{start}"), shape), shape, &device)
        });
        let mut masks = Masks::None;
        let mut pass = Pass::new(Mode::Train, None, &mut masks);
        assert(&format!("{name}.logits"), values(critic.forward(real.clone(), &mut pass).logits));
        let between = penalty::between(&real, &fake, uniform("epsilon", batch));
        let kinds = [
            ("gp", Kind::Gradient(WEIGHT), between),
            ("r1", Kind::Square(WEIGHT), real),
            ("r2", Kind::Square(WEIGHT), fake),
        ];
        for (of, kind, x) in kinds {
            let tracked = critic.tracked();
            let found = penalty::of(
                kind,
                &critic,
                &tracked,
                &Points { x, classes: None, masks: &Masks::None, view: None },
            );
            assert(&format!("{name}.{of}"), vec![found.value() as f32]);
            assert(
                &format!("{name}.{of}.norms"),
                found.norms().iter().map(|n| *n as f32).collect(),
            );
            // R2 differs from R1 by its pictures alone; its gradients are stored for one critic.
            if of == "r2" && name != "all" {
                continue;
            }
            let gradients = flat_gradients(&tracked, &found.tangent.backward());
            let [worst, zeros] = assert_gradients(
                &critic,
                gradients,
                &file,
                &format!("{name}.{of}.grad.d"),
                &zero,
                [TOLERANCE, ZERO],
            );
            println!(
                "{name}.{of}: worst gradient {worst:.1e}, those that are zero in theory {zeros:.1e}"
            );
        }
    }
}
