//! `syncline graph`: draws what waits on what.

use super::plan::{aside, planned};
use crate::answer::Answer;
use crate::arguments::{Drawing, Global, Graph, Output};
use crate::documents::GraphDocument;
use crate::draw;
use crate::failure::Failure;
use crate::paint::Paint;

pub(super) fn run(global: &Global, graph: &Graph) -> Result<Answer, Failure> {
    let (plan, warnings) = planned(&graph.place, graph.branch.as_deref())?;
    let document = GraphDocument::from(plan);
    if global.output == Output::Json {
        return Answer::json(&document);
    }
    let text = match graph.format {
        Drawing::Mermaid => draw::graph::mermaid(&document),
        Drawing::Dot => draw::graph::dot(&document),
        Drawing::Svg => draw::graph::svg(&document),
    };
    Ok(Answer { aside: aside(&warnings, Paint::for_stderr(global.no_color)), ..Answer::text(text) })
}
