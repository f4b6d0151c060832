//! The transforms of ADA and DiffAugment, their sets and their gradients against their authors'
//! code (`tools/golden_ada.py`); the same on devices without operations of our own; and
//! bit-equality for any number of threads.

use crate::util;

use burn::tensor::{Device, Tensor, TensorData};
use serde_json::{Map, Value};
use shared::nn::config::{AugmentConfig, PipelineName};
use shared::nn::range::Range;
use shared::testing::relative_difference;
use train::augment::diffaugment::{self, DiffAugment};
use train::augment::transform::TRANSFORMS;
use train::augment::{Effect, Plan, draw, effect};
use util::{committed, golden, normal, signed};

/// Relative to the largest value. The reference is f64; our sums of up to 43·43 products are f32,
/// and a look-up's position of up to 100 pixels is f64 with weights rounded to f32; seen are
/// differences up to 4e-7.
const TOLERANCE: f64 = 2e-6;

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().expect("list").iter().map(|v| v.as_f64().expect("number")).collect()
}

/// What happens to picture `i`, from the numbers that the reference drew.
fn effect_of(numbers: &Map<String, Value>, i: usize, extent: [usize; 2]) -> Effect {
    let mut effect = Effect::default();
    assert!(
        numbers.keys().all(|name| TRANSFORMS.iter().any(|t| t.name == name)),
        "an unknown transform"
    );
    for transform in TRANSFORMS {
        let Some(drawn) =
            numbers.get(transform.name).map(|list| &list[i]).filter(|drawn| !drawn.is_null())
        else {
            continue;
        };
        let numbers = floats(drawn);
        let amounts = [0, 1].map(|k| transform.distribution.amount(numbers[k]));
        (transform.add)(&mut effect, amounts, extent);
    }
    effect
}

fn plan_of(
    case: &Value,
    name: &str,
    [batch, channels, height, width]: [usize; 4],
    range: Range,
) -> Plan {
    let shape = [channels, height, width];
    if let Some(numbers) = case["numbers"].as_object() {
        let effects: Vec<_> = (0..batch).map(|i| effect_of(numbers, i, [height, width])).collect();
        return effect::plan(
            &effects,
            normal(&format!("ada.noise.{name}"), batch * channels * height * width),
            shape,
            range,
        );
    }
    let drawn =
        case["params"].as_array().expect("params").iter().map(floats).map(|p| DiffAugment {
            brightness: p[0],
            saturation: p[1],
            contrast: p[2],
            shift: [p[3] as i64, p[4] as i64],
            centre: [p[5] as u64, p[6] as u64],
        });
    diffaugment::plan(&drawn.collect::<Vec<_>>(), shape, range)
}

fn numbers(name: &str, shape: [usize; 4]) -> Tensor<4> {
    Tensor::from_data(
        TensorData::new(signed(name, shape.iter().product(), 1.0), shape),
        &Device::flex(),
    )
}

#[test]
fn values_and_gradients_equal_the_authors_in_both_ranges_of_pixels() {
    let (file, metadata) = golden(&committed("ada.safetensors"));
    let stride: usize = metadata["stride"].parse().expect("stride");
    let cases: Vec<Value> = serde_json::from_str(&metadata["cases"]).expect("cases");
    let mut worst = [(0.0, String::new()), (0.0, String::new())];
    for (k, case) in cases.iter().enumerate() {
        let name = case["name"].as_str().expect("name");
        let shape: [usize; 4] =
            std::array::from_fn(|i| case["shape"][i].as_u64().expect("extent") as usize);
        let upstream = numbers(&format!("ada.upstream.{name}"), shape);
        for range in [Range::Signed, Range::Unit] {
            let plan = plan_of(case, name, shape, range);
            let x = range
                .from_signed(numbers(&format!("ada.x.{name}"), shape))
                .autodiff()
                .require_grad();
            let y = plan.apply(x.clone());
            let gradients = (y.clone() * upstream.clone()).sum().backward();
            let gradient = x.grad(&gradients).expect("gradient");
            for (i, (what, found)) in
                [("y", range.to_signed(y.inner())), ("dx", gradient)].into_iter().enumerate()
            {
                assert_eq!(found.dims(), shape);
                let found = found
                    .into_data()
                    .iter::<f32>()
                    .skip(k % stride)
                    .step_by(stride)
                    .collect::<Vec<f32>>();
                let expected = &file[&format!("{name}.{what}")].1;
                let off = relative_difference(found, expected.iter().copied());
                assert!(off < TOLERANCE, "{name}.{what} ({range:?}): {off:.1e}");
                if off > worst[i].0 {
                    worst[i] = (off, format!("{name} ({range:?})"));
                }
            }
        }
    }
    assert_eq!(file.len(), 2 * cases.len(), "numbers that no case is compared with");
    println!(
        "{} cases; largest relative difference of values and gradients: {worst:?}",
        cases.len()
    );
}

/// Pictures through everything that a pipeline has, and back, as bits.
fn through(pipeline: PipelineName, shape: [usize; 4]) -> (Vec<u32>, Vec<u32>) {
    let config = AugmentConfig { pipeline, ..AugmentConfig::default() };
    let mut stream = shared::rng::stream(4, "augment threads", 0);
    let plan =
        draw(&config, 0.7, shape[0], [shape[1], shape[2], shape[3]], Range::Unit, &mut stream);
    assert!(!plan.is_empty());
    let x = numbers("x", shape).autodiff().require_grad();
    let y = plan.apply(x.clone());
    let gradients = (y.clone() * numbers("upstream", shape)).sum().backward();
    let bits = |t: Tensor<4>| t.into_data().iter::<f32>().map(f32::to_bits).collect();
    (bits(y.inner()), bits(x.grad(&gradients).expect("gradient")))
}

#[test]
fn every_pipeline_is_equal_bit_by_bit_for_any_number_of_threads() {
    for pipeline in [PipelineName::Keras, PipelineName::Bgcfnc, PipelineName::Diffaugment] {
        for shape in [[5, 3, 32, 32], [3, 1, 20, 28]] {
            let with = |threads| {
                let pool =
                    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
                pool.install(|| through(pipeline, shape))
            };
            let once = with(1);
            assert!(once.0.iter().chain(&once.1).any(|&b| b != 0));
            assert!(with(3) == once, "{pipeline:?} {shape:?}");
        }
    }
}

#[test]
fn a_picture_to_which_nothing_happens_stays_as_it_is_beside_others() {
    let shape = [2, 3, 24, 28];
    let x = numbers("x", shape);
    let mut turned = Effect::default();
    for transform in TRANSFORMS {
        (transform.add)(&mut turned, [0.3, 0.3], [24, 28]);
    }
    let noise = normal("noise", 2 * 3 * 24 * 28);
    let plan = effect::plan(&[turned, Effect::default()], noise, [3, 24, 28], Range::Signed);
    let [changed, same] = [0, 1].map(|i| {
        let part = |t: &Tensor<4>| {
            t.clone().narrow(0, i, 1).into_data().iter::<f32>().collect::<Vec<f32>>()
        };
        relative_difference(part(&plan.apply(x.clone())), part(&x))
    });
    // Twice the rate and back is exact but for f32.
    assert!(same < 2e-6, "{same:.1e}");
    assert!(changed > 0.1);
}
