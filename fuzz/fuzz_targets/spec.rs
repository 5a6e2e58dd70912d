//! Feeds hostile bytes to `entry::spec`.

#![no_main]

#[path = "../entry.rs"]
mod entry;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entry::spec(data));
