//! The findings about a CUDA driver and the messages derived from them. It queries nothing: facts
//! go in, messages come out.
//!
//! ```
//! use fledge_models::device::facts;
//!
//! assert_eq!(facts::version_text(12_080), "12.8");
//! assert_eq!(facts::gib(3 << 29), "1.5 GiB");
//! ```

use std::fmt;
use std::path::{Path, PathBuf};

/// Memory of a device, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Not used by any process.
    pub free: u64,
    /// Total memory.
    pub total: u64,
}

/// Path of the math functions' code inside a CUDA toolkit. Kernels with `exp`, `log` or `tanh`, and
/// hence every loss, are linked with it when they are compiled; without it they fail one by one.
pub const LIBDEVICE: &str = "nvvm/libdevice/libdevice.10.bc";

/// Toolkits searched if `CUDA_PATH` is not set; the first with a folder `nvvm/libdevice` is used.
/// Same as in `cubecl-llvm` (`src/nvptx/libdevice.rs`).
const TOOLKITS: [&str; 4] = ["/usr/local/cuda", "/opt/cuda", "/usr/lib/cuda", "/usr"];

/// All findings about CUDA.
#[derive(Clone, Debug)]
pub struct Facts {
    /// State of the driver.
    pub driver: Driver,
    /// The first CUDA version, as 12080 for 12.8, with all driver functions that this program
    /// calls.
    pub needed: i32,
    /// The variable `CUDA_VISIBLE_DEVICES`.
    pub visible: Option<String>,
    /// Location of the math functions.
    pub libdevice: Libdevice,
}

/// State of the driver.
#[derive(Clone, Debug)]
pub enum Driver {
    /// Its library cannot be loaded.
    Absent,
    /// It is installed but fails to start, with this error.
    Refuses {
        /// Error number of `cuda.h`.
        code: u32,
        /// Error name of `cuda.h`.
        name: String,
    },
    /// It works.
    Works {
        /// The newest CUDA version it supports, as 12080 for 12.8.
        version: i32,
        /// The visible devices.
        gpus: Vec<Gpu>,
    },
}

/// One device.
#[derive(Clone, Debug, PartialEq)]
pub struct Gpu {
    /// Index from 0 among the visible devices.
    pub index: usize,
    /// Name, such as "NVIDIA H200".
    pub name: String,
    /// Bytes of memory.
    pub memory: u64,
    /// Compute capability, such as (9, 0).
    pub capability: (i32, i32),
}

impl fmt::Display for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor) = self.capability;
        write!(
            f,
            "{} (cuda:{}), {}, compute capability {major}.{minor}",
            self.name,
            self.index,
            gib(self.memory)
        )
    }
}

/// Location of the math functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Libdevice {
    /// In this toolkit, on the search path.
    Found(PathBuf),
    /// `CUDA_PATH` names a folder without them.
    WrongPath {
        /// Value of `CUDA_PATH`.
        path: PathBuf,
        /// A toolkit that has them.
        elsewhere: Option<PathBuf>,
    },
    /// Not on the search path.
    Missing {
        /// A toolkit that has them, but must be named by `CUDA_PATH`.
        elsewhere: Option<PathBuf>,
    },
}

impl Libdevice {
    /// Searches as the kernel compiler does: in `path` (the variable `CUDA_PATH`) or else in the
    /// usual places only. `others` are further candidate toolkits for the message.
    #[must_use]
    pub fn find(path: Option<PathBuf>, others: &[PathBuf]) -> Self {
        let has = |root: &Path| root.join(LIBDEVICE).is_file();
        let usual = || TOOLKITS.iter().map(PathBuf::from);
        let elsewhere = || usual().chain(others.iter().cloned()).find(|root| has(root));
        match path {
            Some(path) if has(&path) => Self::Found(path),
            Some(path) => Self::WrongPath { path, elsewhere: elsewhere() },
            None => match usual().find(|root| root.join("nvvm/libdevice").is_dir()) {
                Some(root) if has(&root) => Self::Found(root),
                _ => Self::Missing { elsewhere: elsewhere() },
            },
        }
    }

    fn trouble(&self) -> Option<String> {
        let (why, elsewhere) = match self {
            Self::Found(_) => return None,
            Self::WrongPath { path, elsewhere } => {
                (format!("CUDA_PATH is {}, which has no {LIBDEVICE}", path.display()), elsewhere)
            }
            Self::Missing { elsewhere } => {
                (format!("no {LIBDEVICE} in {}", TOOLKITS.join(", ")), elsewhere)
            }
        };
        let advice = match elsewhere {
            Some(path) => format!("set CUDA_PATH={}", path.display()),
            None => {
                "install the CUDA toolkit, or only that file as docs/CUDA.md shows, and set CUDA_PATH to the folder above nvvm"
                    .into()
            }
        };
        Some(format!("the math functions of CUDA are missing ({why}): {advice}"))
    }
}

impl Facts {
    /// The visible devices.
    #[must_use]
    pub fn gpus(&self) -> &[Gpu] {
        match &self.driver {
            Driver::Works { gpus, .. } => gpus,
            _ => &[],
        }
    }

    /// The obstacle to using any device, with a remedy; `None` if there is none.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        match &self.driver {
            Driver::Absent => Some(
                "no NVIDIA driver (libcuda.so.1 cannot be loaded): install it (Debian: nvidia-driver), or start the container \
                 with --gpus all"
                    .into(),
            ),
            Driver::Refuses { code, name } => Some(self.refused(*code, name)),
            Driver::Works { gpus, .. } if gpus.is_empty() => Some(self.none_shown()),
            Driver::Works { version, .. } if *version < self.needed => Some(format!(
                "the NVIDIA driver is too old: it knows CUDA {}, this program needs {}: install driver {} or newer, or build with \
                 CUDARC_CUDA_VERSION=12090 (docs/CUDA.md)",
                version_text(*version),
                version_text(self.needed),
                branch(self.needed)
            )),
            Driver::Works { .. } => self.libdevice.trouble(),
        }
    }

    /// The obstacle to using the device of this index.
    #[must_use]
    pub fn trouble_of(&self, index: usize) -> Option<String> {
        if let Some(trouble) = self.trouble() {
            return Some(trouble);
        }
        let count = self.gpus().len();
        let hidden = self
            .visible
            .as_ref()
            .map(|list| format!("; CUDA_VISIBLE_DEVICES={list} decides which"))
            .unwrap_or_default();
        match count {
            _ if index < count => None,
            1 => Some(format!("there is only cuda:0{hidden}")),
            _ => Some(format!("there are only cuda:0 to cuda:{}{hidden}", count - 1)),
        }
    }

    fn none_shown(&self) -> String {
        match &self.visible {
            Some(list) => format!("the NVIDIA driver shows no device: CUDA_VISIBLE_DEVICES={list:?} hides them; unset it"),
            None => "the NVIDIA driver shows no device: see `nvidia-smi`; in a container, start it with --gpus all".into(),
        }
    }

    fn refused(&self, code: u32, name: &str) -> String {
        // Error numbers of cuda.h: CUDA_ERROR_STUB_LIBRARY, _NO_DEVICE, _SYSTEM_DRIVER_MISMATCH,
        // _COMPAT_NOT_SUPPORTED_ON_DEVICE.
        match code {
            34 => "libcuda.so.1 is the toolkit's stub, no driver: take the folder `stubs` out of LD_LIBRARY_PATH".into(),
            100 => self.none_shown(),
            803 | 804 => format!(
                "the NVIDIA driver's library and kernel module do not match ({name}): restart the machine after an update"
            ),
            _ => format!("the NVIDIA driver does not start ({name}, error {code}): see whether `nvidia-smi` works"),
        }
    }
}

/// 12080 → "12.8".
#[must_use]
pub fn version_text(version: i32) -> String {
    format!("{}.{}", version / 1000, version % 1000 / 10)
}

/// The first branch of the Linux driver that supports this CUDA version.
const fn branch(version: i32) -> u32 {
    match version {
        13_000.. => 580,
        12_080.. => 570,
        12_000.. => 525,
        _ => 470,
    }
}

/// Formats bytes as "139.7 GiB".
#[must_use]
pub fn gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpu(index: usize) -> Gpu {
        Gpu { index, name: "NVIDIA H200".into(), memory: 150 << 30, capability: (9, 0) }
    }

    fn facts(driver: Driver) -> Facts {
        Facts {
            driver,
            needed: 12_080,
            visible: None,
            libdevice: Libdevice::Found("/usr/local/cuda".into()),
        }
    }

    fn works(version: i32, count: usize) -> Facts {
        facts(Driver::Works { version, gpus: (0..count).map(gpu).collect() })
    }

    /// Asserts that the message contains each of these words.
    fn says(trouble: Option<String>, words: &[&str]) {
        let text = trouble.expect("a message");
        for word in words {
            assert!(text.contains(word), "{word:?} is missing in {text:?}");
        }
    }

    #[test]
    fn a_driver_with_a_device_and_a_toolkit_is_no_trouble() {
        assert_eq!(works(12_080, 2).trouble(), None);
        assert_eq!(works(13_020, 2).trouble_of(1), None);
    }

    #[test]
    fn each_trouble_has_its_message() {
        says(facts(Driver::Absent).trouble(), &["no NVIDIA driver", "libcuda.so.1", "--gpus all"]);
        let refuses = |code| facts(Driver::Refuses { code, name: "CUDA_ERROR_X".into() }).trouble();
        says(refuses(34), &["stub", "LD_LIBRARY_PATH"]);
        says(refuses(100), &["shows no device", "nvidia-smi"]);
        says(refuses(803), &["do not match", "CUDA_ERROR_X", "restart"]);
        says(refuses(999), &["does not start", "error 999"]);
        says(works(12_080, 0).trouble(), &["shows no device"]);
        says(
            works(12_020, 1).trouble(),
            &["too old", "knows CUDA 12.2", "needs 12.8", "570", "CUDARC_CUDA_VERSION="],
        );
    }

    #[test]
    fn hidden_devices_are_blamed_on_the_variable() {
        let mut hidden = works(12_080, 0);
        hidden.visible = Some(String::new());
        says(hidden.trouble(), &["CUDA_VISIBLE_DEVICES=\"\"", "unset"]);
        let mut one = works(12_080, 1);
        one.visible = Some("3".into());
        says(one.trouble_of(1), &["only cuda:0", "CUDA_VISIBLE_DEVICES=3"]);
    }

    #[test]
    fn an_index_out_of_range_names_the_range() {
        says(works(12_080, 1).trouble_of(4), &["only cuda:0"]);
        says(works(12_080, 4).trouble_of(4), &["cuda:0 to cuda:3"]);
    }

    #[test]
    fn missing_math_functions_are_found_elsewhere_and_proposed() {
        let root = std::env::temp_dir().join(format!("fledge-libdevice-{}", std::process::id()));
        let toolkit = root.join("cuda-12.4");
        fledge_base::fs::create_folder(toolkit.join("nvvm/libdevice")).expect("a folder");
        fledge_base::fs::write(toolkit.join(LIBDEVICE), b"BC").expect("a file");

        assert_eq!(Libdevice::find(Some(toolkit.clone()), &[]), Libdevice::Found(toolkit.clone()));
        let wrong = Libdevice::find(Some(root.join("nothing")), std::slice::from_ref(&toolkit));
        let mut facts = works(12_080, 1);
        facts.libdevice = wrong;
        says(facts.trouble(), &["CUDA_PATH is", "nothing", LIBDEVICE, "set CUDA_PATH="]);
        facts.libdevice = Libdevice::Missing { elsewhere: None };
        says(facts.trouble(), &["install the CUDA toolkit", "docs/CUDA.md", "/usr/local/cuda"]);
        facts.libdevice = Libdevice::Missing { elsewhere: Some(toolkit.clone()) };
        says(facts.trouble(), &[&format!("set CUDA_PATH={}", toolkit.display())]);
        fledge_base::fs::remove(&root).expect("removed");
    }

    #[test]
    fn versions_read_as_nvidia_writes_them() {
        assert_eq!(version_text(12_080), "12.8");
        assert_eq!(version_text(13_000), "13.0");
    }
}
