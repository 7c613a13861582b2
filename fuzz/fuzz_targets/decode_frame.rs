//! `cargo +nightly fuzz run decode_frame`: the body is in the crate.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tickwire::fuzzing::decode_frame(data));
