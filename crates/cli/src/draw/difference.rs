//! How targets differ from what is deployed, as text.

use super::number_of;
use crate::by_hand::difference::{Change, Difference, ValueChange};
use crate::paint::Paint;

/// Each target with what differs below it; those that do not differ share the last line.
pub(crate) fn differences(differences: &[Difference], paint: Paint) -> String {
    let mut lines = Vec::new();
    let mut same = 0;
    for difference in differences {
        let Difference { target, kind, stack, change, .. } = difference;
        let what = match change {
            Change::Create => paint.good(&format!("+ {target}")),
            Change::Update => paint.note(&format!("~ {target}")),
            Change::None => {
                same += 1;
                continue;
            }
        };
        let status = difference.status.as_deref().filter(|status| !status.ends_with("_COMPLETE"));
        let status = status.map(|status| format!(", which is {status}")).unwrap_or_default();
        let verb = if *change == Change::Create { "new" } else { "changed" };
        lines.push(format!("{what} ({kind}): {verb} stack {stack}{status}"));
        let hidden = |name: &String| {
            plain(&format!("    parameter {name}: hidden, only CloudFormation knows whether it differs"))
        };
        lines.extend(difference.hidden.iter().map(hidden));
        lines.extend(difference.parameters.iter().map(|one| value("parameter", one)));
        lines.extend(difference.tags.iter().map(|one| value("tag", one)));
        lines.extend(difference.template.lines().map(|line| format!("    {}", diff_line(&plain(line), paint))));
        if difference.is_trial {
            lines.push("    shows outputs that are known once what makes them is deployed".to_owned());
        }
    }
    if same > 0 {
        lines.push(format!("= {} as deployed", number_of(same, "target")));
    }
    lines.join("\n")
}

/// A line of a template, which may hold anything, without what a terminal would obey.
fn plain(line: &str) -> String {
    line.chars().map(|one| if one.is_control() && one != '\t' { '\u{fffd}' } else { one }).collect()
}

fn value(what: &str, change: &ValueChange) -> String {
    let shown = |value: &Option<String>| value.as_deref().map_or_else(|| "nothing".to_owned(), |v| format!("`{v}`"));
    plain(&format!("    {what} {}: {} → {}", change.name, shown(&change.before), shown(&change.after)))
}

fn diff_line(line: &str, paint: Paint) -> String {
    match line.as_bytes().first() {
        Some(b'+') => paint.good(line),
        Some(b'-') => paint.bad(line),
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use syncline_core::names::{StackName, TargetKind, TargetName};

    use super::*;

    #[test]
    fn what_differs_stands_below_its_target() {
        let difference = |name: &str, change: Change| Difference {
            target: TargetName::new(name),
            kind: TargetKind::EnvironmentAddon,
            stack: StackName::new(format!("shop-{}", name.replace('/', "-"))),
            change,
            status: Some("UPDATE_COMPLETE".to_owned()),
            hidden: Vec::new(),
            parameters: Vec::new(),
            tags: Vec::new(),
            template: String::new(),
            is_trial: false,
        };
        let changed = Difference {
            parameters: vec![ValueChange {
                name: "Days".to_owned(),
                before: Some("14".to_owned()),
                after: Some("7".to_owned()),
            }],
            tags: vec![ValueChange { name: "team".to_owned(), before: None, after: Some("shop".to_owned()) }],
            template: "--- deployed\n+++ files\n@@ -1 +1 @@\n-a\n+b\n".to_owned(),
            ..difference("bus/beta", Change::Update)
        };
        let new = Difference { is_trial: true, status: None, ..difference("api/beta", Change::Create) };
        let all = [new, changed, difference("x/beta", Change::None), difference("y/beta", Change::None)];
        insta::assert_snapshot!(differences(&all, Paint { is_on: false }), @r"
        + api/beta (environment addon): new stack shop-api-beta
            shows outputs that are known once what makes them is deployed
        ~ bus/beta (environment addon): changed stack shop-bus-beta
            parameter Days: `14` → `7`
            tag team: nothing → `shop`
            --- deployed
            +++ files
            @@ -1 +1 @@
            -a
            +b
        = 2 targets as deployed
        ");
    }
}
