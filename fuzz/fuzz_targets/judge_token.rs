//! `cargo +nightly fuzz run --features server judge_token`: the body is in the crate.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tickwire::fuzzing::judge_token(data));
