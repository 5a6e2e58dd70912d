//! Reads or plans a repository so many times, for a counter of instructions: `work SIZE deployment-files|bundle PARSES PLANS`.

use std::hint::black_box;

use syncline_bench::{Kind, plan, read_manifest, repository};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize| words.get(place).and_then(|word| word.parse::<usize>().ok());
    let (Some(size), Some(parses), Some(plans)) = (number(0), number(2), number(3)) else {
        eprintln!("usage: work SIZE deployment-files|bundle PARSES PLANS");
        std::process::exit(2);
    };
    let kind = if words[1] == "bundle" { Kind::Bundle } else { Kind::DeploymentFiles };
    let repository = repository(size, kind);
    let text = &repository["syncline.yaml"];
    let manifest = read_manifest(text).0.expect("the manifest is good");
    for _ in 0..parses {
        black_box(read_manifest(black_box(text)));
    }
    for _ in 0..plans {
        black_box(plan(black_box(&repository), &manifest).expect("the repository is good"));
    }
}
