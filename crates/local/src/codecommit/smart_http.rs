//! `git clone`, `fetch` and `push` over HTTP, by `git http-backend`, at `/v1/repos/<name>`.
//!
//! Everybody may read and write. A push is compared with what was there before, under the repository's lock, and what it
//! changed is published; the rest passes through untouched.

use std::process::Stdio;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdout, Command};
use tokio_util::io::ReaderStream;

use super::error::ApiError;
use super::git::{Git, environment};
use super::names::RepositoryName;
use super::references::{changes, published};
use super::service::Service;

/// What is asked of `git http-backend`.
struct Request {
    method: Method,
    query: String,
    headers: HeaderMap,
    /// The part behind the repository's name.
    service: String,
    body: Body,
}

pub(crate) async fn answer(
    State(service): State<Arc<Service>>,
    Path((repository, rest)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    method: Method,
    headers: HeaderMap,
    body: Body,
) -> Response {
    if !matches!(rest.as_str(), "info/refs" | "git-upload-pack" | "git-receive-pack") {
        return (StatusCode::NOT_FOUND, "not a service of Git's smart HTTP").into_response();
    }
    let repository = repository.strip_suffix(".git").unwrap_or(&repository);
    let (name, git) = match service.repository(repository) {
        Ok(found) => found,
        Err(error) => return (StatusCode::NOT_FOUND, error.message).into_response(),
    };
    let request = Request { method, query: query.unwrap_or_default(), headers, service: rest, body };
    let answer = if request.service == "git-receive-pack" {
        push(service, name, git, request).await
    } else {
        run(&service, &name, request).await
    };
    answer.unwrap_or_else(|error| {
        let message = format!("the local CodeCommit failed: {}", error.message);
        (StatusCode::INTERNAL_SERVER_ERROR, message).into_response()
    })
}

/// A push: one at a time, answered when it has ended, published before the next one begins.
async fn push(service: Arc<Service>, name: RepositoryName, git: Git, request: Request) -> Result<Response, ApiError> {
    // A task of its own, so that a client that hangs up does not take the publishing with it.
    let task = tokio::spawn(async move {
        let _lock = service.lock_soon(&name).await;
        let before = blocking({
            let git = git.clone();
            move || Ok(git.references()?)
        })
        .await?;
        let (parts, body) = run(&service, &name, request).await?.into_parts();
        // The report of what was accepted: a line a reference. When it has ended, so has the push.
        let report = to_bytes(body, usize::MAX).await.map_err(ApiError::internal)?;
        blocking(move || {
            let after = git.references()?;
            published(&service, &name, &git, &changes(&before, &after))
        })
        .await?;
        Ok(Response::from_parts(parts, Body::from(report)))
    });
    task.await.map_err(ApiError::internal)?
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.map_err(ApiError::internal)?
}

/// Runs `git http-backend` and passes its answer on as it comes.
async fn run(service: &Service, name: &RepositoryName, request: Request) -> Result<Response, ApiError> {
    let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut command = Command::new("git");
    command
        .arg("http-backend")
        .env_clear()
        .envs(environment())
        .env("GIT_PROJECT_ROOT", service.repositories_folder())
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", format!("/{}.git/{}", name.as_str(), request.service))
        .env("REQUEST_METHOD", request.method.as_str())
        .env("QUERY_STRING", &request.query)
        .env("CONTENT_TYPE", header("content-type"))
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"))
        .env("REMOTE_ADDR", "127.0.0.1")
        // A user, whoever it is, is what allows a push.
        .env("REMOTE_USER", "local");
    let length = header("content-length");
    if !length.is_empty() {
        command.env("CONTENT_LENGTH", length);
    }
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn()?;
    let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(ApiError::internal("git http-backend has no pipes"));
    };
    let mut body = request.body;
    tokio::spawn(async move {
        while let Some(Ok(frame)) = body.frame().await {
            let Ok(data) = frame.into_data() else { continue };
            // Git may hang up first; what it has to say about that comes out of its other end.
            if stdin.write_all(&data).await.is_err() {
                return;
            }
        }
    });
    let mut stdout = BufReader::new(stdout);
    let (status, headers) = head(&mut stdout).await?;
    // It ends with its output, read to the end or not; somebody has to take note of that.
    tokio::spawn(async move { child.wait().await });
    Ok((status, headers, Body::from_stream(ReaderStream::new(stdout))).into_response())
}

/// The header lines before the answer. A status is given only where it is not 200.
async fn head(stdout: &mut BufReader<ChildStdout>) -> Result<(StatusCode, HeaderMap), ApiError> {
    let mut status = StatusCode::OK;
    let mut headers = HeaderMap::new();
    loop {
        let mut line = String::new();
        if stdout.read_line(&mut line).await? == 0 {
            return Err(ApiError::internal("git http-backend gave no answer"));
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            return Ok((status, headers));
        };
        if name.eq_ignore_ascii_case("status") {
            let code = value.split(' ').next().and_then(|code| code.parse().ok());
            status = code.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        } else if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            headers.insert(name, value);
        }
    }
}
