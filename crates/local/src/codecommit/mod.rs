//! A CodeCommit over real Git: the JSON 1.1 API that the SDKs and the AWS CLI speak, and `git clone` and `git push` over
//! HTTP, on one port.
//!
//! A stand-in for trying and testing. It checks no signatures, no IAM and no encryption keys, knows one account and one
//! region, and has no approval rules, reactions, triggers or file-by-file merges. What it does have behaves as CodeCommit
//! does, down to the names of the errors, and every change puts the event that CodeCommit would put.
//!
//! ```text
//! POST /                                  api ─► operations/* ─► git, store ─► events ─► EventBridge
//! GET, POST /v1/repos/<name>/…            smart_http ─► git http-backend ─► references before and after ─► events
//! GET /_local/calls                       calls
//! ```

mod api;
pub mod calls;
mod comments;
mod commits;
mod error;
pub mod events;
mod files;
mod git;
mod merges;
mod names;
mod pull_request_state;
mod pull_requests;
mod references;
mod repositories;
pub mod server;
mod service;
mod smart_http;
mod store;
