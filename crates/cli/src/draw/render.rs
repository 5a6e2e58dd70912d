//! What `syncline render` says beside the template, which is printed as it is.

use super::{kind, one_line};
use crate::documents::RenderDocument;
use crate::documents::render::StandIn;
use crate::paint::Paint;

/// Stack, parameters and tags; and what the template shows that is not real.
pub(crate) fn aside(document: &RenderDocument, paint: Paint) -> String {
    let mut rows = vec![
        ("target", format!("{} ({})", document.target, kind(document.kind))),
        ("stack", document.stack.to_string()),
    ];
    let values = [("parameter", &document.parameters), ("tag", &document.tags)];
    for (heading, values) in values {
        rows.extend(values.iter().map(|(name, value)| (heading, format!("{name} = {value}"))));
    }
    if document.addons.is_some() {
        rows.push(("addons", "nested; AddonsTemplateURL becomes the place of their template".to_owned()));
    }
    let mut lines: Vec<String> =
        rows.iter().map(|(heading, text)| format!("{heading:9}  {}", one_line(text))).collect();
    for stand_in in &document.stand_ins {
        let note = match stand_in {
            StandIn::Outputs => {
                let environment =
                    document.environment.as_deref().map_or("other stacks".to_owned(), |name| format!("`{name}`"));
                format!(
                    "`pending` stands where the template shows outputs of {environment}, which only AWS knows; \
                     `--env-outputs FILE` gives real ones"
                )
            }
            StandIn::CurrentValues => {
                "`${Proton::CURRENT_VAL}` stands where the template shows a value that is kept, which only Syncline's \
                 table knows"
                    .to_owned()
            }
            StandIn::Account => format!(
                "`{}` stands where the template shows the account's id; `--account ID` gives the real one",
                crate::reading::ANY_ACCOUNT
            ),
        };
        lines.push(format!("{} {}", paint.note("note:"), one_line(&note)));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::samples;

    #[test]
    fn parameters_and_stand_ins_are_told() {
        insta::assert_snapshot!(aside(&samples::rendered(), Paint::OFF));
    }

    #[test]
    fn the_document_is_stable() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&samples::rendered()).unwrap());
    }
}
