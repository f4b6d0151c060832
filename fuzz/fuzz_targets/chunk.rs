#![no_main]

// The description of the build, to its closing brace, then a chunk of it.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let end = bytes.windows(3).position(|three| three == b"\n}\n").map_or(bytes.len(), |at| at + 3);
    fledge_fuzz::chunk(&bytes[..end], &bytes[end..]);
});
