//! Branches: the lease of each, changed by compare and set.

use serde::{Deserialize, Serialize};
use syncline_core::lease::Lease;
use syncline_core::names::{BranchName, RepositoryName};

use super::update::Updated;
use super::{Table, from_item, of_repository, to_value};
use crate::Error;

/// How often a change of a lease is tried again because another one came first.
const ATTEMPTS: u32 = 20;

#[derive(Debug, Default, Serialize, Deserialize)]
struct BranchItem {
    #[serde(default)]
    lease: Lease,
    #[serde(default)]
    version: u64,
}

impl Table {
    /// A branch's lease as it is now; nothing where no sync of the branch was ever asked for.
    pub async fn lease(&self, repository: &RepositoryName, branch: &BranchName) -> Result<Option<Lease>, Error> {
        let (pk, sk) = key(repository, branch);
        Ok(self.get::<BranchItem>(pk, sk).await?.map(|item| item.lease))
    }

    /// The leases of every branch that was ever synced, by the branch's name, as they are now.
    pub async fn leases(&self, repository: &RepositoryName) -> Result<Vec<(BranchName, Lease)>, Error> {
        #[derive(Deserialize)]
        struct Named {
            branch: BranchName,
            #[serde(default)]
            lease: Lease,
        }
        let items = self.partition(of_repository(repository), "BRANCH#").await?;
        items.into_iter().map(|item| from_item(item).map(|Named { branch, lease }| (branch, lease))).collect()
    }

    /// Changes a branch's lease: `change` decides on a copy, and is asked again where another change came first, so it
    /// must depend on nothing but that copy. Gives what it gave, and the lease after it.
    pub async fn change_lease<T>(
        &self,
        repository: &RepositoryName,
        branch: &BranchName,
        change: impl Fn(&mut Lease) -> T,
    ) -> Result<(T, Lease), Error> {
        for _ in 0..ATTEMPTS {
            let BranchItem { lease: before, version } = self.branch_item(repository, branch).await?;
            let mut lease = before.clone();
            let result = change(&mut lease);
            if lease == before {
                return Ok((result, lease));
            }
            let (pk, sk) = key(repository, branch);
            let updated = self
                .update(pk, sk)
                .set("lease", to_value(&lease)?)
                .set("version", to_value(&(version + 1))?)
                .text("branch", branch.as_str())
                .text("repository", repository.as_str())
                .if_absent_or_number("version", version)
                .send()
                .await?;
            if let Updated::Applied(_) = updated {
                return Ok((result, lease));
            }
        }
        Err(Error::Throttled {
            action: "dynamodb:UpdateItem",
            message: format!("the lease of `{branch}` changed {ATTEMPTS} times meanwhile"),
        })
    }

    async fn branch_item(&self, repository: &RepositoryName, branch: &BranchName) -> Result<BranchItem, Error> {
        let (pk, sk) = key(repository, branch);
        Ok(self.get(pk, sk).await?.unwrap_or_default())
    }
}

fn key(repository: &RepositoryName, branch: &BranchName) -> (String, String) {
    (of_repository(repository), format!("BRANCH#{branch}"))
}
