//! A service's template with its addons: a stack nested in the service's own, by the resource `AddonsStack`.
//!
//! A template that Copilot wrote has that resource, and is passed on as it is: what its `AddonsStack` passes must be what
//! the addons need. To any other template resource and parameter are added. Either way the logical name is the one that
//! Copilot used, so that a nested stack that there is stays the same one.

use std::collections::{BTreeMap, BTreeSet};

use super::service::ServiceAddons;
use super::{outputs, parameters};
use crate::diagnostic::{Diagnostic, Span, nearest};
use crate::intrinsic::{self, Reference};
use crate::names::RepoPath;
use crate::stack::ADDONS_TEMPLATE_URL;
use crate::yaml::{self, Content, Node, same};

/// The resource that nests the addons.
pub const STACK: &str = "AddonsStack";

/// The type of that resource.
const TYPE: &str = "AWS::CloudFormation::Stack";

/// A service's template that nests its addons.
#[derive(Clone, Debug)]
pub struct Nested {
    /// The template, where it is another one than was written.
    pub rewritten: Option<String>,
    /// Its tree.
    pub root: Node,
    /// What the nested stack's parameters are given.
    pub values: BTreeMap<String, Node>,
}

/// Whether a template has the parameter for the addons' place, and so nests them itself.
pub fn is_in(template: &Node) -> bool {
    template.get("Parameters").is_some_and(|parameters| parameters.get(ADDONS_TEMPLATE_URL).is_some())
}

/// The template of a service, the file at `path`, with the addons nested in it.
///
/// Errors: what is wrong with the addons' own files, every value that they lack or do not take, every output that they do
/// not have, and a resource of that name that is another one.
pub fn nest(addons: &ServiceAddons, path: &RepoPath, template: &Node) -> Result<Nested, Vec<Diagnostic>> {
    let mut errors = addons.errors.clone();
    outputs::check(path, template, &addons.root, &addons.folder, &mut errors);
    let nested = if is_in(template) {
        let values = Carrier { addons, path, template }.values(&mut errors);
        Some(Nested { rewritten: None, root: template.clone(), values })
    } else {
        added(addons, path, template, &mut errors)
    };
    match nested {
        Some(nested) if errors.is_empty() => Ok(nested),
        _ => Err(errors),
    }
}

/// A template that nests the addons itself.
struct Carrier<'c> {
    addons: &'c ServiceAddons,
    path: &'c RepoPath,
    template: &'c Node,
}

impl Carrier<'_> {
    /// The values that the template's `AddonsStack` passes, which are checked against those that are needed.
    fn values(&self, errors: &mut Vec<Diagnostic>) -> BTreeMap<String, Node> {
        let Some((key, properties)) = self.stack(errors) else { return BTreeMap::new() };
        let entries = match properties.get("Parameters").map(|parameters| (&parameters.content, parameters.span)) {
            Some((Content::Mapping(entries), _)) => entries.as_slice(),
            Some((_, span)) => {
                let message = format!("the `Parameters` of `{STACK}` must be a mapping");
                errors.push(Diagnostic::error(self.path, message).at(span).help("write them as `Name: value` lines"));
                return BTreeMap::new();
            }
            None => &[],
        };
        let passed: BTreeMap<&str, (Span, &Node)> =
            entries.iter().filter_map(|(key, value)| Some((key.text()?, (key.span, value)))).collect();
        self.check_known(&passed, errors);
        self.check_needed(&passed, key.span, errors);
        self.check_given(&passed, key.span, errors);
        passed.into_iter().map(|(name, (_, value))| (name.to_owned(), value.clone())).collect()
    }

    /// The resource that nests the addons: its name, and its properties.
    fn stack(&self, errors: &mut Vec<Diagnostic>) -> Option<(&Node, &Node)> {
        let Some((key, resource)) = entry(self.template, "Resources", STACK) else {
            let parameter = entry(self.template, "Parameters", ADDONS_TEMPLATE_URL)?.0;
            errors.push(
                Diagnostic::error(self.path, format!("`{ADDONS_TEMPLATE_URL}` without a resource `{STACK}`"))
                    .at(parameter.span)
                    .help(format!(
                        "add the resource as Copilot wrote it, or remove the parameter: `{STACK}` is added then"
                    )),
            );
            return None;
        };
        let url = resource.get("Properties").and_then(|properties| properties.get("TemplateURL"));
        let is_url = url
            .and_then(intrinsic::function)
            .is_some_and(|(function, argument)| function == "Ref" && argument.text() == Some(ADDONS_TEMPLATE_URL));
        if resource.get("Type").and_then(Node::text) != Some(TYPE) || !is_url {
            errors.push(
                Diagnostic::error(self.path, format!("`{STACK}` does not nest the addons of the service"))
                    .at(key.span)
                    .help(format!("give it `Type: {TYPE}` and `TemplateURL: !Ref {ADDONS_TEMPLATE_URL}`")),
            );
            return None;
        }
        Some((key, resource.get("Properties")?))
    }

    /// Notes a value for what no template of the addons declares: CloudFormation refuses it.
    fn check_known(&self, passed: &BTreeMap<&str, (Span, &Node)>, errors: &mut Vec<Diagnostic>) {
        let declared = &self.addons.declared;
        for (name, (span, _)) in passed.iter().filter(|(name, _)| !declared.contains_key(**name)) {
            let help = match nearest(name, declared.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("declare it in a template in `{}`, or remove it here", self.addons.folder),
            };
            let error = Diagnostic::error(self.path, format!("no template of the addons has a parameter `{name}`"));
            errors.push(error.at(*span).help(help));
        }
    }

    /// Notes a parameter that has no default and is passed no value.
    fn check_needed(&self, passed: &BTreeMap<&str, (Span, &Node)>, stack: Span, errors: &mut Vec<Diagnostic>) {
        for (name, declared) in &self.addons.declared {
            if declared.has_default || passed.contains_key(name.as_str()) || self.addons.given.contains_key(name) {
                continue;
            }
            let (path, line) = (&declared.path, declared.span.line);
            errors.push(
                Diagnostic::error(self.path, format!("`{STACK}` passes no `{name}`, which the addons need"))
                    .at(stack)
                    .help(format!("add it to its `Parameters`, or a `Default` in `{path}`, line {line}")),
            );
        }
    }

    /// Notes a value in the file of parameters that is not what is passed.
    fn check_given(&self, passed: &BTreeMap<&str, (Span, &Node)>, stack: Span, errors: &mut Vec<Diagnostic>) {
        let Some(file) = &self.addons.values else { return };
        for (name, (span, value)) in &self.addons.given {
            let (what, line, help) = match passed.get(name.as_str()) {
                None => ("passes no", stack.line, "add it to its `Parameters`, which are the ones that count"),
                Some((_, other)) if says_the_same(value, other) => continue,
                Some((place, _)) => {
                    ("passes another", place.line, "let both say the same: the template's is the one that counts")
                }
            };
            let message = format!("`{STACK}` in `{}`, line {line}, {what} `{name}`", self.path);
            errors.push(Diagnostic::error(file, message).at(*span).help(help));
        }
    }
}

/// Whether two values come to the same text, or are the same function.
fn says_the_same(one: &Node, other: &Node) -> bool {
    let is_text = |node: &Node| intrinsic::function(node).is_none();
    match (one.text(), other.text()) {
        (Some(one_text), Some(other_text)) if is_text(one) && is_text(other) => one_text == other_text,
        _ => same(one, other),
    }
}

/// The template with parameter and resource added.
fn added(addons: &ServiceAddons, path: &RepoPath, template: &Node, errors: &mut Vec<Diagnostic>) -> Option<Nested> {
    if let Some((key, _)) = entry(template, "Resources", STACK) {
        errors.push(
            Diagnostic::error(path, format!("the template has a resource `{STACK}`, and no parameter `{ADDONS_TEMPLATE_URL}`"))
                .at(key.span)
                .help(format!("rename it; or, where it is the addons' stack, declare the parameter and let its `TemplateURL` be `!Ref {ADDONS_TEMPLATE_URL}`")),
        );
    }
    check_references(addons, path, template, errors);
    let values = values(addons, errors);
    let mut root = template.clone();
    let declaration = mapping(vec![("Type", plain("String"))]);
    add(&mut root, "Parameters", (ADDONS_TEMPLATE_URL, declaration), path, errors);
    add(&mut root, "Resources", (STACK, resource(&values)), path, errors);
    let rewritten = Some(yaml::write(&root));
    errors.is_empty().then_some(Nested { rewritten, root, values })
}

/// The values of the addons' parameters.
fn values(addons: &ServiceAddons, errors: &mut Vec<Diagnostic>) -> BTreeMap<String, Node> {
    let ServiceAddons { declared, own, given, .. } = addons;
    let text = |value: String| parameters::quoted(Span::default(), value);
    let passed = super::passed_down(own.clone(), declared).map(|(name, value)| (name, text(value)));
    let given = given.iter().map(|(name, (_, value))| (name.clone(), value.clone()));
    let values: BTreeMap<String, Node> = passed.chain(given).collect();
    parameters::check_given(declared, |name| values.contains_key(name), errors);
    values
}

/// Notes what the file of parameters names and the service's template does not declare. Where a macro may declare it, only
/// CloudFormation knows.
fn check_references(addons: &ServiceAddons, path: &RepoPath, template: &Node, errors: &mut Vec<Diagnostic>) {
    let Some(file) = &addons.values else { return };
    let declared: BTreeSet<&str> = ["Parameters", "Resources"]
        .into_iter()
        .filter_map(|section| match &template.get(section)?.content {
            Content::Mapping(entries) => Some(entries.iter().filter_map(|(key, _)| key.text())),
            _ => None,
        })
        .flatten()
        .collect();
    if template.get("Transform").is_some() || declared.iter().any(|name| name.starts_with("Fn::")) {
        return;
    }
    for Reference { name, span } in addons.given.values().flat_map(|(_, value)| intrinsic::references(value)) {
        let name = name.split('.').next().unwrap_or_default();
        if declared.contains(name) || name.starts_with("AWS::") {
            continue;
        }
        let help = match nearest(name, declared.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("name a resource or a parameter of `{path}`"),
        };
        let message = format!("the template `{path}` has neither a resource nor a parameter `{name}`");
        errors.push(Diagnostic::error(file, message).at(span).help(help));
    }
}

/// The resource that nests the addons.
fn resource(values: &BTreeMap<String, Node>) -> Node {
    let url = Node { tag: Some("!Ref".to_owned()), ..plain(ADDONS_TEMPLATE_URL) };
    let mut properties = vec![("TemplateURL", url)];
    if !values.is_empty() {
        let values = values.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        properties.push(("Parameters", mapping(values)));
    }
    mapping(vec![("Type", plain(TYPE)), ("Properties", mapping(properties))])
}

/// Adds an entry to a section of the template, which is added too where there is none.
fn add(root: &mut Node, section: &str, (name, value): (&str, Node), path: &RepoPath, errors: &mut Vec<Diagnostic>) {
    let Content::Mapping(sections) = &mut root.content else { return };
    let entry = (plain(name), value);
    let Some((_, entries)) = sections.iter_mut().find(|(key, _)| key.text() == Some(section)) else {
        // Parameters stand before what uses them.
        let place = sections.iter().position(|(key, _)| key.text() == Some("Resources")).unwrap_or(sections.len());
        sections.insert(place, (plain(section), mapping(vec![(name, entry.1)])));
        return;
    };
    if entries.is_null() {
        entries.content = Content::Mapping(Vec::new());
    }
    let (span, kind) = (entries.span, entries.kind());
    match &mut entries.content {
        Content::Mapping(entries) => entries.push(entry),
        _ => {
            let message = format!("`{section}` must be a mapping, not {kind}");
            errors.push(Diagnostic::error(path, message).at(span).help("write it as `key: value` lines"));
        }
    }
}

/// An entry of a section of a template.
fn entry<'t>(template: &'t Node, section: &str, name: &str) -> Option<(&'t Node, &'t Node)> {
    match &template.get(section)?.content {
        Content::Mapping(entries) => {
            entries.iter().find(|(key, _)| key.text() == Some(name)).map(|(key, value)| (key, value))
        }
        _ => None,
    }
}

fn plain(text: &str) -> Node {
    Node { span: Span::default(), tag: None, content: Content::Scalar { text: text.to_owned(), plain: true } }
}

fn mapping(entries: Vec<(&str, Node)>) -> Node {
    let entries = entries.into_iter().map(|(key, value)| (plain(key), value)).collect();
    Node { span: Span::default(), tag: None, content: Content::Mapping(entries) }
}
