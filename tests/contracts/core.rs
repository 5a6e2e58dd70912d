//! The core does no I/O.

use std::fs;
use std::path::{Path, PathBuf};

/// What the standard library has for files, networks, processes, settings and the time.
const IO: [&str; 8] = ["std::{", "std::fs", "std::net", "std::env", "std::process", "std::io", "SystemTime", "Instant"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

#[test]
fn no_file_of_the_core_names_what_reads_writes_or_tells_the_time() {
    let mut found = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/core/src"), &mut found);
    assert!(found.len() > 50, "{} files", found.len());
    for path in found {
        let text = fs::read_to_string(&path).unwrap();
        // Tests may; their module comes last in a file.
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for io in IO {
            assert!(!code.contains(io), "{} names {io}", path.display());
        }
    }
}
