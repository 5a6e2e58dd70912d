//! Feeds what the fuzzers found to what they fed, so that no bug of theirs comes back. `make fuzz` goes on looking.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

#[path = "../../../fuzz/entry.rs"]
mod entry;

use std::fs;
use std::path::Path;

#[test]
fn nothing_that_was_found_breaks_a_reader() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for target in ["manifest", "spec", "schema", "render", "addons"] {
        let feed = match target {
            "manifest" => entry::manifest,
            "spec" => entry::spec,
            "schema" => entry::schema,
            "addons" => entry::addons,
            _ => entry::render,
        };
        let mut files: Vec<_> = fs::read_dir(corpus.join(target)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(!files.is_empty(), "no corpus for {target}");
        for file in files {
            println!("{}", file.display());
            feed(&fs::read(&file).unwrap());
        }
    }
}
