//! Flags of `evaluate weights`.

use std::path::PathBuf;

use clap::Args;
use shared::metrics::weights::INCEPTION;

use crate::networks::weights::store::{Origin, Task};

const EXAMPLES: &str = "\
Examples:
  evaluate weights                                    list all weights
  evaluate weights --list vgg16                       details: address, SHA-256, licence, location
  evaluate weights --fetch                            get inception (96 MB), enough for KID and FID
  evaluate weights --fetch dinov2-vit-b-14 lpips-vgg
  evaluate weights --fetch all --mirror https://mirror.example/weights/
  evaluate weights --import ~/Downloads/*.pth         store files downloaded elsewhere, recognised by SHA-256
  evaluate weights --check                            verify the SHA-256 of all stored files

Weights are stored in $XDG_CACHE_HOME/fledge/weights, or ~/.cache/fledge/weights.
HTTPS_PROXY, ALL_PROXY, NO_PROXY and SSL_CERT_FILE (certificates, PEM) are honoured.";

/// Flags of `evaluate weights`.
#[derive(Args, Clone, Debug, Default)]
#[command(after_help = EXAMPLES)]
pub struct WeightsArgs {
    /// List all weights (the default), or show details of these
    #[arg(long, num_args = 0.., value_name = "NAME", conflicts_with_all = ["fetch", "check", "import"])]
    list: Option<Vec<String>>,
    /// Download these, or all [default: inception]; an interrupted download resumes
    #[arg(long, num_args = 0.., value_name = "NAME", conflicts_with_all = ["check", "import"])]
    fetch: Option<Vec<String>>,
    /// Verify the SHA-256 of these [default: all stored files]
    #[arg(long, num_args = 0.., value_name = "NAME", conflicts_with = "import")]
    check: Option<Vec<String>>,
    /// Store copies of files downloaded elsewhere, recognised by SHA-256 under any name
    #[arg(long, num_args = 1.., value_name = "FILE")]
    import: Vec<PathBuf>,
    /// Download from this prefix, followed by the file's name; the SHA-256 must match
    #[arg(long, requires = "fetch", value_name = "URL-PREFIX")]
    mirror: Option<String>,
    /// Download the one file from this address; the SHA-256 must match
    #[arg(long, requires = "fetch", conflicts_with = "mirror", value_name = "URL")]
    url: Option<String>,
}

impl WeightsArgs {
    /// The task that the flags describe.
    #[must_use]
    pub fn into_task(self) -> Task {
        if let Some(names) = self.fetch {
            let names = if names.is_empty() { vec![INCEPTION.name.to_owned()] } else { names };
            let origin = match (self.mirror, self.url) {
                (Some(prefix), _) => Origin::Mirror(prefix),
                (None, Some(url)) => Origin::Url(url),
                (None, None) => Origin::Publisher,
            };
            return Task::Fetch { names, origin };
        }
        match self.check {
            Some(names) => Task::Check(names),
            None if !self.import.is_empty() => Task::Import(self.import),
            None => Task::List(self.list.unwrap_or_default()),
        }
    }
}
