//! How long it takes to read, check and plan a manifest, as it grows.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use syncline_bench::{Kind, plan, read_manifest, repository, wrong_manifest};
use syncline_core::diagnostic;
use syncline_core::files::Files;
use syncline_core::manifest::dependencies;
use syncline_core::names::{BranchName, RepoPath};
use syncline_core::yaml::Reader;

const SIZES: [usize; 3] = [100, 1_000, 10_000];

fn plans(criterion: &mut Criterion) {
    for kind in [Kind::DeploymentFiles, Kind::Bundle] {
        let mut group = criterion.benchmark_group(format!("{kind:?}"));
        for size in SIZES {
            group.throughput(Throughput::Elements(size as u64)).sample_size(if size > 1_000 { 10 } else { 20 });
            let repository = repository(size, kind);
            let text = &repository["syncline.yaml"];
            let manifest = read_manifest(text).0.expect("the manifest is good");
            group.bench_function(BenchmarkId::new("parse", size), |bencher| {
                bencher.iter(|| read_manifest(black_box(text)))
            });
            group.bench_function(BenchmarkId::new("check", size), |bencher| {
                bencher.iter(|| dependencies(&manifest, &BranchName::new("main"), &mut Reader::new(&manifest.path)))
            });
            group.bench_function(BenchmarkId::new("plan", size), |bencher| {
                bencher.iter(|| plan(black_box(&repository), &manifest).expect("the repository is good"))
            });
        }
        group.finish();
    }
}

/// Everything is wrong, and is said and drawn.
fn wrong(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("Wrong");
    for size in SIZES {
        group.throughput(Throughput::Elements(size as u64)).sample_size(10);
        let text = wrong_manifest(size);
        let path = RepoPath::parse("syncline.yaml").expect("a path");
        let mut files = Files::default();
        files.insert_text(path, text.as_str());
        group.bench_function(BenchmarkId::new("say", size), |bencher| {
            bencher.iter(|| diagnostic::draw(&read_manifest(black_box(&text)).1, &files, false))
        });
    }
    group.finish();
}

criterion_group!(benches, plans, wrong);
criterion_main!(benches);
