//! The published weights: the purpose, origin, path and checksum of each.
//!
//! Fetching and converting them is the business of `evaluate weights`.
//!
//! ```
//! use fledge_metrics::weights::{INCEPTION, PUBLISHED};
//!
//! assert!(PUBLISHED.iter().any(|weights| weights.name == INCEPTION.name));
//! ```

use std::path::{Path, PathBuf};

use fledge_base::cli::UsageError;
use fledge_base::fs;

/// A published file, pinned by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Name for `evaluate weights --fetch`.
    pub name: &'static str,
    /// The metrics and networks that need it.
    pub purpose: &'static str,
    /// Name of the cached file, and of the file on a mirror. Not always the publisher's, which may
    /// be a mere `model.safetensors`.
    pub file: &'static str,
    /// URL of the publisher's file.
    pub url: &'static str,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: &'static str,
    /// Length in bytes.
    pub bytes: u64,
    /// Owner and licence.
    pub license: &'static str,
}

/// A file converted by a script from a published file in a format that this program does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Converted {
    /// Name in `evaluate weights --list`.
    pub name: &'static str,
    /// The metrics and networks that need it.
    pub purpose: &'static str,
    /// Name of the cached file.
    pub file: &'static str,
    /// URL of the published file.
    pub url: &'static str,
    /// The script that converts it.
    pub script: &'static str,
    /// Owner and licence.
    pub license: &'static str,
}

/// TensorFlow's Inception of 2015-12-05 as converted by pytorch-fid; torch-fidelity offers the same
/// bytes.
pub const INCEPTION: Published = Published {
    name: "inception",
    purpose: "KID, FID, IS and all else over Inception features",
    file: "pt_inception-2015-12-05-6726825d.pth",
    url: "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
    sha256: "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    bytes: 95_628_359,
    license: "TensorFlow (Google), converted by pytorch-fid: Apache-2.0",
};

/// torchvision's VGG16, trained on ImageNet (`VGG16_Weights.IMAGENET1K_V1`).
pub const VGG16: Published = Published {
    name: "vgg16",
    purpose: "precision and recall as torch-fidelity measures them, LPIPS over VGG16",
    file: "vgg16-397923af.pth",
    url: "https://download.pytorch.org/models/vgg16-397923af.pth",
    sha256: "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
    bytes: 553_433_881,
    license: "torchvision: BSD-3-Clause",
};

/// torchvision's SqueezeNet 1.1, trained on ImageNet (`SqueezeNet1_1_Weights.IMAGENET1K_V1`).
pub const SQUEEZENET: Published = Published {
    name: "squeezenet",
    purpose: "LPIPS over SqueezeNet",
    file: "squeezenet1_1-b8a52dc0.pth",
    url: "https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth",
    sha256: "b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
    bytes: 4_958_839,
    license: "torchvision: BSD-3-Clause",
};

/// The linear layers of LPIPS 0.1 over VGG16 (Zhang et al. 2018).
pub const LPIPS_VGG: Published = Published {
    name: "lpips-vgg",
    purpose: "LPIPS over VGG16, PPL",
    file: "lpips-v0.1-vgg.pth",
    url: "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/082bb24f84c091ea94de2867d34c4544f68e0963/lpips/weights/v0.1/vgg.pth",
    sha256: "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
    bytes: 7_289,
    license: "PerceptualSimilarity: BSD-2-Clause",
};

/// The linear layers of LPIPS 0.1 over SqueezeNet (Zhang et al. 2018).
pub const LPIPS_SQUEEZE: Published = Published {
    name: "lpips-squeeze",
    purpose: "LPIPS over SqueezeNet",
    file: "lpips-v0.1-squeeze.pth",
    url: "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/082bb24f84c091ea94de2867d34c4544f68e0963/lpips/weights/v0.1/squeeze.pth",
    sha256: "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76",
    bytes: 10_811,
    license: "PerceptualSimilarity: BSD-2-Clause",
};

/// DINOv2 ViT-S/14 without registers (Oquab et al. 2023), as Meta offers it for `transformers`.
pub const DINOV2_VIT_S_14: Published = Published {
    name: "dinov2-vit-s-14",
    purpose: "FD-DINOv2 and all else over DINOv2 features, small network",
    file: "dinov2-vit-s-14.safetensors",
    url: "https://huggingface.co/facebook/dinov2-small/resolve/ed25f3a31f01632728cabb09d1542f84ab7b0056/model.safetensors",
    sha256: "ae1e99fcefd534ed978cdeb8326f08030c96e28b7a81ffcbc98a857c84d14be1",
    bytes: 88_249_960,
    license: "Meta: Apache-2.0",
};

/// DINOv2 ViT-B/14 without registers (Oquab et al. 2023), as Meta offers it for `transformers`.
pub const DINOV2_VIT_B_14: Published = Published {
    name: "dinov2-vit-b-14",
    purpose: "FD-DINOv2 and all else over DINOv2 features, base network",
    file: "dinov2-vit-b-14.safetensors",
    url: "https://huggingface.co/facebook/dinov2-base/resolve/f9e44c814b77203eaa57a6bdbbd535f21ede1415/model.safetensors",
    sha256: "d73036b56966966d07975d696bde331762f37297e2f095de8cea0040c3aa0841",
    bytes: 346_345_912,
    license: "Meta: Apache-2.0",
};

/// Every file that can be fetched.
pub const PUBLISHED: [Published; 7] =
    [INCEPTION, VGG16, SQUEEZENET, LPIPS_VGG, LPIPS_SQUEEZE, DINOV2_VIT_S_14, DINOV2_VIT_B_14];

/// Keras' InceptionV3 without its top, trained on ImageNet: the network behind the KID of the Keras
/// example `gan_ada`.
pub const KERAS_INCEPTION: Converted = Converted {
    name: "keras-inception",
    purpose: "KID under the protocol keras75",
    file: "keras-inception-v3-notop.safetensors",
    url: "https://storage.googleapis.com/tensorflow/keras-applications/inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
    script: "tools/keras_inception.py",
    license: "Keras (Google): Apache-2.0",
};

/// Every file that a script converts.
pub const CONVERTED: [Converted; 1] = [KERAS_INCEPTION];

/// The folder of the published weights.
///
/// # Errors
/// If the system has no cache folder.
pub fn folder() -> Result<PathBuf, UsageError> {
    fs::cache_folder().map(|folder| folder.join("weights")).ok_or_else(|| {
        UsageError("no folder to keep weights in: set XDG_CACHE_HOME or HOME, or name a file with --weights".into())
    })
}

/// Returns `path`, if the file exists.
fn found(path: PathBuf, missing: String) -> Result<PathBuf, UsageError> {
    if path.is_file() { Ok(path) } else { Err(UsageError(missing)) }
}

impl Published {
    /// The path used by `evaluate weights --fetch`.
    ///
    /// # Errors
    /// If the system has no cache folder.
    pub fn path(&self) -> Result<PathBuf, UsageError> {
        Ok(folder()?.join(self.file))
    }

    /// The cached file, if it exists.
    ///
    /// # Errors
    /// If it does not: the text says how to get it with and without a network.
    pub fn find(&self) -> Result<PathBuf, UsageError> {
        // These are fetched by default, and only their network has an untrained twin.
        let (of, name, random) = match *self == INCEPTION {
            true => (String::new(), String::new(), ", or use --features random for a smoke run"),
            false => (format!(" {}", self.name), format!(" {}", self.name), ""),
        };
        let missing = format!(
            "no weights{of}: run `evaluate weights --fetch{name}`, or download {} elsewhere and run `evaluate weights --import` on the \
             file, or name a file with --weights{random}",
            self.url
        );
        found(self.path()?, missing)
    }
}

impl Converted {
    /// The path where the file is expected.
    ///
    /// # Errors
    /// If the system has no cache folder.
    pub fn path(&self) -> Result<PathBuf, UsageError> {
        Ok(folder()?.join(self.file))
    }

    /// The cached file, if it exists.
    ///
    /// # Errors
    /// If it does not: the text says how to make it.
    pub fn find(&self) -> Result<PathBuf, UsageError> {
        let path = self.path()?;
        let missing =
            format!("no weights {}: {}, or name a file with --weights", self.name, self.how(&path));
        found(path, missing)
    }

    /// Instructions for making the file at `path`.
    #[must_use]
    pub fn how(&self, path: &Path) -> String {
        format!("download {} and convert it with {} to {}", self.url, self.script, path.display())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_published_file_is_pinned_and_none_takes_the_place_of_another() {
        for published in PUBLISHED {
            assert!(
                published.url.starts_with("https://") && published.bytes > 0,
                "{}",
                published.name
            );
            assert!(
                published.sha256.len() == 64
                    && published.sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
            );
        }
        let all = || {
            PUBLISHED
                .iter()
                .map(|p| (p.name, p.file))
                .chain(CONVERTED.iter().map(|c| (c.name, c.file)))
        };
        let count = PUBLISHED.len() + CONVERTED.len();
        assert_eq!(all().map(|(name, _)| name).collect::<BTreeSet<_>>().len(), count);
        assert_eq!(all().map(|(_, file)| file).collect::<BTreeSet<_>>().len(), count);
        assert_eq!(
            PUBLISHED.iter().map(|p| p.sha256).collect::<BTreeSet<_>>().len(),
            PUBLISHED.len()
        );
    }
}
