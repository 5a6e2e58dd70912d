//! Feeds hostile bytes to `entry::addons`.

#![no_main]

#[path = "../entry.rs"]
mod entry;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entry::addons(data));
