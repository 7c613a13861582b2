//! `cargo +nightly fuzz run diff_apply`: the body is in the crate.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tickwire::fuzzing::diff_apply(data));
