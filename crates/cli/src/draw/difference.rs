//! How targets differ from what is deployed, as text.

use super::{is_obeyed, number_of, stack_at};
use crate::by_hand::difference::{Change, Difference, ValueChange};
use crate::paint::Paint;

/// Each target with what differs below it; those that do not differ share the last line.
pub(crate) fn differences(differences: &[Difference], paint: Paint) -> String {
    let mut lines = Vec::new();
    let mut same = 0;
    for difference in differences {
        let Difference { target, kind, change, .. } = difference;
        let stack = stack_at(&difference.stack, &difference.location);
        let what = match change {
            Change::Create => paint.good(&format!("+ {target}")),
            Change::Update => paint.note(&format!("~ {target}")),
            Change::Replace => paint.note(&format!("± {target}")),
            Change::None if difference.because.is_some() => format!("= {target}"),
            Change::None => {
                same += 1;
                continue;
            }
        };
        let status = difference.status.as_deref().filter(|status| !status.ends_with("_COMPLETE"));
        let status = status.map(|status| format!(", which is {status}")).unwrap_or_default();
        lines.push(match (change, difference.because) {
            (Change::None, Some(because)) => {
                format!("{what} ({kind}): stack {stack} as deployed, looked at since {because}")
            }
            (Change::Create, _) => format!("{what} ({kind}): new stack {stack}{status}"),
            (Change::Replace, _) => {
                format!("{what} ({kind}): stack {stack} made anew, after what its failed creation left is deleted")
            }
            (Change::Update | Change::None, _) => format!("{what} ({kind}): changed stack {stack}{status}"),
        });
        let lost = |name: &String| {
            paint.bad(&format!(
                "    nested stack {} is deleted with all that is in it: the files have it no more",
                plain(name)
            ))
        };
        lines.extend(difference.lost.iter().map(lost));
        let hidden = |name: &String| {
            plain(&format!("    parameter {name}: hidden, only CloudFormation knows whether it differs"))
        };
        lines.extend(difference.hidden.iter().map(hidden));
        lines.extend(difference.parameters.iter().map(|one| value("parameter", one)));
        lines.extend(difference.tags.iter().map(|one| value("tag", one)));
        lines.extend(difference.template.lines().map(|line| format!("    {}", diff_line(&plain(line), paint))));
        if !difference.addons.is_empty() {
            lines.push("    its addons:".to_owned());
            lines.extend(difference.addons.lines().map(|line| format!("    {}", diff_line(&plain(line), paint))));
        }
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
    line.chars().map(|one| if is_obeyed(one) && one != '\t' { '\u{fffd}' } else { one }).collect()
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
    use syncline_core::location::Location;
    use syncline_core::names::{StackName, TargetKind, TargetName};

    use super::*;

    #[test]
    fn what_differs_stands_below_its_target() {
        let difference = |name: &str, change: Change| Difference {
            target: TargetName::new(name),
            kind: TargetKind::EnvironmentAddon,
            stack: StackName::new(format!("shop-{}", name.replace('/', "-"))),
            location: Location::default(),
            change,
            status: Some("UPDATE_COMPLETE".to_owned()),
            hidden: Vec::new(),
            parameters: Vec::new(),
            tags: Vec::new(),
            template: String::new(),
            addons: String::new(),
            lost: Vec::new(),
            because: None,
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
        let location = Location { account: Some("444455556666".to_owned()), ..Location::default() };
        let new = Difference { is_trial: true, status: None, location, ..difference("api/beta", Change::Create) };
        let again = Difference { because: Some("it waits for what changes"), ..difference("w/beta", Change::None) };
        let lost = Difference { lost: vec!["AddonsStack".to_owned()], ..difference("z/beta", Change::Update) };
        let anew = difference("v/beta", Change::Replace);
        let same = [difference("x/beta", Change::None), difference("y/beta", Change::None)];
        let all = [[new, changed, again, lost, anew].to_vec(), same.to_vec()].concat();
        insta::assert_snapshot!(differences(&all, Paint { is_on: false }), @r"
        + api/beta (environment addon): new stack shop-api-beta (account 444455556666)
            shows outputs that are known once what makes them is deployed
        ~ bus/beta (environment addon): changed stack shop-bus-beta
            parameter Days: `14` → `7`
            tag team: nothing → `shop`
            --- deployed
            +++ files
            @@ -1 +1 @@
            -a
            +b
        = w/beta (environment addon): stack shop-w-beta as deployed, looked at since it waits for what changes
        ~ z/beta (environment addon): changed stack shop-z-beta
            nested stack AddonsStack is deleted with all that is in it: the files have it no more
        ± v/beta (environment addon): stack shop-v-beta made anew, after what its failed creation left is deleted
        = 2 targets as deployed
        ");
    }
}
