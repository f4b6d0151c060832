//! All devices of this machine, usable or not, as text and as JSON.
//!
//! ```
//! use fledge_models::device::list::Devices;
//!
//! assert!(Devices::find().text().starts_with("cpu"));
//! ```

use serde_json::{Value, json};

use super::cpu;
#[cfg(feature = "cuda")]
use super::driver;
use super::facts::{Driver, Facts, Gpu, gib, version_text};
use super::memory::Memory;
use fledge_kernels as ops;

/// The devices listed by `train devices`.
#[derive(Clone, Debug)]
pub struct Devices {
    /// Device types that this program was built for, besides the CPU.
    built_for: Vec<&'static str>,
    cuda: Option<Cuda>,
}

#[derive(Clone, Debug)]
struct Cuda {
    facts: Facts,
    /// For each GPU its free memory, or the reason why it accepts no work.
    memory: Vec<Result<Memory, String>>,
}

impl Devices {
    /// Queries all devices. GPUs are initialised for it, which takes a second each.
    #[must_use]
    pub fn find() -> Self {
        let built =
            [("cuda", cfg!(feature = "cuda")), ("cubecl-cpu", cfg!(feature = "cubecl-cpu"))];
        let built_for =
            built.into_iter().filter_map(|(name, is_built)| is_built.then_some(name)).collect();
        Self { built_for, cuda: cuda() }
    }

    /// The list as text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("{:<12}{}\n", "cpu", cpu());
        if self.built_for.contains(&"cubecl-cpu") {
            text += &format!(
                "{:<12}the code of the GPUs on the CPU, to check it: slow\n",
                "cubecl-cpu"
            );
        }
        let Some(Cuda { facts, memory }) = &self.cuda else {
            return text + &format!("{:<12}not built in: `make cuda` (docs/CUDA.md)\n", "cuda");
        };
        for (gpu, memory) in facts.gpus().iter().zip(memory) {
            text += &format!("{:<12}{}\n", format!("cuda:{}", gpu.index), line(gpu, memory));
        }
        if let Driver::Works { version, .. } = facts.driver {
            text += &format!(
                "{:<12}driver for CUDA {} (needed: {})\n",
                "",
                version_text(version),
                version_text(facts.needed)
            );
        }
        if let Some(trouble) = facts.trouble() {
            text += &format!("{:<12}not usable: {trouble}\n", "cuda");
        }
        text
    }

    /// The list as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut value = json!({
            "cpu": { "threads": rayon::current_num_threads(), "instructions": ops::instructions() },
            "built_for": self.built_for,
        });
        if let Some(Cuda { facts, memory }) = &self.cuda {
            let version = match facts.driver {
                Driver::Works { version, .. } => Some(version_text(version)),
                _ => None,
            };
            let gpus: Vec<Value> = facts
                .gpus()
                .iter()
                .zip(memory)
                .map(|(gpu, memory)| entry(facts, gpu, memory))
                .collect();
            value["cuda"] = json!({
                "driver": version,
                "needed": version_text(facts.needed),
                "usable": facts.trouble().is_none(),
                "why_not": facts.trouble(),
                "devices": gpus,
            });
        }
        value
    }
}

fn line(gpu: &Gpu, memory: &Result<Memory, String>) -> String {
    let (major, minor) = gpu.capability;
    let memory = match memory {
        Ok(memory) => format!("{} ({} free)", gib(memory.total), gib(memory.free)),
        Err(why) => format!("{}, takes no work: {why}", gib(gpu.memory)),
    };
    format!("{}, compute capability {major}.{minor}, {memory}", gpu.name)
}

fn entry(facts: &Facts, gpu: &Gpu, memory: &Result<Memory, String>) -> Value {
    let (major, minor) = gpu.capability;
    let why_not = facts.trouble_of(gpu.index).or_else(|| memory.as_ref().err().cloned());
    json!({
        "index": gpu.index,
        "name": gpu.name,
        "memory": memory.as_ref().map_or(gpu.memory, |memory| memory.total),
        "free": memory.as_ref().ok().map(|memory| memory.free),
        "capability": format!("{major}.{minor}"),
        "usable": why_not.is_none(),
        "why_not": why_not,
    })
}

#[cfg(feature = "cuda")]
fn cuda() -> Option<Cuda> {
    let facts = driver::ask();
    let memory = facts.gpus().iter().map(|gpu| driver::memory(gpu.index)).collect();
    Some(Cuda { facts, memory })
}

#[cfg(not(feature = "cuda"))]
const fn cuda() -> Option<Cuda> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::facts::Libdevice;

    fn two_gpus() -> Devices {
        let gpu = |index| Gpu {
            index,
            name: "NVIDIA RTX 4090".into(),
            memory: 24 << 30,
            capability: (8, 9),
        };
        let facts = Facts {
            driver: Driver::Works { version: 12_080, gpus: vec![gpu(0), gpu(1)] },
            needed: 12_080,
            visible: None,
            libdevice: Libdevice::Found("/usr/local/cuda".into()),
        };
        let memory = vec![Ok(Memory { free: 20 << 30, total: 24 << 30 }), Err("busy".into())];
        Devices { built_for: vec!["cuda"], cuda: Some(Cuda { facts, memory }) }
    }

    #[test]
    fn the_text_has_a_line_for_every_device() {
        let text = two_gpus().text();
        assert!(
            text.contains(
                "cuda:0      NVIDIA RTX 4090, compute capability 8.9, 24.0 GiB (20.0 GiB free)\n"
            ),
            "{text}"
        );
        assert!(text.contains("cuda:1      NVIDIA RTX 4090, compute capability 8.9, 24.0 GiB, takes no work: busy\n"), "{text}");
        assert!(text.contains("driver for CUDA 12.8"), "{text}");
        assert!(text.starts_with("cpu         CPU, "), "{text}");
    }

    #[test]
    fn the_json_says_which_device_is_usable_and_why_not() {
        let json = two_gpus().json();
        assert_eq!(json["cuda"]["usable"], true);
        assert_eq!(json["cuda"]["devices"][0]["usable"], true);
        assert_eq!(json["cuda"]["devices"][0]["free"], 20_u64 << 30);
        assert_eq!(json["cuda"]["devices"][1]["why_not"], "busy");
        let mut absent = two_gpus();
        absent.cuda.as_mut().expect("cuda").facts.driver = Driver::Absent;
        let json = absent.json();
        assert_eq!(
            (&json["cuda"]["usable"], &json["cuda"]["driver"]),
            (&Value::Bool(false), &Value::Null)
        );
        assert!(absent.text().contains("not usable: no NVIDIA driver"));
    }

    #[test]
    fn a_program_without_cuda_says_so() {
        let devices = Devices { built_for: Vec::new(), cuda: None };
        assert!(devices.text().contains("not built in"));
        assert!(devices.json().get("cuda").is_none());
    }
}
