//! The devices that train one run together: `--device cuda:0,cuda:1`.
//!
//! ```
//! use fledge_models::devices::DeviceList;
//!
//! let devices: DeviceList = "cpu,cpu".parse()?;
//! assert_eq!(devices.open()?.len(), 2);
//! # Ok::<(), fledge_base::cli::UsageError>(())
//! ```

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;

use super::device::DeviceChoice;
use fledge_base::cli::UsageError;

/// The value of the flag `--device` in commands that accept several devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceList(Vec<DeviceChoice>);

impl FromStr for DeviceList {
    type Err = UsageError;

    fn from_str(text: &str) -> Result<Self, UsageError> {
        let choices = text.split(',').map(str::parse).collect::<Result<Vec<DeviceChoice>, _>>()?;
        let refuse = |why: &str| Err(UsageError(format!("--device {text}: {why}")));
        if choices.len() > 1 && choices.contains(&DeviceChoice::Auto) {
            return refuse("auto selects one device and cannot be part of a list");
        }
        // The CPU may be named twice, to try training on several devices on any machine.
        let again =
            |i: usize| choices[i] != DeviceChoice::Cpu && choices[..i].contains(&choices[i]);
        if (0..choices.len()).any(again) {
            return refuse("a device is named twice");
        }
        Ok(Self(choices))
    }
}

impl fmt::Display for DeviceList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&names.join(","))
    }
}

impl DeviceList {
    /// The default if no device is named.
    #[must_use]
    pub fn auto() -> Self {
        Self(vec![DeviceChoice::Auto])
    }

    /// Opens the devices, in order and without autodiff; there is at least one. Logs their names.
    ///
    /// # Errors
    /// If one is not built in or not usable.
    pub fn open(&self) -> Result<Vec<Device>, UsageError> {
        self.0.iter().map(|choice| choice.open()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_reads_what_it_prints_and_names_no_gpu_twice() {
        for text in ["auto", "cpu", "cpu,cpu,cpu", "cuda:0,cuda:3"] {
            assert_eq!(text.parse::<DeviceList>().expect("parse").to_string(), text);
        }
        for (text, why) in [
            ("cuda:0,cuda", "named twice"),
            ("cpu,auto", "selects one"),
            ("cpu,", "--device"),
            ("cuda:0;cuda:1", "cuda:INDEX"),
        ] {
            let error = text.parse::<DeviceList>().expect_err(text).to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
