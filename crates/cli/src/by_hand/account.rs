//! The AWS account that is worked in by hand, and Syncline in it, where it is installed.

use std::collections::BTreeMap;

use syncline_aws::SdkConfig;
use syncline_aws::identity::{Caller, caller};
use syncline_aws::installation::{Installed, NotFound, installed};
use syncline_aws::stacks::Stacks;
use syncline_aws::table::Table;
use syncline_aws::templates::Templates;
use syncline_aws::workflow::Workflow;
use syncline_core::names::{RepositoryName, StackName, TargetName};
use syncline_core::plan::Known;

use crate::arguments::{DEFAULT_STACK, Hand, Place};
use crate::failure::Failure;

/// The account, with the adapters for it.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    /// Whose credentials these are.
    pub(crate) caller: Caller,
    /// The region.
    pub(crate) region: String,
    /// CloudFormation.
    pub(crate) stacks: Stacks,
    /// Where long templates go.
    pub(crate) templates: Templates,
    /// Syncline, where it is installed here.
    pub(crate) syncline: Option<Syncline>,
}

/// An installation, for what is done by hand.
#[derive(Clone, Debug)]
pub(crate) struct Syncline {
    /// Its table.
    pub(crate) table: Table,
    /// Its state machines.
    pub(crate) workflow: Workflow,
}

impl Account {
    /// Asks whose credentials these are, and whether Syncline is installed.
    ///
    /// Errors: another account was named.
    pub(crate) async fn open(hand: &Hand, place: &Place) -> Result<Self, Failure> {
        let configuration = syncline_aws::configuration().await;
        let Some(region) = configuration.region().map(ToString::to_string) else {
            return Err(NotFound::NoRegion.into());
        };
        let stack = StackName::new(&hand.stack);
        let (caller, found) = tokio::join!(caller(&configuration), installed(&configuration, &stack));
        let caller = caller?;
        if let Some(account) = place.account.as_ref().filter(|account| **account != caller.account) {
            let error = format!("these credentials are of account {}, not of {account}", caller.account);
            return Err(Failure::usage(error, "choose others, AWS_PROFILE say, or leave out `--account`"));
        }
        let found = match found {
            Ok(found) => Some(found),
            // Without Syncline there is no history; a stack that was named is meant to be there.
            Err(NotFound::NoStack { .. }) if hand.stack == DEFAULT_STACK => None,
            Err(error) => return Err(error.into()),
        };
        let bucket = hand.s3_bucket.clone().or_else(|| found.as_ref().map(|found| found.template_bucket.clone()));
        Ok(Self {
            caller,
            region,
            stacks: Stacks::by_hand(&configuration, &hand.capabilities),
            templates: Templates::new(&configuration, bucket),
            syncline: found.map(|found| Syncline::new(&configuration, found)),
        })
    }

    /// What the syncs before left behind, where there is a history.
    pub(crate) async fn known(
        &self,
        repository: &RepositoryName,
    ) -> Result<BTreeMap<TargetName, Known>, syncline_aws::Error> {
        let Some(syncline) = &self.syncline else { return Ok(BTreeMap::new()) };
        let heads = syncline.table.heads(repository).await?;
        Ok(heads.into_iter().map(|head| (head.target.clone(), head.known())).collect())
    }
}

impl Syncline {
    fn new(configuration: &SdkConfig, found: Installed) -> Self {
        Self {
            table: Table::new(configuration, found.table, found.retention_days),
            workflow: Workflow::by_hand(configuration, found.sync_machine),
        }
    }
}
