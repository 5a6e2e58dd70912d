//! What changes a stack, one call a move, and what its refusals mean.

use aws_sdk_cloudformation::types::{Parameter, Tag};
use syncline_core::deployment::{Operation, Refusal};
use syncline_core::names::StackName;
use syncline_core::stack::{ADDONS_TEMPLATE_URL, StackRequest};

use super::Stacks;
use crate::Error;
use crate::error::from_sdk;
use crate::fence::Fence;
use crate::templates::{Sources, TemplateSource};

/// A call with all that a stack is made from, whether it is created or updated. The SDK's two calls have the same parts and no type
/// in common.
macro_rules! given {
    ($call:expr, $stacks:ident, $request:ident, $sources:ident) => {{
        let (body, url) = body_or_url(&$sources.template);
        $call
            .stack_name($request.stack.as_str())
            .set_template_body(body)
            .set_template_url(url)
            .set_parameters(Some(parameters($request, $sources)))
            .set_tags(Some(tags($request)))
            .set_capabilities(Some($stacks.capabilities.clone()))
            .set_role_arn($stacks.role.clone())
    }};
}

impl Stacks {
    fn may_write(&self) -> Result<(), Error> {
        self.fence.as_ref().map_or(Ok(()), Fence::check)
    }

    /// Begins to create a stack.
    pub async fn create(
        &self,
        request: &StackRequest,
        sources: &Sources,
        operation: &Operation,
    ) -> Result<Result<(), Refusal>, Error> {
        self.may_write()?;
        let call = given!(self.writer.create_stack(), self, request, sources);
        let sent = call.client_request_token(operation.token("create")).send().await;
        accepted(sent.map(|_| ()).map_err(from_sdk("cloudformation:CreateStack")))
    }

    /// Begins to update a stack.
    pub async fn update(
        &self,
        request: &StackRequest,
        sources: &Sources,
        operation: &Operation,
    ) -> Result<Result<(), Refusal>, Error> {
        self.may_write()?;
        let call = given!(self.writer.update_stack(), self, request, sources);
        let sent = call.client_request_token(operation.token("update")).send().await;
        accepted(sent.map(|_| ()).map_err(from_sdk("cloudformation:UpdateStack")))
    }

    /// Begins to delete a stack. Deleting one that is not there is no error.
    pub async fn delete(&self, stack: &StackName, operation: &Operation) -> Result<Result<(), Refusal>, Error> {
        self.may_write()?;
        let sent = self
            .writer
            .delete_stack()
            .stack_name(stack.as_str())
            .set_role_arn(self.role.clone())
            .client_request_token(operation.token("delete"))
            .send()
            .await;
        accepted(sent.map(|_| ()).map_err(from_sdk("cloudformation:DeleteStack")))
    }
}

fn body_or_url(template: &TemplateSource) -> (Option<String>, Option<String>) {
    match template {
        TemplateSource::Body(body) => (Some(body.clone()), None),
        TemplateSource::Url(url) => (None, Some(url.clone())),
    }
}

fn parameters(request: &StackRequest, sources: &Sources) -> Vec<Parameter> {
    let addons = sources.addons.iter().map(|url| (ADDONS_TEMPLATE_URL, url.as_str()));
    request
        .parameters
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .chain(addons)
        .map(|(key, value)| Parameter::builder().parameter_key(key).parameter_value(value).build())
        .collect()
}

fn tags(request: &StackRequest) -> Vec<Tag> {
    request.tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Tells the refusals that the core decides on from errors. CloudFormation has one code, ValidationError, for most
/// of them; its wording is all there is to tell them apart, and every tool goes by it.
fn accepted(sent: Result<(), Error>) -> Result<Result<(), Refusal>, Error> {
    let error = match sent {
        Ok(()) => return Ok(Ok(())),
        Err(error) => error,
    };
    let Error::Refused { code, message, .. } = &error else { return Err(error) };
    match code.as_str() {
        "AlreadyExistsException" => Ok(Err(Refusal::AlreadyExists)),
        // The same request was sent before: its operation is under way or done.
        "TokenAlreadyExistsException" | "OperationInProgressException" => Ok(Err(Refusal::WrongState)),
        "ValidationError" if message.contains("No updates are to be performed") => Ok(Err(Refusal::NoUpdates)),
        "ValidationError" if message.contains("does not exist") && message.contains("Stack") => {
            Ok(Err(Refusal::DoesNotExist))
        }
        "ValidationError"
            if message.contains("_IN_PROGRESS")
                || message.contains("state and can not be")
                || message.contains("state and cannot be") =>
        {
            Ok(Err(Refusal::WrongState))
        }
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: &str, message: &str) -> Result<(), Error> {
        Err(Error::Refused { action: "cloudformation:UpdateStack", code: code.to_owned(), message: message.to_owned() })
    }

    #[test]
    fn cloudformations_refusals_are_told_apart() {
        let cases = [
            ("AlreadyExistsException", "Stack [shop-beta] already exists", Refusal::AlreadyExists),
            ("ValidationError", "No updates are to be performed.", Refusal::NoUpdates),
            ("ValidationError", "Stack [shop-beta] does not exist", Refusal::DoesNotExist),
            (
                "ValidationError",
                "Stack:arn:aws:cloudformation:x:1:stack/shop-beta/2 is in ROLLBACK_COMPLETE state and can not be updated.",
                Refusal::WrongState,
            ),
            (
                "ValidationError",
                "Stack:arn:aws:cloudformation:x:1:stack/shop-beta/2 is in UPDATE_IN_PROGRESS state and can not be updated.",
                Refusal::WrongState,
            ),
            ("TokenAlreadyExistsException", "Token already exists", Refusal::WrongState),
        ];
        for (code, message, expected) in cases {
            assert_eq!(accepted(refused(code, message)).unwrap(), Err(expected), "{message}");
        }
    }

    #[test]
    fn any_other_refusal_is_an_error() {
        for message in ["Template format error: unsupported structure.", "Parameters: [X] do not exist in the template"]
        {
            assert!(accepted(refused("ValidationError", message)).is_err(), "{message}");
        }
    }
}
