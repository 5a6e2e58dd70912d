//! What is deleted by hand, and in which order: services, then addons, then environments, and whoever needs something
//! before what it needs.

use std::collections::{BTreeMap, BTreeSet};

use crate::graph::Graph;
use crate::location::Location;
use crate::names::{BranchName, StackName, TargetKind, TargetName, TargetNumber};
use crate::plan::{Plan, PlannedTarget};

/// A target that is to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doomed {
    /// The branch that deployed it.
    pub branch: BranchName,
    /// What it is called.
    pub name: TargetName,
    /// What it is.
    pub kind: TargetKind,
    /// The service that it is an instance or the pipeline of, or the addon.
    pub service: Option<String>,
    /// Its stack.
    pub stack: StackName,
    /// Where that is.
    pub location: Location,
    /// The environment that it lives in, or is; nothing where that is not known, or where it is in none.
    pub environment: Option<String>,
}

impl Doomed {
    /// Whether it lives in an environment, or is the instance of that name.
    pub fn is_in(&self, environment: &str) -> bool {
        let is_named =
            self.kind == TargetKind::ServiceInstance && self.name.as_str().rsplit('/').next() == Some(environment);
        is_named || self.environment.as_deref() == Some(environment)
    }

    /// The name that it goes by: its service's or addon's, or its own.
    pub fn goes_by(&self) -> &str {
        match (&self.service, &self.environment) {
            (Some(service), _) => service,
            (None, Some(environment)) if self.kind == TargetKind::Environment => environment,
            (None, _) => self.name.as_str(),
        }
    }
}

/// Who needs whom: pairs of places, the first needs the second, and goes before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// As CloudFormation enforces it: imports of exports.
    pub imports: BTreeSet<(usize, usize)>,
    /// As the files or the history say it. It gives way to imports where both make a circle.
    pub said: BTreeSet<(usize, usize)>,
}

/// What is deleted in one go, under one branch's lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The branch.
    pub branch: BranchName,
    /// What goes.
    pub plan: Plan,
}

/// The runs that delete these targets, one after another. A branch comes again where another one's targets must go between
/// its own.
pub fn runs(doomed: &[Doomed], needs: &Needs) -> Vec<Run> {
    let (graph, order) = in_order(doomed, needs);
    let mut left: Vec<usize> = order;
    let mut runs = Vec::new();
    while let Some(branch) = left.first().map(|&place| doomed[place].branch.clone()) {
        let mut is_left: BTreeSet<usize> = left.iter().copied().collect();
        // In this order whatever a target waits for has been decided on before it.
        let (run, rest): (Vec<usize>, Vec<usize>) = left.iter().partition(|&&place| {
            let goes = doomed[place].branch == branch && graph.waits_on(place).is_disjoint(&is_left);
            if goes {
                is_left.remove(&place);
            }
            goes
        });
        runs.push(Run { branch, plan: plan(doomed, &graph, &run) });
        left = rest;
    }
    runs
}

/// The plan that deletes what is at these places, each after what it waits for.
fn plan(doomed: &[Doomed], graph: &Graph, run: &[usize]) -> Plan {
    let number = |at: usize| TargetNumber(u32::try_from(at).unwrap_or(u32::MAX));
    let numbers: BTreeMap<usize, TargetNumber> =
        run.iter().enumerate().map(|(at, &place)| (place, number(at))).collect();
    let targets = run.iter().map(|&place| {
        let Doomed { name, kind, service, stack, location, .. } = doomed[place].clone();
        let waits_on = graph.waits_on(place).iter().filter_map(|dependency| numbers.get(dependency).copied());
        let dependents = run.iter().filter(|&&other| graph.waits_on(other).contains(&place));
        PlannedTarget {
            waits_on: waits_on.collect(),
            dependents: dependents.map(|other| numbers[other]).collect(),
            ..PlannedTarget::deletion(numbers[&place], name, kind, service, (stack, location))
        }
    });
    Plan { targets: targets.collect(), publish: Vec::new(), unmanaged: Vec::new() }
}

/// Who waits for whom, and an order in which all can go.
///
/// Where not everything can be heeded, imports are, since CloudFormation refuses to delete what is imported; then what is
/// said, then kinds.
fn in_order(doomed: &[Doomed], needs: &Needs) -> (Graph, Vec<usize>) {
    let wait =
        |pairs: &BTreeSet<(usize, usize)>| pairs.iter().map(|&(first, second)| (second, first)).collect::<Vec<_>>();
    let mut graph = Graph::new(doomed.len());
    for edges in [wait(&needs.imports), wait(&needs.said), by_kind(doomed)] {
        let mut with = graph.clone();
        add(&mut with, &edges);
        if with.order().is_err() {
            // Each edge that agrees with one order makes no circle with the others that do.
            let position = positions(&lowest_first(doomed, &graph));
            let agreeing: Vec<_> =
                edges.into_iter().filter(|&(waiter, first)| position[first] < position[waiter]).collect();
            with = graph;
            add(&mut with, &agreeing);
        }
        graph = with;
    }
    let order = graph.order().unwrap_or_else(|_| lowest_first(doomed, &graph));
    (graph, order)
}

fn add(graph: &mut Graph, edges: &[(usize, usize)]) {
    for &(waiter, dependency) in edges {
        graph.add(waiter, dependency);
    }
}

/// An order that heeds a graph without circles and, as far as that lets it, kinds.
fn lowest_first(doomed: &[Doomed], graph: &Graph) -> Vec<usize> {
    let mut left: BTreeSet<usize> = (0..doomed.len()).collect();
    let mut order = Vec::with_capacity(doomed.len());
    while let Some(next) = left
        .iter()
        .copied()
        .filter(|&place| graph.waits_on(place).is_disjoint(&left))
        .min_by_key(|&place| rank(doomed[place].kind))
    {
        left.remove(&next);
        order.push(next);
    }
    order
}

fn positions(order: &[usize]) -> Vec<usize> {
    let mut positions = vec![0; order.len()];
    for (position, &place) in order.iter().enumerate() {
        positions[place] = position;
    }
    positions
}

/// Who waits for whom because of what they are: pairs of places, the first waits for the second.
fn by_kind(doomed: &[Doomed]) -> Vec<(usize, usize)> {
    let mut edges = Vec::new();
    for (waiter, later) in doomed.iter().enumerate() {
        for (dependency, earlier) in doomed.iter().enumerate() {
            // One whose environment is not known may live in any.
            let is_together = match (&earlier.environment, &later.environment) {
                (Some(one), Some(other)) => one == other,
                _ => true,
            };
            if is_together && rank(earlier.kind) < rank(later.kind) {
                edges.push((waiter, dependency));
            }
        }
    }
    edges
}

fn rank(kind: TargetKind) -> u8 {
    match kind {
        TargetKind::ServicePipeline => 0,
        TargetKind::ServiceInstance => 1,
        TargetKind::EnvironmentAddon => 2,
        TargetKind::Environment => 3,
    }
}

#[cfg(test)]
mod tests {
    use TargetKind::{Environment, EnvironmentAddon, ServiceInstance, ServicePipeline};

    use super::*;

    fn doomed(name: &str, kind: TargetKind, environment: Option<&str>) -> Doomed {
        Doomed {
            branch: BranchName::new("main"),
            name: TargetName::new(name),
            kind,
            service: None,
            stack: StackName::new(format!("shop-{}", name.replace('/', "-"))),
            location: Location::default(),
            environment: environment.map(str::to_owned),
        }
    }

    fn of_branch(branch: &str, doomed: Doomed) -> Doomed {
        Doomed { branch: BranchName::new(branch), ..doomed }
    }

    fn imports<const N: usize>(pairs: [(usize, usize); N]) -> Needs {
        Needs { imports: BTreeSet::from(pairs), ..Needs::default() }
    }

    fn drawn(runs: &[Run]) -> Vec<String> {
        let mut lines = Vec::new();
        for Run { branch, plan } in runs {
            let name = |number: &TargetNumber| plan.targets[number.0 as usize].name.to_string();
            for (at, target) in plan.targets.iter().enumerate() {
                assert_eq!(target.number.0 as usize, at);
                for waiter in &target.dependents {
                    assert!(plan.targets[waiter.0 as usize].waits_on.contains(&target.number));
                }
                let waits: Vec<String> = target.waits_on.iter().map(name).collect();
                lines.push(format!("{branch}: {} after {}", target.name, waits.join(" ")));
            }
        }
        lines
    }

    #[test]
    fn services_go_first_then_addons_then_environments() {
        let all = [
            doomed("beta", Environment, Some("beta")),
            doomed("bus/beta", EnvironmentAddon, Some("beta")),
            doomed("web/beta", ServiceInstance, Some("beta")),
            doomed("web/pipeline", ServicePipeline, None),
            doomed("other", Environment, Some("other")),
        ];
        assert_eq!(
            drawn(&runs(&all, &Needs::default())),
            [
                "main: web/pipeline after ",
                "main: web/beta after web/pipeline",
                "main: bus/beta after web/pipeline web/beta",
                "main: beta after web/pipeline web/beta bus/beta",
                "main: other after web/pipeline",
            ]
        );
    }

    #[test]
    fn who_needs_something_goes_before_it() {
        let all = [doomed("a", ServiceInstance, Some("beta")), doomed("b", ServiceInstance, Some("beta"))];
        assert_eq!(drawn(&runs(&all, &imports([(1, 0)]))), ["main: b after ", "main: a after b"]);
        let said = Needs { said: BTreeSet::from([(0, 1)]), ..imports([(1, 0)]) };
        assert_eq!(drawn(&runs(&all, &said)), ["main: b after ", "main: a after b"], "imports count for more");
        assert_eq!(runs(&all, &imports([(1, 0), (0, 1)])).iter().map(|run| run.plan.targets.len()).sum::<usize>(), 2);
    }

    #[test]
    fn an_import_against_the_kinds_costs_no_other_order() {
        // An environment that imports from a service goes before it; the other one's service still goes first.
        let all = [
            doomed("beta", Environment, Some("beta")),
            doomed("web/beta", ServiceInstance, Some("beta")),
            doomed("prod", Environment, Some("prod")),
            doomed("web/prod", ServiceInstance, Some("prod")),
        ];
        let found = drawn(&runs(&all, &imports([(0, 1)])));
        assert!(found.contains(&"main: web/beta after beta".to_owned()), "{found:?}");
        assert!(found.contains(&"main: prod after web/prod".to_owned()), "{found:?}");
    }

    #[test]
    fn a_branch_comes_again_where_another_ones_targets_go_between() {
        let all = [
            of_branch("prod", doomed("shared", EnvironmentAddon, Some("beta"))),
            doomed("web/beta", ServiceInstance, Some("beta")),
            doomed("beta", Environment, Some("beta")),
            of_branch("prod", doomed("prod", Environment, Some("prod"))),
        ];
        assert_eq!(
            drawn(&runs(&all, &Needs::default())),
            ["main: web/beta after ", "prod: shared after ", "prod: prod after ", "main: beta after "]
        );
    }

    proptest::proptest! {
        #[test]
        fn everything_goes_once_and_after_what_imports_from_it(
            kinds in proptest::collection::vec((0usize..4, 0usize..3, 0usize..3), 1..25),
            pairs in proptest::collection::vec((0usize..25, 0usize..25), 0..40),
        ) {
            let of = [ServicePipeline, ServiceInstance, EnvironmentAddon, Environment];
            let all: Vec<Doomed> = kinds
                .iter()
                .enumerate()
                .map(|(at, &(kind, environment, branch))| {
                    let doomed = doomed(&format!("t{at}"), of[kind], [Some("a"), Some("b"), None][environment]);
                    of_branch(["x", "y", "z"][branch], doomed)
                })
                .collect();
            let within = |&&(first, second): &&(usize, usize)| first < all.len() && second < first;
            let needs = Needs {
                imports: pairs.iter().filter(within).copied().collect(),
                said: pairs.iter().filter(|(a, b)| *a < all.len() && *b < all.len() && a != b).copied().collect(),
            };
            let runs = runs(&all, &needs);
            let went: Vec<&str> = runs.iter().flat_map(|run| &run.plan.targets).map(|target| target.name.as_str()).collect();
            let position = |place: usize| went.iter().position(|name| *name == all[place].name.as_str());
            proptest::prop_assert_eq!(went.len(), all.len());
            for &(first, second) in &needs.imports {
                proptest::prop_assert!(position(first) < position(second));
            }
        }
    }
}
