//! The graph as a picture that stands for itself: on light and dark pages, and for those who have it read to them.
//!
//! Text stands only on boxes of its own colour, lines have a grey that is seen on white and on black.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::layout::{Layout, layout};
use syncline_core::names::TargetKind;

use crate::documents::GraphDocument;
use crate::documents::graph::EdgeDocument;
use crate::documents::plan::WaitReason;
use crate::draw::{kind, number_of, one_line};

/// A character's width in a font of fixed width, by the font's size.
const CHARACTER: f64 = 0.602;
const NAME_SIZE: f64 = 13.0;
const KIND_SIZE: f64 = 10.5;
const BOX_HEIGHT: f64 = 42.0;
const MARGIN: f64 = 20.0;
const LEGEND_HEIGHT: f64 = 26.0;

/// Every rule names the picture, since a page that holds it may have a `.name` of its own.
const STYLE: &str = "
.syncline text{font-family:ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace}
.syncline .name{font-size:13px}
.syncline .kind,.syncline .legend text{font-size:10.5px}
.syncline .target rect{fill:#f8fafc;stroke:#64748b;stroke-width:1.2}
.syncline .target text{fill:#0f172a}
.syncline .target .kind{fill:#475569}
.syncline .environment rect{fill:#dbeafe;stroke:#2563eb}
.syncline .environment text{fill:#0b1f44}
.syncline .environment .kind{fill:#1e40af}
.syncline .environment_addon rect{fill:#dcfce7;stroke:#16a34a}
.syncline .environment_addon text{fill:#052e16}
.syncline .environment_addon .kind{fill:#166534}
.syncline .service_pipeline rect{fill:#ede9fe;stroke:#7c3aed}
.syncline .service_pipeline text{fill:#2e1065}
.syncline .service_pipeline .kind{fill:#5b21b6}
.syncline .longest rect{stroke:#c2570c;stroke-width:2.5}
.syncline .legend rect{fill:#f8fafc;stroke:#cbd5e1}
.syncline .legend text{fill:#334155}
.syncline .edge{fill:none;stroke:#768390;stroke-width:1.3}
.syncline .head{fill:#768390}
.syncline .inferred{stroke-dasharray:5 4}
.syncline .edge.longest{stroke:#c2570c;stroke-width:2.6}
.syncline .head.longest{fill:#c2570c}
";

/// The picture. An environment's arrow is left out where what it says follows from others: with every service in one
/// environment nothing else would be seen.
pub(crate) fn svg(document: &GraphDocument) -> String {
    let edges = essential(document);
    let sizes: Vec<(f64, f64)> =
        document.targets.iter().map(|node| (box_width(node.target.as_str(), &kind(node.kind)), BOX_HEIGHT)).collect();
    let places: Vec<(usize, usize)> = edges.iter().map(|edge| edge.places).collect();
    let drawn = layout(&sizes, &places);
    let legend = legend(document, &edges);
    let width = drawn.width.max(legend.width) + 2.0 * MARGIN;
    let height = drawn.height + LEGEND_HEIGHT + 3.0 * MARGIN;
    let (title, description) = (escape(&title(document)), escape(&description(document)));
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" class=\"syncline\" aria-labelledby=\"syncline-title syncline-desc\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\">\n\
         <title id=\"syncline-title\">{title}</title>\n<desc id=\"syncline-desc\">{description}</desc>\n<style>{STYLE}</style>\n\
         <defs>{}{}</defs>\n<g transform=\"translate({MARGIN} {MARGIN})\">\n",
        arrow_head("syncline-head", "head"),
        arrow_head("syncline-head-longest", "head longest"),
    );
    arrows(&mut text, &edges, &drawn);
    targets(&mut text, document, &drawn);
    let _ = writeln!(
        text,
        "</g>\n<g class=\"legend\" transform=\"translate({MARGIN} {:.1})\">",
        height - LEGEND_HEIGHT - MARGIN
    );
    let _ = writeln!(text, "{}</g>\n</svg>", legend.text);
    text
}

fn arrow_head(id: &str, class: &str) -> String {
    format!(
        "<marker id=\"{id}\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerUnits=\"userSpaceOnUse\" \
         markerWidth=\"9\" markerHeight=\"9\" orient=\"auto\"><path class=\"{class}\" d=\"M0 0L8 4L0 8z\"/></marker>"
    )
}

/// The edges without those from an environment that others imply.
fn essential(document: &GraphDocument) -> Vec<&EdgeDocument> {
    let mut waits: Vec<Vec<usize>> = vec![Vec::new(); document.targets.len()];
    for edge in &document.edges {
        waits[edge.places.1].push(edge.places.0);
    }
    let is_environment = |place: usize| document.targets[place].kind == TargetKind::Environment;
    // The environments before each target. Targets come in deployment order, so those of what it waits for are known.
    let mut before: Vec<BTreeSet<usize>> = Vec::with_capacity(waits.len());
    for (waiter, dependencies) in waits.iter().enumerate() {
        let mut all = BTreeSet::new();
        for &dependency in dependencies.iter().filter(|dependency| **dependency < waiter) {
            all.extend(is_environment(dependency).then_some(dependency));
            all.extend(before[dependency].iter().copied());
        }
        before.push(all);
    }
    let is_implied = |edge: &EdgeDocument| {
        let (dependency, waiter) = edge.places;
        let others = waits[waiter].iter().filter(|other| **other != dependency);
        others.map(|other| &before[*other]).any(|before| before.contains(&dependency))
    };
    document.edges.iter().filter(|edge| edge.reason != WaitReason::Environment || !is_implied(edge)).collect()
}

fn arrows(text: &mut String, edges: &[&EdgeDocument], drawn: &Layout) {
    let mut order: Vec<(&&EdgeDocument, &String)> = edges.iter().zip(&drawn.arrows).collect();
    // What is emphasised lies on top.
    order.sort_by_key(|(edge, _)| edge.on_longest_path);
    for (edge, path) in order {
        let inferred = if edge.reason.is_inferred() { " inferred" } else { "" };
        let (longest, head) =
            if edge.on_longest_path { (" longest", "syncline-head-longest") } else { ("", "syncline-head") };
        let why = edge.reason.with_name(edge.import.as_ref());
        let hint = escape(&format!("{} waits on {} ({why})", edge.waiter, edge.dependency));
        let _ = writeln!(
            text,
            "<path class=\"edge{inferred}{longest}\" marker-end=\"url(#{head})\" d=\"{path}\"><title>{hint}</title></path>"
        );
    }
}

fn targets(text: &mut String, document: &GraphDocument, drawn: &Layout) {
    for (node, place) in document.targets.iter().zip(&drawn.boxes) {
        let kind = kind(node.kind);
        let longest = if document.is_on_longest_path(&node.target) { " longest" } else { "" };
        let radius = if kind == "environment" { BOX_HEIGHT / 2.0 } else { 5.0 };
        let name = one_line(node.target.as_str());
        let _ = writeln!(
            text,
            "<g class=\"target {kind}{longest}\"><title>{}</title>\
             <rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"{radius}\"/>\
             <text class=\"name\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" textLength=\"{:.1}\" \
             lengthAdjust=\"spacingAndGlyphs\">{}</text>\
             <text class=\"kind\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text></g>",
            escape(&format!("{}: {}, stack {}", node.target, node.kind, node.stack)),
            place.x - place.width / 2.0,
            place.y - place.height / 2.0,
            place.width,
            place.height,
            place.x,
            place.y - 1.0,
            text_width(&name, NAME_SIZE),
            escape(&name),
            place.x,
            place.y + 13.0,
            escape(&node.kind.to_string()),
        );
    }
}

/// What the lines mean, as far as there are such.
struct Legend {
    text: String,
    width: f64,
}

fn legend(document: &GraphDocument, edges: &[&EdgeDocument]) -> Legend {
    const LINE: f64 = 30.0;
    let has = |reason: WaitReason| edges.iter().any(|edge| edge.reason == reason);
    let mut rows = vec![
        (has(WaitReason::Written), "edge", "syncline-head", "waits, as written in the manifest"),
        (has(WaitReason::Environment), "edge inferred", "syncline-head", "waits for its environment"),
        (has(WaitReason::Pipeline), "edge inferred", "syncline-head", "waits for its service's instances"),
        (has(WaitReason::Import), "edge inferred", "syncline-head", "imports what the other exports"),
        (document.longest_path.len() > 1, "edge longest", "syncline-head-longest", "longest path"),
    ];
    rows.retain(|row| row.0);
    let mut text = String::new();
    let mut x = 12.0;
    let y = LEGEND_HEIGHT / 2.0;
    for (_, class, head, meaning) in rows {
        let _ = writeln!(text, "<path class=\"{class}\" marker-end=\"url(#{head})\" d=\"M{x:.1} {y}h{LINE}\"/>");
        let _ = writeln!(text, "<text x=\"{:.1}\" y=\"{}\">{meaning}</text>", x + LINE + 8.0, y + 3.5);
        x += LINE + 8.0 + text_width(meaning, KIND_SIZE) + 24.0;
    }
    if document.edges.len() > edges.len() {
        let meaning =
            format!("not drawn: {} that follow from others", number_of(document.edges.len() - edges.len(), "arrow"));
        let _ = writeln!(text, "<text x=\"{x:.1}\" y=\"{}\">{meaning}</text>", y + 3.5);
        x += text_width(&meaning, KIND_SIZE) + 24.0;
    }
    if text.is_empty() {
        return Legend { text, width: 0.0 };
    }
    let width = x - 12.0;
    let back = format!("<rect width=\"{width:.1}\" height=\"{LEGEND_HEIGHT}\" rx=\"5\"/>\n");
    Legend { text: back + &text, width }
}

fn title(document: &GraphDocument) -> String {
    let count = number_of(document.targets.len(), "target");
    format!("{}, branch {}: {count} in deployment order", document.repository, document.branch)
}

/// What the picture shows, in words.
fn description(document: &GraphDocument) -> String {
    let waits = |node: &crate::documents::graph::NodeDocument| {
        let waits: Vec<String> = document
            .edges
            .iter()
            .filter(|edge| edge.waiter == node.target)
            .map(|edge| edge.dependency.to_string())
            .collect();
        match waits.as_slice() {
            [] => format!("{} waits on nothing.", node.target),
            some => format!("{} waits on {}.", node.target, some.join(", ")),
        }
    };
    document.targets.iter().map(waits).collect::<Vec<_>>().join(" ")
}

fn box_width(name: &str, kind: &str) -> f64 {
    (text_width(&one_line(name), NAME_SIZE).max(text_width(kind, KIND_SIZE)) + 28.0).ceil()
}

fn text_width(text: &str, size: f64) -> f64 {
    console::measure_text_width(text) as f64 * size * CHARACTER
}

/// XML knows five characters that mean something, and has no place for control characters.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for character in one_line(text).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => {}
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::samples;

    #[test]
    fn a_small_graph_is_drawn_the_same_every_time() {
        let document = GraphDocument::from(samples::plan());
        assert_eq!(svg(&document), svg(&document));
        insta::assert_snapshot!(svg(&document));
    }

    #[test]
    fn an_environment_that_others_imply_is_not_drawn() {
        let document = GraphDocument::from(samples::plan());
        let drawn: Vec<(usize, usize)> = essential(&document).iter().map(|edge| edge.places).collect();
        assert_eq!(document.edges.len() - drawn.len(), 1);
        assert!(drawn.contains(&(0, 1)), "{drawn:?}");
    }

    #[test]
    fn a_name_cannot_leave_its_element() {
        assert_eq!(escape("<a> & \"b\"'\n\u{1b}"), "&lt;a&gt; &amp; &quot;b&quot;&#39;");
    }
}
