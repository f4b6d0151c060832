//! The standard output as it was at the start: a terminal may go away later.

use std::io::{self, IsTerminal};
use std::sync::OnceLock;

/// Tells whether stdout was a terminal at the first call, which [`crate::log::init`] makes.
pub(crate) fn is_terminal() -> bool {
    static TERMINAL: OnceLock<bool> = OnceLock::new();
    *TERMINAL.get_or_init(|| io::stdout().is_terminal())
}

/// Tells whether an error is that of a terminal that was gone before the program began, when
/// [`is_terminal`] could not see it.
#[cfg(unix)]
pub(crate) fn is_of_a_gone_terminal(error: &io::Error) -> bool {
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::FileTypeExt as _;

    let stdout = || {
        io::stdout().as_fd().try_clone_to_owned().and_then(|fd| std::fs::File::from(fd).metadata())
    };
    error.raw_os_error() == Some(libc::EIO)
        && stdout().is_ok_and(|meta| meta.file_type().is_char_device())
}

#[cfg(not(unix))]
pub(crate) fn is_of_a_gone_terminal(_: &io::Error) -> bool {
    false
}
