//! [`CodeCommit`]: the server, on a thread and a runtime of its own.
//!
//! Its own, because whoever starts it may be a test whose runtime ends before the other tests that use it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::extract::{DefaultBodyLimit, State};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::calls::Call;
use super::events::{EventSink, Outbox};
use super::service::Service;
use super::{api, smart_http};

/// How long events that are still under way are waited for at the end.
const LAST_EVENTS: Duration = Duration::from_millis(500);

/// The largest request of the API: a commit of files at their limit, in base64.
const LARGEST_REQUEST: usize = 64 * 1024 * 1024;

/// A running CodeCommit. Dropping it stops it; the repositories stay.
#[derive(Debug)]
pub struct CodeCommit {
    service: Arc<Service>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl CodeCommit {
    /// Serves the repositories of a folder on 127.0.0.1, at a free port if none is given, and puts events into a sink.
    pub fn start(data: &Path, port: Option<u16>, sink: Arc<dyn EventSink>) -> Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap_or(0)));
        // Bound before the runtime sees it: its `block_on` is not allowed on a caller that is asynchronous itself.
        let listener = StdListener::bind(address).with_context(|| format!("failed to listen at `{address}`"))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (outbox, delivery) = Outbox::new(sink);
        let service = Arc::new(Service::open(data, address.to_string(), outbox)?);
        let router = router(service.clone());
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("codecommit")
            .enable_all()
            .build()
            .context("failed to start a runtime")?;
        let thread = std::thread::Builder::new().name("codecommit".to_owned()).spawn(move || {
            let delivery = runtime.spawn(delivery);
            runtime.block_on(async {
                match TcpListener::from_std(listener) {
                    Ok(listener) => tokio::select! {
                        // It never ends by itself.
                        _ = axum::serve(listener, router) => {}
                        _ = stopped => {}
                    },
                    Err(error) => eprintln!("local CodeCommit: {error}"),
                }
                // Open connections are not waited for.
                let _ = tokio::time::timeout(LAST_EVENTS, delivery).await;
            });
            runtime.shutdown_timeout(LAST_EVENTS);
        })?;
        Ok(Self { service, stop: Some(stop), thread: Some(thread) })
    }

    /// The address of the API.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.service.address)
    }

    /// What `git clone` takes.
    pub fn clone_url(&self, repository: &str) -> String {
        self.service.clone_url(repository)
    }

    /// Every call of the API so far, oldest first.
    pub fn calls(&self) -> Vec<Call> {
        self.service.calls.all()
    }

    /// Stops it; it does not answer any more when this returns.
    pub fn stop(self) {}
}

impl Drop for CodeCommit {
    fn drop(&mut self) {
        self.service.outbox.close();
        if let Some(stop) = self.stop.take() {
            // It may have ended already.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/", post(api::answer).layer(DefaultBodyLimit::max(LARGEST_REQUEST)))
        .route("/v1/repos/{name}/{*rest}", any(smart_http::answer))
        .route("/_local/calls", get(calls))
        .with_state(service)
}

async fn calls(State(service): State<Arc<Service>>) -> Json<Vec<Call>> {
    Json(service.calls.all())
}
