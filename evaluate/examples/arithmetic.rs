//! Values and seconds of the arithmetic alone, for a comparison with the reference libraries on the same features
//! (`tools/bench_arithmetic.py`, which writes both files).
//!
//! usage: cargo run --release -p evaluate --example arithmetic -- GENERATED REAL METRIC...
//! GENERATED and REAL are safetensors files with one f32 tensor `feats` [pictures, dimensions].
//! METRIC is kid, fid, prdc, precision-recall, mind or fid-infinity. One JSON object is printed.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use evaluate::metrics::fid::{Divisor, fid};
use evaluate::metrics::fid_infinity::{Sizes, fid_infinity};
use evaluate::metrics::mind::mind;
use evaluate::metrics::prdc::{NEIGHBOUR, PRDC_NEIGHBOUR, prdc, precision_recall};
use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, Value, json};
use shared::metrics::features::Features;
use shared::metrics::kid::{Subsets, over_subsets};

fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("arithmetic: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<()> {
    let [generated, real, metrics @ ..] = args else { bail!("usage: arithmetic GENERATED REAL METRIC...") };
    let (generated, real) = (read(generated)?, read(real)?);
    let mut results = Map::new();
    for metric in metrics {
        let start = Instant::now();
        let mut result = measured(metric, &generated, &real)?;
        result["seconds"] = start.elapsed().as_secs_f64().into();
        results.insert(metric.clone(), result);
    }
    println!("{}", Value::Object(results));
    Ok(())
}

fn measured(metric: &str, generated: &Features, real: &Features) -> Result<Value> {
    Ok(match metric {
        "kid" => {
            let kid = over_subsets(generated, real, Subsets::default())?;
            json!({"mean": kid.mean, "std": kid.std})
        }
        "fid" => json!({"fid": fid(generated, real, Divisor::Unbiased)?}),
        "prdc" => {
            let all = prdc(generated, real, PRDC_NEIGHBOUR)?;
            json!({"precision": all.precision, "recall": all.recall, "density": all.density, "coverage": all.coverage})
        }
        "precision-recall" => {
            let both = precision_recall(generated, real, NEIGHBOUR)?;
            json!({"precision": both.precision, "recall": both.recall, "f_score": both.f_score})
        }
        "mind" => json!({"mind": mind(generated, real, 2020)?.value}),
        "fid-infinity" => {
            let line = fid_infinity(generated, real, Sizes::default(), Divisor::Unbiased)?;
            json!({"value": line.value, "standard_error": line.standard_error, "points": line.points})
        }
        _ => bail!("{metric}: expected kid, fid, prdc, precision-recall, mind or fid-infinity"),
    })
}

fn read(path: &str) -> Result<Features> {
    let bytes = std::fs::read(path).with_context(|| path.to_owned())?;
    let tensors = SafeTensors::deserialize(&bytes).with_context(|| path.to_owned())?;
    let tensor = tensors.tensor("feats").with_context(|| path.to_owned())?;
    let &[_, dimensions] = tensor.shape() else { bail!("{path}: feats is no matrix") };
    ensure!(tensor.dtype() == Dtype::F32, "{path}: feats is not f32");
    let values = tensor.data().as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    Ok(Features::new(values, dimensions))
}
