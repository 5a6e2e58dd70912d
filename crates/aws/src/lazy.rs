//! Clients that are made when they are first needed, and kept.
//!
//! Whoever makes a client reads the list of all partitions and their regions, which each SDK has of its own: a tenth of a
//! function's start. What a function needs in few of its invocations is not part of its start; what it needs each time is made
//! once for all of them.

use std::sync::{Arc, LazyLock};

use crate::SdkConfig;

/// A client that is there when it is used. Its copies are one client.
pub(crate) type Lazy<C> = Arc<LazyLock<C, Box<dyn FnOnce() -> C + Send>>>;

/// A client to be made of a configuration.
pub(crate) fn lazily<C: 'static>(configuration: &SdkConfig, make: fn(&SdkConfig) -> C) -> Lazy<C> {
    let configuration = configuration.clone();
    Arc::new(LazyLock::new(Box::new(move || make(&configuration))))
}
