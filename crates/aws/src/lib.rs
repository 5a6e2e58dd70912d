//! The adapters between Syncline's core and AWS: repository, stacks, table, workflow, templates, errors.
//!
//! The only crate of the product that names `aws-sdk-*`. What to do comes from `syncline-core`; what is here does it, and decides
//! only whether what a call meets is an answer or an error.

pub mod all_stacks;
pub mod clock;
pub mod error;
pub mod fence;
pub mod foreign;
pub mod handover;
pub mod identity;
pub mod installation;
#[cfg(feature = "lambda")]
pub mod lambda;
mod lazy;
pub mod moves;
pub mod repository;
pub mod settings;
pub mod snapshots;
pub mod stacks;
pub mod table;
pub mod templates;
pub mod workflow;

pub use error::Error;

use std::time::Duration;

pub use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

/// How many requests one step has under way at once.
const CONCURRENCY: usize = 16;

/// How often an SDK repeats a request that was throttled or lost. The state machines repeat whole steps beyond that.
const ATTEMPTS: u32 = 5;
/// The longest that an SDK waits between two attempts: where AWS is asked too much, whoever waits long leaves it idle.
const LONGEST_BACKOFF: Duration = Duration::from_secs(4);
/// How long one attempt may take. The SDK itself sets a limit for connecting only, and an answer that is lost on the way would
/// be waited for without end.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

/// The configuration that every client of a person shares: region, credentials and endpoints as AWS's own command finds them.
#[cfg(feature = "native-roots")]
pub async fn configuration() -> SdkConfig {
    aws_config::defaults(aws_config::BehaviorVersion::latest())
        .retry_config(retries())
        .timeout_config(timeouts())
        .load()
        .await
}

/// How every client repeats a request.
fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(ATTEMPTS).with_max_backoff(LONGEST_BACKOFF)
}

/// How long every client waits.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).build()
}

/// Runs futures side by side, so many at a time, and gives their results in order; the first error ends it.
pub fn side_by_side<T, F>(
    at_once: usize,
    futures: impl IntoIterator<Item = F>,
) -> impl Future<Output = Result<Vec<T>, Error>>
where
    F: Future<Output = Result<T, Error>>,
{
    // Collected here, so that what is awaited holds futures and no closure that borrows.
    let futures: Vec<F> = futures.into_iter().collect();
    stream::iter(futures).buffered(at_once).try_collect()
}

/// Runs the requests of one step side by side.
pub(crate) fn in_batches<T, F>(futures: impl IntoIterator<Item = F>) -> impl Future<Output = Result<Vec<T>, Error>>
where
    F: Future<Output = Result<T, Error>>,
{
    side_by_side(CONCURRENCY, futures)
}
