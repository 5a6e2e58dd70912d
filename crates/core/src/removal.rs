//! What is deleted by hand, and in which order: services, then addons, then environments, and whoever needs something
//! before what it needs.

use std::collections::BTreeSet;

use crate::graph::Graph;
use crate::names::{StackName, TargetKind, TargetName, TargetNumber};
use crate::plan::{Plan, PlannedTarget};

/// A target that is to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doomed {
    /// What it is called.
    pub name: TargetName,
    /// What it is.
    pub kind: TargetKind,
    /// The service that it is an instance or the pipeline of, or the addon.
    pub service: Option<String>,
    /// Its stack.
    pub stack: StackName,
    /// The environment that it lives in, or is; nothing where that is not known, or where it is in none.
    pub environment: Option<String>,
}

/// The plan that deletes targets of one branch. `needs` are pairs of places: the first needs the second, and goes before it.
pub fn plan(doomed: &[Doomed], needs: &BTreeSet<(usize, usize)>) -> Plan {
    let mut graph = by_kind(doomed);
    for &(first, second) in needs {
        graph.add(second, first);
    }
    // Whatever needs each other in a circle is deleted as its kind says.
    let (graph, order) = match graph.order() {
        Ok(order) => (graph, order),
        Err(_) => {
            let graph = by_kind(doomed);
            let order = graph.order().unwrap_or_else(|_| (0..doomed.len()).collect());
            (graph, order)
        }
    };
    let mut numbers = vec![TargetNumber(0); doomed.len()];
    for (at, &place) in order.iter().enumerate() {
        numbers[place] = TargetNumber(u32::try_from(at).unwrap_or(u32::MAX));
    }
    let number_all = |places: Vec<usize>| places.into_iter().map(|place| numbers[place]).collect();
    let targets = order.iter().map(|&place| {
        let Doomed { name, kind, service, stack, .. } = doomed[place].clone();
        let dependents = (0..doomed.len()).filter(|&other| graph.waits_on(other).contains(&place)).collect();
        PlannedTarget {
            waits_on: number_all(graph.waits_on(place).iter().copied().collect()),
            dependents: number_all(dependents),
            ..PlannedTarget::deletion(numbers[place], name, kind, service, stack)
        }
    });
    Plan { targets: targets.collect(), publish: Vec::new(), unmanaged: Vec::new() }
}

/// Who waits for whom because of what they are.
fn by_kind(doomed: &[Doomed]) -> Graph {
    let mut graph = Graph::new(doomed.len());
    for (waiter, later) in doomed.iter().enumerate() {
        for (dependency, earlier) in doomed.iter().enumerate() {
            // One whose environment is not known may live in any.
            let is_together = match (&earlier.environment, &later.environment) {
                (Some(one), Some(other)) => one == other,
                _ => true,
            };
            if is_together && rank(earlier.kind) < rank(later.kind) {
                graph.add(waiter, dependency);
            }
        }
    }
    graph
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
    use super::*;

    fn doomed(name: &str, kind: TargetKind, environment: Option<&str>) -> Doomed {
        Doomed {
            name: TargetName::new(name),
            kind,
            service: None,
            stack: StackName::new(format!("shop-{}", name.replace('/', "-"))),
            environment: environment.map(str::to_owned),
        }
    }

    fn drawn(plan: &Plan) -> Vec<String> {
        let name = |number: &TargetNumber| plan.targets[number.0 as usize].name.to_string();
        plan.targets
            .iter()
            .map(|target| {
                let waits: Vec<String> = target.waits_on.iter().map(name).collect();
                format!("{} after {}", target.name, waits.join(" "))
            })
            .collect()
    }

    #[test]
    fn services_go_first_then_addons_then_environments() {
        use TargetKind::{Environment, EnvironmentAddon, ServiceInstance, ServicePipeline};
        let all = [
            doomed("beta", Environment, Some("beta")),
            doomed("bus/beta", EnvironmentAddon, Some("beta")),
            doomed("web/beta", ServiceInstance, Some("beta")),
            doomed("web/pipeline", ServicePipeline, None),
            doomed("other", Environment, Some("other")),
        ];
        let plan = plan(&all, &BTreeSet::new());
        assert_eq!(
            drawn(&plan),
            [
                "web/pipeline after ",
                "web/beta after web/pipeline",
                "bus/beta after web/pipeline web/beta",
                "beta after web/pipeline web/beta bus/beta",
                "other after web/pipeline",
            ]
        );
        for (at, target) in plan.targets.iter().enumerate() {
            for waiter in &target.dependents {
                assert!(plan.targets[waiter.0 as usize].waits_on.contains(&plan.targets[at].number));
            }
        }
    }

    #[test]
    fn who_needs_something_goes_before_it_unless_in_a_circle() {
        use TargetKind::ServiceInstance;
        let all = [doomed("a", ServiceInstance, Some("beta")), doomed("b", ServiceInstance, Some("beta"))];
        assert_eq!(drawn(&plan(&all, &BTreeSet::from([(1, 0)]))), ["b after ", "a after b"]);
        assert_eq!(drawn(&plan(&all, &BTreeSet::from([(1, 0), (0, 1)]))), ["a after ", "b after "]);
    }
}
