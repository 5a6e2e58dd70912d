//! One conditional write to an item, written as what it changes.

use std::collections::HashMap;
use std::fmt::Write as _;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};

use super::{Item, Table};
use crate::Error;
use crate::error::from_sdk;

/// What became of a write.
pub(super) enum Updated {
    /// It was done; the item after it.
    Applied(Item),
    /// Its condition did not hold; the item as it is, empty where there is none.
    Refused(Item),
}

/// A write in the making.
pub(super) struct Update<'t> {
    table: &'t Table,
    key: (String, String),
    sets: Vec<String>,
    removes: Vec<String>,
    adds: Vec<String>,
    deletes: Vec<String>,
    conditions: Vec<String>,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Table {
    pub(super) fn update(&self, pk: String, sk: String) -> Update<'_> {
        Update {
            table: self,
            key: (pk, sk),
            sets: Vec::new(),
            removes: Vec::new(),
            adds: Vec::new(),
            deletes: Vec::new(),
            conditions: Vec::new(),
            names: HashMap::new(),
            values: HashMap::new(),
        }
    }
}

impl Update<'_> {
    /// A placeholder for each part of a dotted path; parts may hold any character but the dot.
    fn path(&mut self, path: &str) -> String {
        let mut expression = String::new();
        for part in path.split('.') {
            let known = self.names.iter().find(|(_, name)| *name == part).map(|(placeholder, _)| placeholder.clone());
            let placeholder = known.unwrap_or_else(|| format!("#n{}", self.names.len()));
            self.names.insert(placeholder.clone(), part.to_owned());
            let _ = write!(expression, "{}{placeholder}", if expression.is_empty() { "" } else { "." });
        }
        expression
    }

    fn value(&mut self, value: AttributeValue) -> String {
        let placeholder = format!(":v{}", self.values.len());
        self.values.insert(placeholder.clone(), value);
        placeholder
    }

    /// Sets an attribute.
    pub(super) fn set(mut self, path: &str, value: AttributeValue) -> Self {
        let (path, value) = (self.path(path), self.value(value));
        self.sets.push(format!("{path} = {value}"));
        self
    }

    /// Sets an attribute to a text.
    pub(super) fn text(self, path: &str, value: impl Into<String>) -> Self {
        self.set(path, AttributeValue::S(value.into()))
    }

    /// Sets an attribute unless it is there.
    pub(super) fn once(mut self, path: &str, value: AttributeValue) -> Self {
        let (path, value) = (self.path(path), self.value(value));
        self.sets.push(format!("{path} = if_not_exists({path}, {value})"));
        self
    }

    /// Removes an attribute.
    pub(super) fn remove(mut self, path: &str) -> Self {
        let path = self.path(path);
        self.removes.push(path);
        self
    }

    /// Adds to a number.
    pub(super) fn add(mut self, path: &str, number: u32) -> Self {
        let (path, value) = (self.path(path), self.value(AttributeValue::N(number.to_string())));
        self.adds.push(format!("{path} {value}"));
        self
    }

    /// Takes numbers out of a set.
    pub(super) fn take_out(mut self, path: &str, numbers: Vec<String>) -> Self {
        let (path, value) = (self.path(path), self.value(AttributeValue::Ns(numbers)));
        self.deletes.push(format!("{path} {value}"));
        self
    }

    /// Only where the item is there.
    pub(super) fn if_exists(mut self) -> Self {
        let path = self.path("pk");
        self.conditions.push(format!("attribute_exists({path})"));
        self
    }

    /// Only where an attribute is not there.
    pub(super) fn if_absent(mut self, path: &str) -> Self {
        let path = self.path(path);
        self.conditions.push(format!("attribute_not_exists({path})"));
        self
    }

    /// Only where an attribute has one of these texts.
    pub(super) fn if_one_of(mut self, path: &str, texts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let path = self.path(path);
        let values: Vec<String> = texts.into_iter().map(|text| self.value(AttributeValue::S(text.into()))).collect();
        self.conditions.push(format!("{path} IN ({})", values.join(", ")));
        self
    }

    /// Only where an attribute is not there, or at most this text.
    pub(super) fn if_absent_or_at_most(mut self, path: &str, text: impl Into<String>) -> Self {
        let (path, value) = (self.path(path), self.value(AttributeValue::S(text.into())));
        self.conditions.push(format!("(attribute_not_exists({path}) OR {path} <= {value})"));
        self
    }

    /// Only where an attribute is not there, or less than this text.
    pub(super) fn if_absent_or_below(mut self, path: &str, text: impl Into<String>) -> Self {
        let (path, value) = (self.path(path), self.value(AttributeValue::S(text.into())));
        self.conditions.push(format!("(attribute_not_exists({path}) OR {path} < {value})"));
        self
    }

    /// Only where an attribute is not there, or just this number.
    pub(super) fn if_absent_or_number(mut self, path: &str, number: u64) -> Self {
        let (path, value) = (self.path(path), self.value(AttributeValue::N(number.to_string())));
        self.conditions.push(format!("(attribute_not_exists({path}) OR {path} = {value})"));
        self
    }

    /// Does it.
    pub(super) async fn send(self) -> Result<Updated, Error> {
        let clauses = [("SET", &self.sets), ("REMOVE", &self.removes), ("ADD", &self.adds), ("DELETE", &self.deletes)];
        let expression = clauses
            .iter()
            .filter(|(_, parts)| !parts.is_empty())
            .map(|(verb, parts)| format!("{verb} {}", parts.join(", ")))
            .collect::<Vec<_>>()
            .join(" ");
        let condition = (!self.conditions.is_empty()).then(|| self.conditions.join(" AND "));
        let sent = self
            .table
            .client
            .update_item()
            .table_name(&self.table.name)
            .key("pk", AttributeValue::S(self.key.0))
            .key("sk", AttributeValue::S(self.key.1))
            .update_expression(expression)
            .set_condition_expression(condition)
            .set_expression_attribute_names(Some(self.names))
            .set_expression_attribute_values((!self.values.is_empty()).then_some(self.values))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match sent {
            Ok(output) => Ok(Updated::Applied(output.attributes.unwrap_or_default())),
            Err(SdkError::ServiceError(service))
                if matches!(service.err(), UpdateItemError::ConditionalCheckFailedException(_)) =>
            {
                match service.into_err() {
                    UpdateItemError::ConditionalCheckFailedException(refused) => {
                        Ok(Updated::Refused(refused.item.unwrap_or_default()))
                    }
                    _ => Ok(Updated::Refused(Item::new())),
                }
            }
            Err(error) => Err(from_sdk("dynamodb:UpdateItem")(error)),
        }
    }
}
