//! Holds docs/commands.md to what the commands say: each `console` block is run from the project's root and compared.
//!
//! `TRYCMD=overwrite cargo test -p syncline --test commands_page` writes what came into the page.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

#[test]
fn the_page_says_what_the_commands_say() {
    std::env::set_current_dir(root()).unwrap();
    trycmd::TestCases::new()
        .register_bin("syncline", Path::new(env!("CARGO_BIN_EXE_syncline")))
        .env("NO_COLOR", "1")
        .case("docs/commands.md");
}
