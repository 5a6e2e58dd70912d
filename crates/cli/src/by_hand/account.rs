//! The AWS account that is worked in by hand, and Syncline in it, where it is installed.

use std::collections::{BTreeMap, BTreeSet};

use syncline_aws::SdkConfig;
use syncline_aws::all_stacks::AllStacks;
use syncline_aws::identity::{Caller, caller};
use syncline_aws::installation::{Installed, NotFound, installed};
use syncline_aws::table::Table;
use syncline_aws::templates::Templates;
use syncline_aws::workflow::Workflow;
use syncline_core::hold::{Hold, holding};
use syncline_core::location::Location;
use syncline_core::manifest::Manifest;
use syncline_core::names::{BranchName, RepositoryName, StackName, TargetName};
use syncline_core::plan::Known;

use crate::arguments::{DEFAULT_STACK, Hand, Place};
use crate::failure::Failure;
use crate::reading::Reading;

/// How many stacks are looked at side by side.
pub(crate) const CONCURRENCY: usize = 8;

/// The account, with the adapters for it.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    /// Whose credentials these are.
    pub(crate) caller: Caller,
    /// The region.
    pub(crate) region: String,
    /// CloudFormation, here and wherever environments are.
    pub(crate) stacks: AllStacks,
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
            stacks: AllStacks::by_hand(&configuration, &caller, &hand.capabilities),
            caller,
            region,
            templates: Templates::new(&configuration, bucket),
            syncline: found.map(|found| Syncline::new(&configuration, found)),
        })
    }

    /// Errors: Syncline keeps a history here, and nobody said of which repository.
    pub(crate) fn check_repository(&self, reading: &Reading) -> Result<(), Failure> {
        if self.syncline.is_none() || reading.is_repository_known {
            return Ok(());
        }
        let error = "Syncline is installed here, and it is not known which repository these files are of: there is no Git remote `origin` that is a CodeCommit repository";
        Err(Failure::usage(
            error,
            "name the connected repository with `-r NAME`: its lease is taken and its history written",
        ))
    }

    /// The manifest, in which nothing is elsewhere that is here.
    ///
    /// Errors: these credentials are of an account that environments are in, and Syncline is not here: what the manifest puts
    /// nowhere is in the account that Syncline is in.
    pub(crate) fn locate(&self, manifest: Manifest) -> Result<Manifest, Failure> {
        let account = &self.caller.account;
        if self.syncline.is_none() && manifest.locations.has_account(account) {
            let error = format!(
                "these credentials are of account {account}, which the manifest has as another one than Syncline's own"
            );
            let help = "use credentials of Syncline's account: with them it works in this one as its role there";
            return Err(Failure::usage(error, help));
        }
        Ok(manifest.relative_to(account, &self.region))
    }

    /// `account 111122223333, us-east-1`.
    pub(crate) fn place(&self) -> String {
        self.stacks.place(&Location::default())
    }

    /// Where some stacks are, each place once: `account 111122223333, us-east-1 and account 444455556666, eu-west-1`.
    pub(crate) fn places<'l>(&self, locations: impl Iterator<Item = &'l Location>) -> String {
        let places: BTreeSet<String> = locations.map(|location| self.stacks.place(location)).collect();
        places.into_iter().collect::<Vec<_>>().join(" and ")
    }

    /// In which account and as whom it works, what is on record of it, and from which files.
    pub(crate) fn where_it_works(&self, reading: &Reading, branches: &[&BranchName]) -> String {
        let mut lines = vec![format!("○ {}, as {}", self.place(), self.caller.arn)];
        match &self.syncline {
            Some(_) => {
                lines.push(format!("○ on record as repository {}", reading.repository));
                lines.extend(reading.other_origin().map(|origin| {
                    format!(
                        "! the Git remote `origin` here is repository {origin}: pushes of that do not wait for this"
                    )
                }));
            }
            None => lines
                .push("○ Syncline is not installed there: no history is kept, and no push waits for this".to_owned()),
        }
        for branch in branches {
            let checked_out = reading.checked_out().filter(|here| here != *branch && reading.commit(branch).is_none());
            if let Some(here) = checked_out {
                lines.push(format!("! the files are those of `{here}`, which is checked out, not of `{branch}`"));
            }
        }
        if !branches.is_empty() && !reading.is_in_git() {
            lines.push("! the files are in no Git repository: no commit says what they were".to_owned());
        } else if branches.iter().any(|branch| reading.has_changes(branch)) {
            lines.push("! the files have changes that are not committed".to_owned());
        }
        lines.join("\n")
    }

    /// Errors: one of these targets is paused.
    pub(crate) async fn check_paused<'t>(
        &self,
        repository: &RepositoryName,
        targets: impl Iterator<Item = (&'t BranchName, &'t TargetName)>,
    ) -> Result<(), Failure> {
        let Some(syncline) = &self.syncline else { return Ok(()) };
        let holds = syncline.table.holds(repository).await?;
        for (branch, target) in targets {
            if let Some(hold) = holding(&holds, branch, target) {
                let Hold { what, by, reason, at } = hold;
                let error = format!("`{target}` is not to be worked on: {what} was paused by {by} at {at}: {reason}");
                return Err(Failure::new(error, format!("`{}` lets it go on", what.resume_command())));
            }
        }
        Ok(())
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
