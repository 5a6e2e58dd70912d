//! End to end: real `git push`, the real SAM template, the real functions and state machines, on the local AWS with IAM
//! enforced. One local AWS serves all tests; each has a repository, stack names and exports of its own.

mod addons;
mod bad_input;
mod by_hand;
mod counts;
mod deploy;
mod events;
mod faults;
mod graph;
mod interruptions;
mod interventions;
mod load;
mod locations;
mod open_targets;
mod proton;
mod prune;
mod queries;
mod recording;
mod repository;
mod stack_states;
mod terminal;
mod world;
