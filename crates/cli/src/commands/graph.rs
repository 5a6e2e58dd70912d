//! `syncline graph`: draws what waits on what.

use super::plan::{aside, planned};
use crate::answer::Answer;
use crate::arguments::{Drawing, Global, Graph, Output};
use crate::documents::GraphDocument;
use crate::draw;
use crate::failure::Failure;
use crate::paint::Paint;

/// How many targets a picture holds. Beyond it nobody finds anything, and laying it out takes minutes.
const MOST_IN_A_PICTURE: usize = 1_000;

pub(super) fn run(global: &Global, graph: &Graph) -> Result<Answer, Failure> {
    let (plan, warnings) = planned(&graph.place, graph.branch.as_deref())?;
    let document = GraphDocument::from(plan);
    if global.output == Output::Text && graph.format == Drawing::Svg && document.targets.len() > MOST_IN_A_PICTURE {
        let error = format!("{} targets are too many for a picture", document.targets.len());
        return Err(Failure::new(error, "`--format dot` gives them to Graphviz, `--output json` to a program"));
    }
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
