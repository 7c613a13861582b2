//! `cargo +nightly fuzz run --features server journal`: the body is in the crate.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tickwire::fuzzing::journal(data));
