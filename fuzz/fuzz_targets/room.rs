//! `cargo +nightly fuzz run room`: the body is in the crate.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tickwire::fuzzing::room_operations(data));
