//! The JSON 1.1 protocol: one POST, the operation in a header, exceptions by name.
//!
//! Each operation is a function from its input to its answer, in the module of what it is about. This one only finds it,
//! runs it where it may block, and records the call. Neither signatures nor permissions are checked.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::calls::Call;
use super::error::{ApiError, Result, refuse};
use super::service::{Service, new_id, now};
use super::{comments, commits, files, merges, pull_requests, references, repositories};

/// Before the operation's name in `X-Amz-Target`.
const TARGET: &str = "CodeCommit_20150413.";

const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

pub(crate) async fn answer(State(service): State<Arc<Service>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let operation = target.strip_prefix(TARGET).unwrap_or_default().to_owned();
    let work = move || {
        let time = now();
        let input = if body.is_empty() { Ok(json!({})) } else { serde_json::from_slice(&body) };
        let (input, result) = match input {
            Ok(input) => (without_contents(&input), run(&service, &operation, input)),
            Err(error) => (Value::Null, refuse("SerializationException", error.to_string())),
        };
        let error = result.as_ref().err().map(|error| error.name.to_owned());
        service.calls.add(Call { operation, time, input, error });
        result
    };
    let result = match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(ApiError::internal(error)),
    };
    let request_id = [("x-amzn-requestid", new_id()), (header::CONTENT_TYPE.as_str(), CONTENT_TYPE.to_owned())];
    match result {
        Ok(answer) => (request_id, answer.to_string()).into_response(),
        Err(error) => {
            let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let body = json!({ "__type": error.name, "message": error.message });
            (status, request_id, [("x-amzn-errortype", error.name)], body.to_string()).into_response()
        }
    }
}

fn run(service: &Service, operation: &str, input: Value) -> Result<Value> {
    match operation {
        "CreateRepository" => with(service, input, repositories::create_repository),
        "GetRepository" => with(service, input, repositories::get_repository),
        "ListRepositories" => with(service, input, repositories::list_repositories),
        "DeleteRepository" => with(service, input, repositories::delete_repository),
        "UpdateDefaultBranch" => with(service, input, references::update_default_branch),
        "GetBranch" => with(service, input, references::get_branch),
        "ListBranches" => with(service, input, references::list_branches),
        "CreateBranch" => with(service, input, references::create_branch),
        "DeleteBranch" => with(service, input, references::delete_branch),
        "GetCommit" => with(service, input, files::get_commit),
        "GetFile" => with(service, input, files::get_file),
        "GetFolder" => with(service, input, files::get_folder),
        "GetBlob" => with(service, input, files::get_blob),
        "GetDifferences" => with(service, input, files::get_differences),
        "PutFile" => with(service, input, commits::put_file),
        "CreateCommit" => with(service, input, commits::create_commit),
        "CreatePullRequest" => with(service, input, pull_requests::create),
        "GetPullRequest" => with(service, input, pull_requests::get),
        "ListPullRequests" => with(service, input, pull_requests::list),
        "UpdatePullRequestTitle" => with(service, input, pull_requests::update_title),
        "UpdatePullRequestDescription" => with(service, input, pull_requests::update_description),
        "UpdatePullRequestStatus" => with(service, input, pull_requests::update_status),
        "DescribePullRequestEvents" => with(service, input, pull_requests::describe_events),
        "MergePullRequestByFastForward" => with(service, input, merges::merge_by_fast_forward),
        "MergePullRequestBySquash" => with(service, input, merges::merge_by_squash),
        "MergePullRequestByThreeWay" => with(service, input, merges::merge_by_three_way),
        "GetMergeConflicts" => with(service, input, merges::get_merge_conflicts),
        "PostCommentForComparedCommit" => with(service, input, comments::post_for_compared_commit),
        "GetCommentsForComparedCommit" => with(service, input, comments::get_for_compared_commit),
        "PostCommentForPullRequest" => with(service, input, comments::post_for_pull_request),
        "GetCommentsForPullRequest" => with(service, input, comments::get_for_pull_request),
        "PostCommentReply" => with(service, input, comments::post_reply),
        "GetComment" => with(service, input, comments::get),
        "UpdateComment" => with(service, input, comments::update),
        other => {
            let message = format!("the local CodeCommit has no operation `{other}`");
            refuse("UnknownOperationException", message)
        }
    }
}

fn with<I: DeserializeOwned>(
    service: &Service,
    input: Value,
    operation: fn(&Service, I) -> Result<Value>,
) -> Result<Value> {
    // A field that is null is a field that is not there.
    let Value::Object(fields) = input else {
        return refuse("SerializationException", "the input is not an object");
    };
    let given = fields.into_iter().filter(|(_, value)| !value.is_null()).collect();
    let input = serde_json::from_value(Value::Object(given));
    operation(service, input.map_err(|error| ApiError::new("SerializationException", error.to_string()))?)
}

/// The input as it is recorded.
fn without_contents(input: &Value) -> Value {
    let mut input = input.clone();
    if let Some(fields) = input.as_object_mut() {
        fields.remove("fileContent");
        fields.remove("putFiles");
    }
    input
}
