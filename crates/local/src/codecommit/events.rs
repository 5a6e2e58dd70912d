//! The events that CodeCommit puts, and where they go.
//!
//! Their details are those that AWS documents; their source is `local.codecommit`, because nobody but AWS may put events
//! whose source begins with `aws.`. An event never holds up or fails the change that it tells of: it goes through a queue.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail};
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::REGION;

/// The source of every event that is put here.
pub const SOURCE: &str = "local.codecommit";

/// How often an event is put before it is given up; about seven seconds, in which an emulator is restarted.
const ATTEMPTS: u32 = 8;

/// An event as EventBridge takes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// `CodeCommit Repository State Change` or `CodeCommit Pull Request State Change`.
    pub detail_type: &'static str,
    /// The ARN of the repository.
    pub resource: String,
    /// What AWS documents for the detail type.
    pub detail: Value,
}

/// An event on its way.
pub type Delivery<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// Where events go.
pub trait EventSink: Send + Sync + 'static {
    /// Puts one event. What fails is tried again.
    fn put<'a>(&'a self, event: &'a Event) -> Delivery<'a>;
}

/// The default bus of an EventBridge.
#[derive(Debug)]
pub struct EventBridge {
    client: Client,
}

impl EventBridge {
    /// The EventBridge at an address, with the local root key.
    pub fn new(endpoint: &str) -> Self {
        let config = aws_sdk_eventbridge::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(endpoint)
            .credentials_provider(Credentials::new("test", "test", None, None, "syncline-local"))
            .build();
        Self { client: Client::from_conf(config) }
    }
}

impl EventSink for EventBridge {
    fn put<'a>(&'a self, event: &'a Event) -> Delivery<'a> {
        Box::pin(async move {
            let entry = PutEventsRequestEntry::builder()
                .source(SOURCE)
                .detail_type(event.detail_type)
                .resources(&event.resource)
                .detail(event.detail.to_string())
                .build();
            let answer = self.client.put_events().entries(entry).send().await?;
            if answer.failed_entry_count() > 0 {
                bail!("refused: {:?}", answer.entries());
            }
            Ok(())
        })
    }
}

/// Keeps events, for tests that have no EventBridge.
#[derive(Debug, Default)]
pub struct Recorded(Mutex<Vec<Event>>);

impl Recorded {
    /// The events so far, oldest first.
    pub fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl EventSink for Recorded {
    fn put<'a>(&'a self, event: &'a Event) -> Delivery<'a> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Where changes leave their events. They are put one after the other, in this order.
#[derive(Debug, Clone)]
pub(crate) struct Outbox(UnboundedSender<Option<Event>>);

impl Outbox {
    /// The queue, and the work that has to run for it to be emptied.
    pub(crate) fn new(sink: Arc<dyn EventSink>) -> (Self, impl Future<Output = ()> + Send) {
        let (sender, receiver) = unbounded_channel();
        (Self(sender), deliver(receiver, sink))
    }

    pub(crate) fn put(&self, event: Event) {
        // It fails only when the server ends.
        let _ = self.0.send(Some(event));
    }

    /// Ends the work when it has come this far.
    pub(crate) fn close(&self) {
        let _ = self.0.send(None);
    }
}

async fn deliver(mut queue: UnboundedReceiver<Option<Event>>, sink: Arc<dyn EventSink>) {
    while let Some(Some(event)) = queue.recv().await {
        for attempt in 1..=ATTEMPTS {
            match sink.put(&event).await {
                Ok(()) => break,
                Err(error) if attempt == ATTEMPTS => {
                    eprintln!("local CodeCommit: gave up on the event {}: {error:#}", event.detail);
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(100 << (attempt - 1)).min(LONGEST_PAUSE)).await,
            }
        }
    }
}

const LONGEST_PAUSE: Duration = Duration::from_secs(2);
