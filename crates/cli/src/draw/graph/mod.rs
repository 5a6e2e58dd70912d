//! The graph of what waits on what, in three languages. An arrow goes from what is deployed first to what waits for it.
//!
//! Names are anything that YAML can hold; each language escapes them in its own way.

mod dot;
mod layout;
mod mermaid;
mod svg;

pub(crate) use dot::dot;
pub(crate) use mermaid::mermaid;
pub(crate) use svg::svg;
