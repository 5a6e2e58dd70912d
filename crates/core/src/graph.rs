//! The graph of what waits for what: one order for it, or the cycle that has none.
//!
//! Of what could come next, the first is what the longest chain waits for: whoever works in this order, as far as there are
//! hands, is done soonest. Ties are broken by the order in which the targets were given, which is that of the file, so that
//! equal inputs give equal plans.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use petgraph::algo::kosaraju_scc;
use petgraph::graph::DiGraph;

/// Dependencies by index: `waits_on[i]` holds what `i` waits for.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    waits_on: Vec<BTreeSet<usize>>,
}

impl Graph {
    /// A graph of `size` targets without edges.
    pub fn new(size: usize) -> Self {
        Self { waits_on: vec![BTreeSet::new(); size] }
    }

    /// Lets `waiter` wait for `dependency`, and says whether that is new. An edge twice is one.
    pub fn add(&mut self, waiter: usize, dependency: usize) -> bool {
        self.waits_on[waiter].insert(dependency)
    }

    /// What one target waits for.
    pub fn waits_on(&self, waiter: usize) -> &BTreeSet<usize> {
        &self.waits_on[waiter]
    }

    /// An order in which everything comes after what it waits for; among those that could come next, the one that
    /// begins the longest chain, and of several of those the one given first.
    ///
    /// Errors: the cycles, see [`Graph::cycles`].
    pub fn order(&self) -> Result<Vec<usize>, Vec<Vec<usize>>> {
        let mut dependents = vec![Vec::new(); self.waits_on.len()];
        for (waiter, dependencies) in self.waits_on.iter().enumerate() {
            for &dependency in dependencies {
                dependents[dependency].push(waiter);
            }
        }
        let any = self.order_by(&dependents, &vec![0; self.waits_on.len()]);
        if any.len() < self.waits_on.len() {
            return Err(self.cycles());
        }
        Ok(self.order_by(&dependents, &self.chains_from(&any)))
    }

    /// What can be brought in order: among those that could come next, the one with the greatest rank, then the first.
    fn order_by(&self, dependents: &[Vec<usize>], rank: &[usize]) -> Vec<usize> {
        let mut open: Vec<usize> = self.waits_on.iter().map(BTreeSet::len).collect();
        let mut ready: BinaryHeap<(usize, Reverse<usize>)> = BinaryHeap::new();
        let is_ready = |index: &usize| open[*index] == 0;
        ready.extend((0..open.len()).filter(is_ready).map(|index| (rank[index], Reverse(index))));
        let mut order = Vec::with_capacity(self.waits_on.len());
        while let Some((_, Reverse(next))) = ready.pop() {
            order.push(next);
            for &dependent in &dependents[next] {
                open[dependent] -= 1;
                if open[dependent] == 0 {
                    ready.push((rank[dependent], Reverse(dependent)));
                }
            }
        }
        order
    }

    /// A cycle of each group of targets that all wait for each other, as the indexes along it, the smallest first, each
    /// waiting for the next and the last for the first; in the order of their first indexes.
    pub(crate) fn cycles(&self) -> Vec<Vec<usize>> {
        let edges = self.waits_on.iter().enumerate().flat_map(|(waiter, dependencies)| {
            dependencies.iter().map(move |&dependency| (index(waiter), index(dependency)))
        });
        let mut graph: DiGraph<(), ()> = DiGraph::with_capacity(self.waits_on.len(), 0);
        for _ in 0..self.waits_on.len() {
            graph.add_node(());
        }
        graph.extend_with_edges(edges);
        let mut cycles: Vec<Vec<usize>> = kosaraju_scc(&graph)
            .into_iter()
            .map(|group| group.into_iter().map(|node| node.index()).collect::<BTreeSet<usize>>())
            .filter_map(|group| self.cycle_in(&group))
            .collect();
        cycles.sort_unstable();
        cycles
    }

    /// Follows, from the first of a group, the first dependency that is of the group too, until one comes again.
    fn cycle_in(&self, group: &BTreeSet<usize>) -> Option<Vec<usize>> {
        let first = *group.first()?;
        if group.len() == 1 && !self.waits_on[first].contains(&first) {
            return None;
        }
        let mut path: Vec<usize> = Vec::new();
        let mut places: BTreeMap<usize, usize> = BTreeMap::new();
        let mut next = first;
        let start = loop {
            if let Some(&start) = places.get(&next) {
                break start;
            }
            places.insert(next, path.len());
            path.push(next);
            next = *self.waits_on[next].iter().find(|dependency| group.contains(dependency))?;
        };
        let mut cycle = path.split_off(start);
        let smallest = cycle.iter().enumerate().min_by_key(|(_, index)| **index).map_or(0, |(position, _)| position);
        cycle.rotate_left(smallest);
        Some(cycle)
    }

    /// The longest chain, as indexes from its start to its end; the first of several of equal length.
    pub fn longest_path(&self, order: &[usize]) -> Vec<usize> {
        let mut length = vec![1usize; self.waits_on.len()];
        let mut previous: Vec<Option<usize>> = vec![None; self.waits_on.len()];
        for &index in order {
            for &dependency in &self.waits_on[index] {
                if length[dependency] + 1 > length[index] {
                    length[index] = length[dependency] + 1;
                    previous[index] = Some(dependency);
                }
            }
        }
        let mut at = order.iter().copied().max_by_key(|&index| (length[index], Reverse(index)));
        let mut path = Vec::new();
        while let Some(index) = at {
            path.push(index);
            at = previous[index];
        }
        path.reverse();
        path
    }

    /// How many the longest chain has that begins with each, itself among them.
    fn chains_from(&self, order: &[usize]) -> Vec<usize> {
        let mut length = vec![1; self.waits_on.len()];
        for &index in order.iter().rev() {
            for &dependency in &self.waits_on[index] {
                length[dependency] = length[dependency].max(length[index] + 1);
            }
        }
        length
    }
}

/// An index as the graph library has it.
fn index(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn graph(size: usize, edges: &[(usize, usize)]) -> Graph {
        let mut graph = Graph::new(size);
        for &(waiter, dependency) in edges {
            graph.add(waiter, dependency);
        }
        graph
    }

    #[test]
    fn what_the_longest_chain_waits_for_comes_first_and_file_order_breaks_ties() {
        assert_eq!(graph(4, &[(0, 3)]).order(), Ok(vec![3, 0, 1, 2]));
        // A spine, whose next is given after the teeth of the one before.
        let comb = [(1, 0), (2, 0), (3, 0), (4, 3), (5, 3), (6, 3), (7, 6)];
        assert_eq!(graph(8, &comb).order(), Ok(vec![0, 3, 6, 1, 2, 4, 5, 7]));
    }

    #[test]
    fn a_cycle_is_told_the_same_way_wherever_it_is_entered() {
        assert_eq!(graph(4, &[(0, 2), (2, 3), (3, 1), (1, 2)]).order(), Err(vec![vec![1, 2, 3]]));
        assert_eq!(graph(1, &[(0, 0)]).order(), Err(vec![vec![0]]));
    }

    #[test]
    fn each_group_of_targets_that_wait_for_each_other_has_its_cycle() {
        let edges = [(5, 4), (4, 5), (4, 1), (1, 0), (0, 1), (2, 2), (3, 0)];
        assert_eq!(graph(6, &edges).cycles(), [vec![0, 1], vec![2], vec![4, 5]]);
        let chain: Vec<(usize, usize)> = (1..50_000).map(|waiter| (waiter, waiter - 1)).collect();
        assert_eq!(graph(50_000, &chain).cycles(), Vec::<Vec<usize>>::new());
    }

    #[test]
    fn the_longest_path_is_found() {
        let graph = graph(5, &[(1, 0), (2, 1), (3, 0), (4, 3)]);
        assert_eq!(graph.longest_path(&graph.order().unwrap()), vec![0, 1, 2]);
    }

    #[test]
    fn a_chain_is_as_long_as_what_waits_for_it() {
        let graph = graph(6, &[(1, 0), (2, 1), (3, 0), (2, 4), (3, 4)]);
        assert_eq!(graph.chains_from(&graph.order().unwrap()), vec![3, 2, 1, 1, 2, 1]);
    }

    proptest! {
        #[test]
        fn an_order_respects_every_edge_and_a_cycle_is_one(
            edges in proptest::collection::vec((0usize..30, 0usize..30), 0..60)
        ) {
            let graph = graph(30, &edges);
            match graph.order() {
                Ok(order) => {
                    let position = |index| order.iter().position(|&other| other == index);
                    for (waiter, dependency) in edges {
                        prop_assert!(position(dependency) < position(waiter));
                    }
                }
                Err(cycles) => {
                    prop_assert!(!cycles.is_empty());
                    for cycle in cycles {
                        for (at, &waiter) in cycle.iter().enumerate() {
                            let dependency = cycle[(at + 1) % cycle.len()];
                            prop_assert!(edges.contains(&(waiter, dependency)));
                        }
                    }
                }
            }
        }
    }
}
