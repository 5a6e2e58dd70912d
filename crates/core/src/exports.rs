//! What a template exports and imports, by the names that CloudFormation will make of them: whoever imports a name waits
//! for whoever exports it, without anybody writing so.
//!
//! A name that depends on something which only CloudFormation knows is left out. That costs an edge, never a wrong one.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::intrinsic::{function, long_form};
use crate::names::StackName;
use crate::yaml::{Content, Node};

/// The names that a stack exports and those that it imports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exchange {
    /// Exported.
    pub exports: BTreeSet<String>,
    /// Whether it exports under a name that only CloudFormation knows, besides.
    pub exports_more: bool,
    /// Imported.
    pub imports: BTreeSet<String>,
    /// Those of the imports that no condition decides on: without them the stack cannot be.
    pub required: BTreeSet<String>,
}

impl Exchange {
    /// Those of a template, for the stack and the values of parameters that it is deployed with.
    pub fn of(template: &Node, stack: &StackName, account_id: &str, parameters: &BTreeMap<String, String>) -> Self {
        Known::new(template, stack, account_id, parameters).exchange()
    }

    /// Those of a template and of one that is nested in it by the resource `name`, whose parameters have the values that
    /// stand in the first. What the nested stack will be called nobody knows.
    pub fn of_nesting(
        template: &Node,
        stack: &StackName,
        account_id: &str,
        parameters: &BTreeMap<String, String>,
        (name, nested, values): (&str, &Node, &BTreeMap<String, Node>),
    ) -> Self {
        let outer = Known::new(template, stack, account_id, parameters);
        let values = values.iter().map(|(name, value)| (name.as_str(), outer.text(value).map(Cow::Owned))).collect();
        let inner = Known { template: nested, stack: None, account_id, parameters: values }.exchange();
        let mut exchange = outer.exchange();
        exchange.exports.extend(inner.exports);
        exchange.exports_more |= inner.exports_more;
        exchange.imports.extend(inner.imports);
        let has_condition = template.get("Resources").and_then(|all| all.get(name)?.get("Condition")).is_some();
        if !has_condition {
            exchange.required.extend(inner.required);
        }
        exchange
    }
}

/// What is known of a stack before it is deployed.
struct Known<'k> {
    template: &'k Node,
    /// Its name; nothing where CloudFormation gives it one.
    stack: Option<&'k StackName>,
    account_id: &'k str,
    /// The values that its parameters are given; nothing for one that only CloudFormation knows.
    parameters: BTreeMap<&'k str, Option<Cow<'k, str>>>,
}

impl<'k> Known<'k> {
    fn new(
        template: &'k Node,
        stack: &'k StackName,
        account_id: &'k str,
        parameters: &'k BTreeMap<String, String>,
    ) -> Self {
        let given = parameters.iter().map(|(name, value)| (name.as_str(), Some(Cow::Borrowed(value.as_str()))));
        Self { template, stack: Some(stack), account_id, parameters: given.collect() }
    }
}

impl Known<'_> {
    fn exchange(&self) -> Exchange {
        let mut exchange = Exchange::default();
        if let Some(Content::Mapping(outputs)) = self.template.get("Outputs").map(|outputs| &outputs.content) {
            let names = outputs.iter().filter_map(|(_, output)| output.get("Export")?.get("Name"));
            for name in names {
                match self.text(name) {
                    Some(name) => exchange.exports.extend([name]),
                    None => exchange.exports_more = true,
                }
            }
        }
        self.find_imports(self.template, false, &mut exchange);
        exchange
    }

    /// `if_at_all`: a condition decides whether what stands here counts.
    fn find_imports(&self, node: &Node, if_at_all: bool, exchange: &mut Exchange) {
        let function = function(node);
        if let Some(("ImportValue", name)) = function
            && let Some(name) = self.argument(name, node.tag.is_some())
        {
            if !if_at_all {
                exchange.required.insert(name.clone());
            }
            exchange.imports.insert(name);
        }
        // A resource or an output with a condition; what a policy calls so is a mapping.
        let has_condition = node.get("Condition").is_some_and(|condition| condition.text().is_some());
        let if_at_all = if_at_all || has_condition || matches!(function, Some(("If", _)));
        match &node.content {
            Content::Scalar { .. } => {}
            Content::Sequence(items) => items.iter().for_each(|item| self.find_imports(item, if_at_all, exchange)),
            Content::Mapping(entries) => {
                entries.iter().for_each(|(_, value)| self.find_imports(value, if_at_all, exchange));
            }
        }
    }

    /// What the argument of a function comes to. Of a short form it bears the function's own tag.
    fn argument(&self, node: &Node, is_short: bool) -> Option<String> {
        if is_short { self.call(long_form(node), node) } else { self.text(node) }
    }

    /// What a node comes to; nothing where only CloudFormation knows.
    fn text(&self, node: &Node) -> Option<String> {
        self.call(function(node), node)
    }

    /// What a function comes to, or without one the node itself.
    fn call(&self, function: Option<(&str, &Node)>, node: &Node) -> Option<String> {
        match function {
            Some(("Ref", name)) => self.value(name.text()?),
            Some(("Sub", argument)) => match &argument.content {
                Content::Scalar { text, .. } => self.substitute(text, None),
                Content::Sequence(items) => match items.as_slice() {
                    [text, own] => self.substitute(text.text()?, Some(own)),
                    _ => None,
                },
                Content::Mapping(_) => None,
            },
            Some(("Join", argument)) => match &argument.content {
                Content::Sequence(items) => match items.as_slice() {
                    [delimiter, Node { content: Content::Sequence(parts), .. }] => {
                        let parts: Option<Vec<String>> = parts.iter().map(|part| self.text(part)).collect();
                        let delimiter = match &delimiter.content {
                            Content::Scalar { text, .. } => text,
                            _ => return None,
                        };
                        Some(parts?.join(delimiter))
                    }
                    _ => None,
                },
                _ => None,
            },
            Some(_) => None,
            None => node.text().map(str::to_owned),
        }
    }

    /// The text of a `Fn::Sub` with its variables replaced.
    fn substitute(&self, text: &str, own: Option<&Node>) -> Option<String> {
        let mut result = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, behind) = after.split_once('}')?;
            result.push_str(before);
            match name.strip_prefix('!') {
                // Written so to keep it from being replaced.
                Some(literal) => result.push_str(&format!("${{{literal}}}")),
                None => match own.and_then(|own| own.get(name)) {
                    Some(value) => result.push_str(&self.text(value)?),
                    None => result.push_str(&self.value(name)?),
                },
            }
            rest = behind;
        }
        result.push_str(rest);
        Some(result)
    }

    /// The value of a parameter. A pseudo parameter that only CloudFormation knows stands for itself: it is the same for
    /// all stacks of an account and region.
    fn value(&self, name: &str) -> Option<String> {
        match name {
            "AWS::StackName" => self.stack.map(ToString::to_string),
            "AWS::AccountId" => Some(self.account_id.to_owned()),
            "AWS::Region" | "AWS::Partition" | "AWS::URLSuffix" => Some(format!("${{{name}}}")),
            _ => match self.parameters.get(name) {
                Some(value) => value.as_deref().map(str::to_owned),
                None => self.template.get("Parameters")?.get(name)?.get("Default")?.text().map(str::to_owned),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::RepoPath;
    use crate::yaml;

    fn exchange(template: &str) -> (Vec<String>, Vec<String>) {
        let root = yaml::parse(&RepoPath::parse("t.yaml").unwrap(), template).unwrap();
        let parameters = BTreeMap::from([("Env".to_owned(), "beta".to_owned())]);
        let Exchange { exports, imports, .. } =
            Exchange::of(&root, &StackName::new("shop-bus"), "111122223333", &parameters);
        (exports.into_iter().collect(), imports.into_iter().collect())
    }

    #[test]
    fn what_a_condition_decides_on_is_not_required() {
        let template = "
Resources:
  A: {Type: T, Condition: Prod, Properties: {X: !ImportValue one}}
  B: {Type: T, Properties: {X: !If [Prod, !ImportValue two, !Ref AWS::NoValue], Y: !ImportValue three}}
  C: {Type: T, Properties: {Statement: {Condition: {StringEquals: {}}, Resource: !ImportValue four}}}
";
        let root = yaml::parse(&RepoPath::parse("t.yaml").unwrap(), template).unwrap();
        let exchange = Exchange::of(&root, &StackName::new("shop-bus"), "111122223333", &BTreeMap::new());
        assert_eq!(exchange.imports.len(), 4);
        assert_eq!(exchange.required.into_iter().collect::<Vec<_>>(), ["four", "three"]);
    }

    #[test]
    fn names_are_made_as_cloudformation_makes_them() {
        let (exports, imports) = exchange(
            r#"
Parameters: {App: {Type: String, Default: shop}, Env: {Type: String}, Open: {Type: String}}
Resources:
  A: {Type: T, Properties: {X: !ImportValue plain, Y: {"Fn::ImportValue": {"Fn::Sub": "${App}-${Env}-x"}}}}
  B: {Type: T, Properties: {X: !ImportValue {"Fn::Sub": ["${N}-${AWS::Region}", {N: !Ref Env}]}}}
  C: {Type: T, Properties: {X: [{"Fn::ImportValue": !Join ["-", [a, !Ref App]]}, !ImportValue {Ref: Open}]}}
Outputs:
  One: {Value: 1, Export: {Name: !Sub "${AWS::StackName}-one-${AWS::AccountId}"}}
  Two: {Value: 1, Export: {Name: {"Fn::Sub": "${!Literal}"}}}
  Three: {Value: 1, Export: {Name: !GetAtt A.Name}}
  Four: {Value: 1}
"#,
        );
        assert_eq!(exports, ["${Literal}", "shop-bus-one-111122223333"]);
        assert_eq!(imports, ["a-shop", "beta-${AWS::Region}", "plain", "shop-beta-x"]);
    }
}
