#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fledge_fuzz::dataset(bytes));
