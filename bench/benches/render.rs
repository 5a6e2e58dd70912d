//! How long it takes to render a template, from its text to its result. `with_jinja2.py` does the same with Jinja 2.

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use syncline_core::names::RepoPath;
use syncline_core::recipe::Inputs;
use syncline_core::render::{self, Outputs, Surroundings};

/// The template and the inputs that both engines are given.
const TEMPLATE: &str = include_str!("../templates/web.yaml");
const INPUTS: &str = include_str!("../templates/web.inputs.json");

fn renders(criterion: &mut Criterion) {
    let path = RepoPath::parse("t.yaml").expect("a path");
    let inputs: Inputs = serde_json::from_str(INPUTS).expect("the inputs are JSON");
    let accounts = std::collections::BTreeMap::new();
    let around = Surroundings {
        account_id: "111122223333",
        accounts: &accounts,
        service: "web",
        repository: "shop",
        branch: "main",
    };
    let environment = BTreeMap::from([("Listener".to_owned(), "arn:aws:elasticloadbalancing:x".to_owned())]);
    let outputs = Outputs::Known(BTreeMap::from([("beta".to_owned(), environment)]));
    let mut group = criterion.benchmark_group("Render");
    for (name, copies) in [("web", 1), ("web-x10", 10)] {
        let template = TEMPLATE.repeat(copies);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let template = (&path, black_box(template.as_str()));
                render::instance(template, &around, ("beta", "beta"), &inputs, &outputs).expect("it renders")
            });
        });
    }
    group.finish();
}

criterion_group!(benches, renders);
criterion_main!(benches);
