//! An allocator that tells of an allocation that fails: one line on stderr and in the log, and exit
//! code 1, instead of an abort without advice. For programs whose memory is their user's choice,
//! such as that of a batch.
//!
//! ```
//! use fledge_base::alloc::{Telling, prepare};
//!
//! #[global_allocator]
//! static ALLOCATOR: Telling = Telling { program: "example" };
//!
//! prepare("a smaller batch takes less".into(), None);
//! let numbers = vec![0u8; 1 << 20]; // An allocation that fails ends the program with this advice.
//! # assert_eq!(numbers.len(), 1 << 20);
//! ```

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs::File;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// The system's allocator, for a program of this name. It reports no failure to the caller: code
/// that could do with less memory is not asked.
#[derive(Debug)]
pub struct Telling {
    /// The name of the program.
    pub program: &'static str,
}

/// The text to print, prepared while there was memory for it.
#[derive(Debug)]
struct Words {
    advice: String,
    log: Option<File>,
}

static WORDS: AtomicPtr<Words> = AtomicPtr::new(ptr::null_mut());

/// Has an allocation that fails from now on told with `advice`, and in `log` as well, which was
/// opened for appending.
pub fn prepare(advice: String, log: Option<File>) {
    // Never freed: another thread may be reading the earlier ones.
    WORDS.store(Box::into_raw(Box::new(Words { advice, log })), Ordering::Release);
}

// SAFETY: everything is the system allocator's; what it refuses is not returned.
unsafe impl GlobalAlloc for Telling {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        self.had(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        self.had(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        self.had(unsafe { System.realloc(memory, layout, size) }, size)
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }
}

impl Telling {
    #[inline]
    fn had(&self, memory: *mut u8, size: usize) -> *mut u8 {
        if memory.is_null() {
            self.end(size);
        }
        memory
    }

    /// Says what happened, without allocating, and ends the process.
    #[cfg(unix)]
    #[cold]
    fn end(&self, size: usize) {
        use std::os::fd::AsRawFd;
        let mut digits = [0; 20];
        let size = decimal(size, &mut digits);
        // SAFETY: null, or words that are never freed.
        let words = unsafe { WORDS.load(Ordering::Acquire).as_ref() };
        let (colon, advice) = words.map_or(("", ""), |words| (": ", words.advice.as_str()));
        let line = [
            self.program,
            ": out of memory: ",
            size,
            " bytes more were refused",
            colon,
            advice,
            "\n",
        ];
        let say = |to: i32, parts: &[&str]| {
            for part in parts {
                // SAFETY: as many bytes as the text has. There is nobody to tell of a failure.
                unsafe { libc::write(to, part.as_ptr().cast(), part.len()) };
            }
        };
        say(libc::STDERR_FILENO, &line);
        if let Some(log) = words.and_then(|words| words.log.as_ref()) {
            say(log.as_raw_fd(), &["ERROR "]);
            say(log.as_raw_fd(), &line);
        }
        // SAFETY: ends the process; nothing of this one is run any more. What is being written has
        // no name yet.
        unsafe { libc::_exit(1) }
    }

    #[cfg(not(unix))]
    #[cold]
    fn end(&self, _size: usize) {}
}

/// `n` in decimal digits, at the end of `digits`.
fn decimal(mut n: usize, digits: &mut [u8; 20]) -> &str {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            return std::str::from_utf8(&digits[at..]).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn sizes_are_written_without_memory() {
        assert_eq!(
            [0, 7, 1_048_576, usize::MAX].map(|n| decimal(n, &mut [0; 20]).to_owned()),
            ["0".to_owned(), "7".to_owned(), "1048576".to_owned(), usize::MAX.to_string()]
        );
    }
}
