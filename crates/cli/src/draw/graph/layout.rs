//! Where the boxes and arrows of the picture go: columns from left to right, each target right of all it waits for.
//!
//! `dagre` decides which column, which order and which height; it bends arrows freely, through boxes too. So its bends
//! are taken only where an arrow passes a column: there it runs level, and it climbs only between columns.

use std::fmt::Write as _;

use dagre::graph::{Graph, GraphOptions};
use dagre::{EdgeLabel, LayoutOptions, NodeLabel, RankDir};

/// Room between columns, for arrows to climb in.
const BETWEEN_COLUMNS: f64 = 72.0;
/// Room between boxes of a column.
const BETWEEN_BOXES: f64 = 14.0;
/// How far beside a column an arrow is level again.
const BESIDE: f64 = 4.0;

/// A box, by its middle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rectangle {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Where everything is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layout {
    pub(super) boxes: Vec<Rectangle>,
    /// Each arrow as the data of an SVG path.
    pub(super) arrows: Vec<String>,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// The boxes that share a column.
struct Column {
    x: f64,
    left: f64,
    right: f64,
}

/// Lays out boxes of these sizes, and arrows from one place to another.
pub(super) fn layout(sizes: &[(f64, f64)], arrows: &[(usize, usize)]) -> Layout {
    let mut graph = Graph::with_options(GraphOptions { directed: true, multigraph: false, compound: false });
    for (place, &(width, height)) in sizes.iter().enumerate() {
        graph.set_node(place.to_string(), Some(NodeLabel { width, height, ..NodeLabel::default() }));
    }
    for (from, to) in arrows {
        graph.set_edge(from.to_string(), to.to_string(), Some(EdgeLabel::default()), None);
    }
    let options = LayoutOptions {
        rankdir: RankDir::LR,
        nodesep: BETWEEN_BOXES,
        edgesep: BETWEEN_BOXES / 2.0,
        ranksep: BETWEEN_COLUMNS,
        ..LayoutOptions::default()
    };
    dagre::layout(&mut graph, Some(options));
    let boxes: Vec<Rectangle> = (0..sizes.len())
        .map(|place| {
            let node = graph.node(&place.to_string());
            let middle = node.map(|node| (node.x.unwrap_or_default(), node.y.unwrap_or_default()));
            let ((x, y), (width, height)) = (middle.unwrap_or_default(), sizes[place]);
            Rectangle { x, y, width, height }
        })
        .collect();
    let columns = columns(&boxes);
    let paths: Vec<Vec<(f64, f64)>> = arrows
        .iter()
        .map(|(from, to)| {
            let edge = graph.edge(&from.to_string(), &to.to_string(), None);
            edge.map(|edge| edge.points.iter().map(|point| (point.x, point.y)).collect()).unwrap_or_default()
        })
        .collect();
    let lowest_bend = paths.iter().flatten().map(|(_, y)| *y).fold(0.0, f64::max);
    Layout {
        width: boxes.iter().map(|one| one.x + one.width / 2.0).fold(0.0, f64::max),
        height: boxes.iter().map(|one| one.y + one.height / 2.0).fold(lowest_bend, f64::max),
        arrows: arrows
            .iter()
            .zip(&paths)
            .map(|(&(from, to), bends)| arrow(boxes[from], boxes[to], bends, &columns))
            .collect(),
        boxes,
    }
}

fn columns(boxes: &[Rectangle]) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    for one in boxes {
        let (left, right) = (one.x - one.width / 2.0, one.x + one.width / 2.0);
        match columns.iter_mut().find(|column| is_near(column.x, one.x)) {
            Some(column) => (column.left, column.right) = (column.left.min(left), column.right.max(right)),
            None => columns.push(Column { x: one.x, left, right }),
        }
    }
    columns.sort_by(|a, b| a.x.total_cmp(&b.x));
    columns
}

fn is_near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1.0
}

/// The arrow from the right side of one box to the left side of another, level wherever it passes a column.
fn arrow(from: Rectangle, to: Rectangle, bends: &[(f64, f64)], columns: &[Column]) -> String {
    let side = |x: f64, is_left: bool| {
        let column = columns.iter().find(|column| is_near(column.x, x));
        column.map_or(x, |column| if is_left { column.left - BESIDE } else { column.right + BESIDE })
    };
    let mut path = format!("M{:.1} {:.1}", from.x + from.width / 2.0, from.y);
    let (mut x, mut y) = (side(from.x, false), from.y);
    let _ = write!(path, "H{x:.1}");
    let passed =
        columns.iter().filter(|column| column.x > from.x + 1.0 && column.x < to.x - 1.0).filter_map(|column| {
            let bend = bends.iter().find(|(x, _)| is_near(*x, column.x))?;
            Some((column.left - BESIDE, column.right + BESIDE, bend.1))
        });
    let end = (side(to.x, true), to.x - to.width / 2.0, to.y);
    for (left, right, level) in passed.chain([end]) {
        let middle = f64::midpoint(x, left);
        let _ = write!(path, "C{middle:.1} {y:.1} {middle:.1} {level:.1} {left:.1} {level:.1}H{right:.1}");
        (x, y) = (right, level);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a level stretch of an arrow touches a box.
    fn crosses(path: &str, one: &Rectangle) -> bool {
        let text = path.replace(['M', 'C'], " ").replace('H', " H");
        let (mut x, mut y) = (0.0, 0.0);
        let mut pair = Vec::new();
        for word in text.split_whitespace() {
            if let Some(to) = word.strip_prefix('H') {
                let to: f64 = to.parse().unwrap();
                let (left, right) = (one.x - one.width / 2.0 + 0.2, one.x + one.width / 2.0 - 0.2);
                if x < right && to > left && (y - one.y).abs() < one.height / 2.0 {
                    return true;
                }
                x = to;
            } else {
                pair.push(word.parse::<f64>().unwrap());
                if let [a, b] = pair[..] {
                    (x, y) = (a, b);
                    pair.clear();
                }
            }
        }
        false
    }

    #[test]
    fn boxes_stand_apart_in_columns_and_no_arrow_crosses_one() {
        let sizes: Vec<(f64, f64)> = (0..60).map(|place| (80.0 + f64::from(place % 7) * 25.0, 44.0)).collect();
        // Each waits for the first, and for some before it.
        let mut arrows: Vec<(usize, usize)> = (1..60).map(|to| (0, to)).collect();
        arrows.extend((8..60).filter(|to| to % 3 > 0).map(|to| (to - 1 - to % 5, to)));
        arrows.extend((20..60).filter(|to| to % 4 == 0).map(|to| (to - 13, to)));
        arrows.sort_unstable();
        arrows.dedup();
        let found = layout(&sizes, &arrows);
        for (place, a) in found.boxes.iter().enumerate() {
            for b in &found.boxes[place + 1..] {
                let is_apart =
                    (a.x - b.x).abs() >= (a.width + b.width) / 2.0 || (a.y - b.y).abs() >= (a.height + b.height) / 2.0;
                assert!(is_apart, "{a:?} {b:?}");
            }
        }
        for (path, &(from, to)) in found.arrows.iter().zip(&arrows) {
            assert!(found.boxes[from].x < found.boxes[to].x);
            for one in &found.boxes {
                assert!(!crosses(path, one), "{path} {one:?}");
            }
        }
        assert_eq!(layout(&sizes, &arrows), found, "another picture of the same graph");
    }

    #[test]
    fn no_box_and_one_box_have_a_layout() {
        assert_eq!(layout(&[], &[]).boxes, []);
        assert_eq!(layout(&[(10.0, 10.0)], &[]).boxes.len(), 1);
    }
}
