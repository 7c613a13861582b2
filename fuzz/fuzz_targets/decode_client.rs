//! `cargo +nightly fuzz run decode_client`: the body is in the crate.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tickwire::fuzzing::decode_client_message(data));
