//! What a user is told where CUDA is built in but cannot be used: the program with a driver of
//! paper, compiled here.
#![cfg(all(feature = "cuda", target_os = "linux"))]
#![expect(clippy::unwrap_used, reason = "a test ends where the machine is not as expected")]

use std::path::Path;
use std::process::{Command, Output};

use shared::fs;
use shared::testing::Scratch;

/// A folder with the driver of paper, a toolkit with math functions, and one without.
struct Paper(Scratch);

impl Paper {
    fn new(name: &str) -> Self {
        let root = Scratch::new(&format!("paper-{name}"));
        for folder in ["driver", "toolkit/nvvm/libdevice", "nothing"] {
            fs::create_folder(root.join(folder)).unwrap();
        }
        fs::write(root.join("toolkit/nvvm/libdevice/libdevice.10.bc"), b"BC").unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files/fake_libcuda.c");
        let library = root.join("driver/libcuda.so.1");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .arg(&library)
            .arg(source)
            .status()
            .unwrap();
        assert!(compiled.success());
        Self(root)
    }

    /// Runs `train` with these flags; `driver` says whether there is one, `variables` what it
    /// answers.
    fn train(&self, flags: &str, driver: bool, variables: &[(&str, &str)]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_train"));
        command
            .args(flags.split(' '))
            .env_remove("CUDA_VISIBLE_DEVICES")
            .env("RUST_BACKTRACE", "0");
        command
            .env("CUDA_PATH", self.0.join("toolkit"))
            .env("XDG_CACHE_HOME", self.0.join("cache"));
        command.env("LD_LIBRARY_PATH", self.0.join(if driver { "driver" } else { "nothing" }));
        command.envs(variables.iter().copied()).output().unwrap()
    }

    /// `--device cuda:0` is refused as wrong usage, with these words and no panic.
    fn refuses(&self, driver: bool, variables: &[(&str, &str)], words: &[&str]) {
        let output = self.train("--data nowhere --out nowhere --device cuda:0", driver, variables);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        for word in words.iter().chain(&["--device cuda:0: ", "or use --device cpu"]) {
            assert!(said.contains(word), "{word:?} is missing in {said}");
        }
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[test]
fn each_trouble_is_told_before_a_device_is_used() {
    let paper = Paper::new("troubles");
    // A machine with a driver of its own loads that one instead of none.
    if !Path::new("/dev/nvidiactl").exists() {
        paper.refuses(false, &[], &["no NVIDIA driver", "libcuda.so.1"]);
    }
    paper.refuses(true, &[("FAKE_INIT", "100")], &["shows no device"]);
    paper.refuses(
        true,
        &[("FAKE_INIT", "100"), ("CUDA_VISIBLE_DEVICES", "-1")],
        &["CUDA_VISIBLE_DEVICES=\"-1\"", "unset"],
    );
    paper.refuses(true, &[("FAKE_INIT", "803")], &["do not match", "an error of paper"]);
    paper.refuses(true, &[("FAKE_COUNT", "0")], &["shows no device"]);
    paper.refuses(true, &[("FAKE_VERSION", "11020")], &["too old", "knows CUDA 11.2"]);
    paper.refuses(true, &[("FAKE_RETAIN", "46")], &["an error of paper", "nvidia-smi"]);
    let nothing = paper.0.join("nothing");
    paper.refuses(
        true,
        &[("CUDA_PATH", nothing.to_str().unwrap())],
        &["math functions", "CUDA_PATH is", "nothing"],
    );
}

#[test]
fn an_index_out_of_range_names_the_range() {
    let paper = Paper::new("range");
    let output =
        paper.train("--data nowhere --out nowhere --device cuda:2", true, &[("FAKE_COUNT", "2")]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("--device cuda:2: there are only cuda:0 to cuda:1"), "{said}");
}

#[test]
fn auto_goes_to_the_cpu_and_says_why_once() {
    let paper = Paper::new("auto");
    let output = paper.train("--data nowhere --out nowhere", true, &[("FAKE_INIT", "100")]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        said.matches("not on a GPU: the NVIDIA driver shows no device").count(),
        1,
        "{said}"
    );
    assert!(said.contains("device: CPU"), "{said}");
}

#[test]
fn devices_are_listed_with_what_the_driver_says() {
    let paper = Paper::new("list");
    let text =
        String::from_utf8(paper.train("devices", true, &[("FAKE_COUNT", "2")]).stdout).unwrap();
    assert!(
        text.contains(
            "cuda:1      NVIDIA Paper 1, compute capability 8.9, 24.0 GiB (20.0 GiB free)"
        ),
        "{text}"
    );
    assert!(text.contains("driver for CUDA 13.0"), "{text}");

    let json = |variables: &[(&str, &str)]| {
        let output = paper.train("devices --json", true, variables);
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let listed = json(&[]);
    assert_eq!(listed["cuda"]["usable"], true);
    assert_eq!(listed["cuda"]["devices"][0]["free"], 20_u64 << 30);
    let busy = json(&[("FAKE_RETAIN", "46")]);
    assert_eq!(busy["cuda"]["devices"][0]["usable"], false);
    assert!(busy["cuda"]["devices"][0]["why_not"].as_str().unwrap().contains("an error of paper"));
}
