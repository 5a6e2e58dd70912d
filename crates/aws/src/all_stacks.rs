//! The stacks of every account and region that a sync works in: those where Syncline is, and those of environments that
//! are elsewhere, as the role that the manifest names there.

use std::collections::HashMap;
use std::error::Error as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_config::sts::AssumeRoleProvider;
use aws_config::{Region, SdkConfig};
use aws_sdk_cloudformation::config::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use syncline_core::location::Location;
use syncline_core::names::{RepositoryName, StackName};

use crate::error::{ServiceError, not_assumed};
use crate::fence::Fence;
use crate::identity::Caller;
use crate::stacks::Stacks;
use crate::{Error, settings};

/// The longest name of a session that STS takes, in characters.
///
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
const MAX_SESSION_NAME: usize = 64;

/// Where whoever works is.
#[derive(Clone, Debug)]
struct Home {
    partition: String,
    region: String,
    account: String,
}

/// The stacks of all accounts and regions. Its copies share the sessions that were begun.
#[derive(Clone, Debug)]
pub struct AllStacks {
    /// Those where whoever works is.
    pub home: Stacks,
    at_home: Home,
    configuration: SdkConfig,
    fence: Option<Fence>,
    elsewhere: Arc<Mutex<HashMap<(Location, RepositoryName), Stacks>>>,
}

impl AllStacks {
    /// Reads `STACK_ARNS`, what the ARNs of stacks begin with where Syncline is, and what [`Stacks::from_environment`] reads.
    pub fn from_environment(configuration: &SdkConfig) -> Result<Self, Error> {
        let arns = settings::required("STACK_ARNS")?;
        let parts: Vec<&str> = arns.split(':').collect();
        let [_, partition, _, region, account, _] = parts[..] else {
            let problem = "is not `arn:<partition>:cloudformation:<region>:<account>:stack/`".to_owned();
            return Err(Error::Misconfigured { variable: "STACK_ARNS", problem });
        };
        let at_home = Home { partition: partition.to_owned(), region: region.to_owned(), account: account.to_owned() };
        Ok(Self::new(configuration, Stacks::from_environment(configuration), at_home))
    }

    /// Those that a person works on with credentials of their own: in their account as they are, in others as Syncline's role.
    pub fn by_hand(configuration: &SdkConfig, caller: &Caller, capabilities: &[String]) -> Self {
        let at_home = Home {
            partition: caller.arn.split(':').nth(1).unwrap_or("aws").to_owned(),
            region: configuration.region().map(ToString::to_string).unwrap_or_default(),
            account: caller.account.clone(),
        };
        Self::new(configuration, Stacks::by_hand(configuration, capabilities), at_home)
    }

    fn new(configuration: &SdkConfig, home: Stacks, at_home: Home) -> Self {
        let configuration = configuration.clone();
        Self { home, at_home, configuration, fence: None, elsewhere: Arc::default() }
    }

    /// The same stacks, none of which is touched while this fence is closed.
    pub fn behind(&self, fence: Fence) -> Self {
        Self { home: self.home.behind(fence.clone()), fence: Some(fence), elsewhere: Arc::default(), ..self.clone() }
    }

    /// The ARN of a stack without its unique id: `arn:aws:cloudformation:<region>:<account>:stack/<name>`.
    pub fn arn(&self, location: &Location, stack: &StackName) -> String {
        let Home { partition, region, account } = &self.at_home;
        let (region, account) = (location.region_or(region), location.account_or(account));
        format!("arn:{partition}:cloudformation:{region}:{account}:stack/{stack}")
    }

    /// Where a location is: `account 111122223333, us-east-1`.
    pub fn place(&self, location: &Location) -> String {
        let Home { region, account, .. } = &self.at_home;
        format!("account {}, {}", location.account_or(account), location.region_or(region))
    }

    /// Whether no role is assumed to work there.
    pub fn needs_no_role(&self, location: &Location) -> bool {
        self.role(location).is_none()
    }

    /// The stacks of a location, as a repository may work on them.
    ///
    /// Errors: [`Error::Denied`] where the role cannot be assumed.
    pub async fn at(&self, location: &Location, repository: &RepositoryName) -> Result<Stacks, Error> {
        if location.is_home() {
            return Ok(self.home.clone());
        }
        let key = (location.clone(), repository.clone());
        if let Some(known) = self.elsewhere().get(&key) {
            return Ok(known.clone());
        }
        let region = Region::new(location.region_or(&self.at_home.region).to_owned());
        let there = self.configuration.to_builder().region(region);
        let stacks = match self.role(location) {
            None => self.home.with(&there.build(), self.home.role().map(str::to_owned)),
            Some(role) => {
                let session = self.session(location, role, repository).await?;
                let service_role = self.role_arn(location, &Location::service_role(role));
                self.home.with(&there.credentials_provider(session).build(), Some(service_role))
            }
        };
        let stacks = match &self.fence {
            Some(fence) => stacks.behind(fence.clone()),
            None => stacks,
        };
        self.elsewhere().insert(key, stacks.clone());
        Ok(stacks)
    }

    /// The credentials of a role. They are asked for at once, so that a refusal is told as what it is, and anew when they expire.
    async fn session(
        &self,
        location: &Location,
        role: &str,
        repository: &RepositoryName,
    ) -> Result<SharedCredentialsProvider, Error> {
        let arn = self.role_arn(location, role);
        let session_name: String = format!("syncline-{repository}").chars().take(MAX_SESSION_NAME).collect();
        let provider = AssumeRoleProvider::builder(&arn)
            .external_id(Location::external_id(repository))
            .session_name(session_name)
            .configure(&self.configuration)
            .build()
            .await;
        match provider.provide_credentials().await {
            Ok(_) => Ok(SharedCredentialsProvider::new(provider)),
            Err(error) => Err(refusal(error.source())),
        }
    }

    fn role<'l>(&self, location: &'l Location) -> Option<&'l str> {
        location.role_from(&self.at_home.account)
    }

    fn role_arn(&self, location: &Location, role: &str) -> String {
        let Home { partition, account, .. } = &self.at_home;
        format!("arn:{partition}:iam::{}:role/{role}", location.account_or(account))
    }

    fn elsewhere(&self) -> MutexGuard<'_, HashMap<(Location, RepositoryName), Stacks>> {
        self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why there are no credentials.
fn refusal(source: Option<&(dyn std::error::Error + 'static)>) -> Error {
    match source.and_then(|source| source.downcast_ref::<ServiceError<AssumeRoleError>>()) {
        Some(refused) => not_assumed(refused),
        None => Error::Unavailable {
            action: "sts:AssumeRole",
            message: source.map_or_else(|| "no answer".to_owned(), ToString::to_string),
        },
    }
}
