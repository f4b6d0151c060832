#![no_main]

use fledge_fuzz::{ANNOTATIONS, listing};

// The first byte chooses the layout.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some((&choice, bytes)) = bytes.split_first() {
        let (format, name) = ANNOTATIONS[usize::from(choice) % ANNOTATIONS.len()];
        listing(format, name, bytes);
    }
});
