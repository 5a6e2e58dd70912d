//! What CloudFormation is asked for: a template, its parameters, its tags; and what a template says of itself.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::diagnostic::{Diagnostic, Span};
use crate::names::{Digest, RepoPath, StackName};
use crate::yaml::{self, Content, Node};

/// The longest template that goes into a request itself, in bytes. A longer one goes through S3.
///
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>
pub const MAX_INLINE_TEMPLATE_BYTES: usize = 51_200;

/// The longest template at all, in bytes.
pub const MAX_TEMPLATE_BYTES: usize = 1_000_000;

/// The parameter of a service's template that is given the place of its addons' template, once that was uploaded.
pub const ADDONS_TEMPLATE_URL: &str = "AddonsTemplateURL";

/// A stack as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackRequest {
    /// Its name.
    pub stack: StackName,
    /// The template, as written or rendered.
    pub template: String,
    /// Values of its parameters.
    pub parameters: BTreeMap<String, String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// The template of the stack that is nested in it. It is uploaded, and its URL is the value of the parameter
    /// [`ADDONS_TEMPLATE_URL`], which is not among the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addons: Option<String>,
}

impl StackRequest {
    /// Equal digests ask for equal stacks.
    pub fn digest(&self) -> Digest {
        let mut hash = Sha256::new();
        feed(&mut hash, self.stack.as_str());
        feed(&mut hash, &self.template);
        for values in [&self.parameters, &self.tags] {
            hash.update((values.len() as u64).to_le_bytes());
            for (key, value) in values {
                feed(&mut hash, key);
                feed(&mut hash, value);
            }
        }
        // Only where there is one: whatever has none keeps the digest that it was deployed with.
        if let Some(addons) = &self.addons {
            feed(&mut hash, addons);
        }
        finish(hash)
    }
}

/// Adds a text with its length, so that no two lists of texts feed the same bytes.
pub(crate) fn feed(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_le_bytes());
    hash.update(text.as_bytes());
}

/// The digest in hexadecimal.
pub(crate) fn finish(hash: Sha256) -> Digest {
    Digest::new(HEXLOWER.encode(&hash.finalize()))
}

/// The digest of one text.
pub fn digest_of(text: &str) -> Digest {
    let mut hash = Sha256::new();
    feed(&mut hash, text);
    finish(hash)
}

/// The error for a template that is too large.
pub(crate) fn check_size(path: &RepoPath, bytes: usize) -> Option<Diagnostic> {
    (bytes > MAX_TEMPLATE_BYTES).then(|| {
        Diagnostic::error(path, format!("the template is larger than {MAX_TEMPLATE_BYTES} bytes"))
            .help("split it into several stacks")
    })
}

/// The tree of a template that was rendered from the file at `path`. It has no places of that file.
pub(crate) fn parse_rendered(path: &RepoPath, template: &str) -> Result<Node, Diagnostic> {
    if let Some(error) = check_size(path, template.len()) {
        return Err(error);
    }
    yaml::parse(path, &with_pairs_joined(template)).map_err(|error| in_what_was_rendered(error, template))
}

/// JSON, and with it Jinja's `tojson`, writes a character beyond the first plane as two escapes, which YAML knows not.
fn with_pairs_joined(text: &str) -> Cow<'_, str> {
    const LENGTH: usize = "\\uXXXX".len();
    let unit = |text: &str| u16::from_str_radix(text.get(..LENGTH)?.strip_prefix("\\u")?, 16).ok();
    if !text.contains("\\ud") && !text.contains("\\uD") {
        return Cow::Borrowed(text);
    }
    let mut joined = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\\u") {
        joined.push_str(&rest[..at]);
        rest = &rest[at..];
        let pair = unit(rest).zip(rest.get(LENGTH..).and_then(unit));
        let character = pair.and_then(|(high, low)| char::decode_utf16([high, low]).next()?.ok());
        match character.filter(|character| u32::from(*character) > 0xffff) {
            Some(character) => {
                joined.push(character);
                rest = &rest[2 * LENGTH..];
            }
            None => {
                joined.push_str(&rest[..2]);
                rest = &rest[2..];
            }
        }
    }
    joined.push_str(rest);
    Cow::Owned(joined)
}

/// What is shown of the resources of a template while they are deployed, by their names: the text that a resource has under
/// `aws:copilot:description` in its `Metadata`, as AWS Copilot read it. None of a template that cannot be read.
pub fn descriptions(template: &str) -> BTreeMap<String, String> {
    entries(template, "Resources", |resource| {
        resource.get("Metadata")?.get("aws:copilot:description")?.text().map(str::to_owned)
    })
}

/// What a template says of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// The value that it has where none is given.
    pub default: Option<String>,
    /// Whether its value is not to be shown: `NoEcho`.
    pub is_secret: bool,
}

/// The parameters of a template. None of one that cannot be read.
pub fn parameters(template: &str) -> BTreeMap<String, Declared> {
    entries(template, "Parameters", |parameter| {
        let no_echo = parameter.get("NoEcho").and_then(Node::text);
        Some(Declared {
            default: parameter.get("Default").map(|default| default.text().unwrap_or_default().to_owned()),
            // CloudFormation reads YAML 1.1, in which these say the same.
            is_secret: no_echo
                .is_some_and(|text| ["true", "yes", "on"].iter().any(|yes| text.eq_ignore_ascii_case(yes))),
        })
    })
}

/// The resources of a template that are nested stacks. None of one that cannot be read.
pub fn nested(template: &str) -> BTreeSet<String> {
    let is_stack =
        |resource: &Node| resource.get("Type")?.text().filter(|kind| *kind == "AWS::CloudFormation::Stack").map(drop);
    entries(template, "Resources", is_stack).into_keys().collect()
}

/// What is read from the entries of a section of a template, by their names.
fn entries<T>(template: &str, section: &str, read: impl Fn(&Node) -> Option<T>) -> BTreeMap<String, T> {
    let root = parse_rendered(&RepoPath::root(), template).ok();
    match root.as_ref().and_then(|root| root.get(section)).map(|section| &section.content) {
        Some(Content::Mapping(entries)) => {
            entries.iter().filter_map(|(name, entry)| Some((name.text()?.to_owned(), read(entry)?))).collect()
        }
        _ => BTreeMap::new(),
    }
}

/// Whether two templates say the same, however they are written; nothing where one cannot be read.
pub fn say_the_same(one: &str, other: &str) -> Option<bool> {
    let read = |text: &str| parse_rendered(&RepoPath::root(), text).ok();
    Some(yaml::same(&read(one)?, &read(other)?))
}

/// An error for each key that stands twice in a rendered template.
pub(crate) fn repeated_in_rendered(path: &RepoPath, root: &Node, template: &str) -> Vec<Diagnostic> {
    yaml::repeated_keys(path, root).into_iter().map(|error| in_what_was_rendered(error, template)).collect()
}

/// Checks a template against the values for its parameters, as far as CloudFormation would refuse it outright.
///
/// `path` is the template's file, `spec` the file that gives the values. A rendered template has no places of its
/// own, so `rendered` blames the file as a whole.
pub fn check(
    path: &RepoPath,
    root: &Node,
    rendered: bool,
    spec: &RepoPath,
    owner: Span,
    values: &BTreeMap<String, (String, Span)>,
) -> Vec<Diagnostic> {
    let mut found = if rendered { Vec::new() } else { yaml::repeated_keys(path, root) };
    if root.get("Resources").is_none() {
        let error = Diagnostic::error(path, "the template has no `Resources`")
            .help("a CloudFormation template declares at least one resource");
        found.push(if rendered { error } else { error.at(root.span) });
    }
    let declared: Vec<(&Node, &Node)> = match root.get("Parameters").map(|node| &node.content) {
        Some(yaml::Content::Mapping(entries)) => entries.iter().map(|(key, value)| (key, value)).collect(),
        _ => Vec::new(),
    };
    let names: BTreeSet<&str> = declared.iter().filter_map(|(key, _)| key.text()).collect();
    for (name, (_, span)) in values {
        if !names.contains(name.as_str()) {
            let help = match crate::diagnostic::nearest(name, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if names.is_empty() => "remove it: the template declares no parameters".to_owned(),
                None => format!("the template declares {}", yaml::list(&names.iter().collect::<Vec<_>>())),
            };
            found.push(
                Diagnostic::error(spec, format!("the template `{path}` has no parameter `{name}`"))
                    .at(*span)
                    .help(help),
            );
        }
    }
    for (key, parameter) in declared {
        let Some(name) = key.text() else { continue };
        if parameter.get("Default").is_some() || values.contains_key(name) {
            continue;
        }
        if rendered {
            found.push(
                Diagnostic::error(
                    path,
                    format!("parameter `{name}` has no default, and a bundle's template is given no parameters"),
                )
                .help("give it a `Default`, or show an input of the schema in its place"),
            );
        } else {
            found.push(
                Diagnostic::error(spec, format!("parameter `{name}` of `{path}` has neither a value nor a default"))
                    .at(owner)
                    .help(format!("give it under `parameters`, or a `Default` in `{path}`")),
            );
        }
    }
    found
}

/// The error for a rendered template that is no YAML. What was rendered is no file, so the message has the line.
fn in_what_was_rendered(error: Diagnostic, template: &str) -> Diagnostic {
    let Some(Span { line, .. }) = error.span else { return error };
    let text = template.lines().nth(line.saturating_sub(1)).unwrap_or_default().trim();
    let message = match error.message.strip_prefix("not valid YAML") {
        Some(_) => format!("renders to what is {}, in line {line}: `{text}`", error.message),
        None => format!("in what it renders to, {}, in line {line}: `{text}`", error.message),
    };
    Diagnostic { span: None, message, ..error }
}
