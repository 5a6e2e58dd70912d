//! What people do by hand to the course of syncs: hold, let go on, accept what somebody changed. Each is kept as it stands, and
//! as something that happened.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};
use syncline_core::hold::{Held, Hold};
use syncline_core::names::{RepositoryName, TargetName};

use super::update::Updated;
use super::{Item, Table, from_item, heads, of_repository, to_item, to_value};
use crate::{Error, clock};

/// What somebody did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Action {
    /// Held something.
    Pause,
    /// Let it go on.
    Resume,
    /// Accepted what was changed by hand.
    Resolve,
}

/// Something that somebody did by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intervention {
    /// What.
    pub action: Action,
    /// To what.
    pub what: Held,
    /// The ARN of whoever did it.
    pub by: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When, in RFC 3339.
    pub at: String,
}

#[derive(Deserialize)]
struct HoldItem {
    #[serde(flatten)]
    hold: Hold,
    is_held: bool,
}

impl Table {
    /// What is held in a repository now.
    pub async fn holds(&self, repository: &RepositoryName) -> Result<Vec<Hold>, Error> {
        held(self.partition(of_repository(repository), "HOLD#").await?)
    }

    /// Holds something, from now on.
    pub async fn pause(&self, repository: &RepositoryName, done: &Intervention) -> Result<(), Error> {
        self.record(repository, done).await?;
        let Intervention { what, by, reason, at, .. } = done;
        let (pk, sk) = key(repository, what);
        let update = self
            .update(pk, sk)
            .set("what", to_value(what)?)
            .text("by", by)
            .text("reason", reason.as_deref().unwrap_or_default())
            .text("at", at)
            .set("is_held", AttributeValue::Bool(true));
        update.send().await.map(|_| ())
    }

    /// Lets something go on that was held.
    pub async fn resume(&self, repository: &RepositoryName, done: &Intervention) -> Result<(), Error> {
        let (pk, sk) = key(repository, &done.what);
        let update = self.update(pk, sk);
        update.set("is_held", AttributeValue::Bool(false)).if_exists().send().await?;
        self.record(repository, done).await
    }

    /// Accepts a change that somebody made to a target's stack, by its id: the next sync takes over from it. Gives whether
    /// there is such a target.
    pub async fn resolve(
        &self,
        repository: &RepositoryName,
        target: &TargetName,
        change: &str,
        done: &Intervention,
    ) -> Result<bool, Error> {
        let (pk, sk) = heads::key(repository, target);
        let Updated::Applied(_) = self.update(pk, sk).text("accepted", change).if_exists().send().await? else {
            return Ok(false);
        };
        self.record(repository, done).await?;
        Ok(true)
    }

    /// What was done by hand in a repository, newest first.
    pub async fn interventions(&self, repository: &RepositoryName) -> Result<Vec<Intervention>, Error> {
        let items = self.partition(of_repository(repository), "INTERVENTION#").await?;
        items.into_iter().rev().map(from_item).collect()
    }

    async fn record(&self, repository: &RepositoryName, done: &Intervention) -> Result<(), Error> {
        let mut item = to_item(done)?;
        let id = clock::sync_id_after(None);
        item.insert("pk".to_owned(), AttributeValue::S(of_repository(repository)));
        item.insert("sk".to_owned(), AttributeValue::S(format!("INTERVENTION#{id}")));
        item.insert("expires_at".to_owned(), AttributeValue::N(self.expires_at().to_string()));
        self.put(item).await
    }
}

/// What items say is held.
pub(super) fn held(items: impl IntoIterator<Item = Item>) -> Result<Vec<Hold>, Error> {
    let items: Vec<HoldItem> = items.into_iter().map(from_item).collect::<Result<_, _>>()?;
    Ok(items.into_iter().filter(|item| item.is_held).map(|item| item.hold).collect())
}

/// Where it is said that something is held.
pub(super) fn key(repository: &RepositoryName, what: &Held) -> (String, String) {
    let sk = match what {
        Held::Everything => "HOLD#EVERYTHING".to_owned(),
        Held::Branch(branch) => format!("HOLD#BRANCH#{branch}"),
        Held::Target(target) => format!("HOLD#TARGET#{target}"),
    };
    (of_repository(repository), sk)
}
