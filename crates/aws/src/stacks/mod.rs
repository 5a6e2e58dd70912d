//! CloudFormation's stacks of one account and region.

mod events;
mod reading;
mod writing;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::Capability;
pub use events::{Described, NewestOperation, ResourceEvent};
pub use reading::Deployed;

use crate::fence::Fence;
use crate::lazy::{Lazy, lazily};
use crate::settings;

/// How long a call behind a fence may take: the fence closes so long before anybody else can have the lease.
const CALL_BEHIND_FENCE: Duration = Duration::from_secs(9);

/// The stacks of one account and region.
#[derive(Clone, Debug)]
pub struct Stacks {
    client: Lazy<Client>,
    /// For what changes a stack.
    writer: Lazy<Client>,
    role: Option<String>,
    capabilities: Vec<Capability>,
    fence: Option<Fence>,
}

impl Stacks {
    /// Reads `CLOUDFORMATION_ROLE_ARN` (the role that CloudFormation works with; where it is not set, the caller's own)
    /// and `CAPABILITIES`.
    pub fn from_environment(configuration: &SdkConfig) -> Self {
        let capabilities = capabilities(&settings::list("CAPABILITIES"));
        Self::new(configuration, settings::optional("CLOUDFORMATION_ROLE_ARN"), capabilities)
    }

    /// Stacks that a person works on with credentials of their own: CloudFormation works with the role that a stack has
    /// already, or else with theirs.
    pub fn by_hand(configuration: &SdkConfig, names: &[String]) -> Self {
        Self::new(configuration, None, capabilities(names))
    }

    /// The stacks of another account or region, which CloudFormation works on with this role.
    pub(crate) fn with(&self, configuration: &SdkConfig, role: Option<String>) -> Self {
        Self::new(configuration, role, self.capabilities.clone())
    }

    fn new(configuration: &SdkConfig, role: Option<String>, capabilities: Vec<Capability>) -> Self {
        let client = lazily(configuration, Client::new);
        Self { writer: client.clone(), client, role, capabilities, fence: None }
    }

    /// The role that CloudFormation works with.
    pub(crate) fn role(&self) -> Option<&str> {
        self.role.as_deref()
    }

    /// The same stacks, none of which is touched while this fence is closed.
    ///
    /// What is sent then is sent once and given up soon: an SDK that repeats a call would not look at the fence again.
    pub fn behind(&self, fence: Fence) -> Self {
        let once = TimeoutConfig::builder().operation_timeout(CALL_BEHIND_FENCE).build();
        let configuration = self.client.config().to_builder();
        let writer = configuration.retry_config(RetryConfig::disabled()).timeout_config(once);
        let writer = Client::from_conf(writer.build());
        Self { fence: Some(fence), writer: Arc::new(LazyLock::new(Box::new(|| writer))), ..self.clone() }
    }
}

fn capabilities(names: &[String]) -> Vec<Capability> {
    names.iter().map(|name| Capability::from(name.as_str())).collect()
}
