//! What Syncline decides: manifests, specs, template bundles, the graph, the plan, and the walk over it.
//!
//! Architecture invariant: the core does no I/O. It knows no clock, no environment, no file and no AWS; what
//! it needs is handed in, and what is to be done is handed out as data or asked of a small trait. Its
//! dependencies hold nothing that could do otherwise.

pub mod addons;
pub mod assembly;
pub mod bundle;
pub mod deployment;
pub mod diagnostic;
pub mod exports;
pub mod files;
pub mod graph;
pub mod hold;
mod intrinsic;
pub mod lease;
pub mod location;
pub mod manifest;
pub mod names;
pub mod plan;
pub mod publish;
pub mod recipe;
pub mod removal;
pub mod render;
pub mod snapshot;
pub mod spec;
pub mod stack;
pub mod status;
pub mod walk;
pub mod yaml;
