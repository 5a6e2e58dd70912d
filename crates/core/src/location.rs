//! Where an environment's stacks are: the account and the region, and the role that works there.
//!
//! What is not said is as it is for Syncline itself. Where that is, this module does not know.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::names::{BranchName, RepositoryName};

/// An account and a region, and the role that works there, as far as they are other than Syncline's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Location {
    /// The account, twelve digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The region: `eu-west-1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The name of the role that is assumed: it begins with [`Location::ROLE`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

impl Location {
    /// The role that is assumed where none is named. Syncline may assume no role whose name begins otherwise.
    pub const ROLE: &str = "syncline";
    /// What the name of CloudFormation's role has besides.
    const SERVICE_ROLE_SUFFIX: &str = "-cloudformation";
    /// The longest name of a role: IAM takes 64 characters, and CloudFormation's role has more than the assumed one.
    ///
    /// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>
    pub const MAX_ROLE_LENGTH: usize = 64 - Self::SERVICE_ROLE_SUFFIX.len();

    /// The same, without what is Syncline's own account or region anyway. In its own account no role is assumed.
    pub fn relative_to(self, account: &str, region: &str) -> Self {
        let account = self.account.filter(|own| own != account);
        let role = self.role.filter(|_| account.is_some());
        Self { account, region: self.region.filter(|own| own != region), role }
    }

    /// Whether it is where Syncline is.
    pub fn is_home(&self) -> bool {
        *self == Self::default()
    }

    /// The account and the region, without who works there.
    pub fn site(&self) -> (Option<&str>, Option<&str>) {
        (self.account.as_deref(), self.region.as_deref())
    }

    /// Whether two are one account and region, so that what a stack exports in one can be imported in the other.
    pub fn is_with(&self, other: &Self) -> bool {
        self.site() == other.site()
    }

    /// The account, given Syncline's own.
    pub fn account_or<'a>(&'a self, home: &'a str) -> &'a str {
        self.account.as_deref().unwrap_or(home)
    }

    /// The region, given Syncline's own.
    pub fn region_or<'a>(&'a self, home: &'a str) -> &'a str {
        self.region.as_deref().unwrap_or(home)
    }

    /// The name of the role to assume from an account; nothing where whoever asks can work there as it is.
    pub fn role_from(&self, account: &str) -> Option<&str> {
        let is_elsewhere = self.account_or(account) != account;
        is_elsewhere.then(|| self.role.as_deref().unwrap_or(Self::ROLE))
    }

    /// The name of the role that CloudFormation works with there: the assumed one's, with `-cloudformation`.
    pub fn service_role(role: &str) -> String {
        format!("{role}{}", Self::SERVICE_ROLE_SUFFIX)
    }

    /// What Syncline says for whom it assumes a role: the role's trust policy so decides which repositories deploy there.
    /// Only `[\w+=,.@:/-]`, at least 2 characters.
    ///
    /// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
    pub fn external_id(repository: &RepositoryName) -> String {
        format!("syncline:{repository}")
    }
}

/// `account 111122223333, eu-west-1`, as far as it is said.
impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.account, &self.region) {
            (Some(account), Some(region)) => write!(formatter, "account {account}, {region}"),
            (Some(account), None) => write!(formatter, "account {account}"),
            (None, Some(region)) => formatter.write_str(region),
            (None, None) => formatter.write_str("Syncline's own account and region"),
        }
    }
}

/// Where those environments of a manifest are that are not where Syncline is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Locations(BTreeMap<String, (Location, Option<BranchName>)>);

impl Locations {
    /// Adds an environment, and the branch that deploys it, where one does.
    pub(crate) fn insert(&mut self, environment: &str, location: Location, branch: Option<BranchName>) {
        if !location.is_home() {
            self.0.insert(environment.to_owned(), (location, branch));
        }
    }

    /// The same, without what is Syncline's own account and region anyway.
    #[must_use]
    pub(crate) fn relative_to(self, account: &str, region: &str) -> Self {
        let mut locations = Self::default();
        for (name, (location, branch)) in self.0 {
            locations.insert(&name, location.relative_to(account, region), branch);
        }
        locations
    }

    /// Whether an environment is in that account, as it is written.
    pub fn has_account(&self, account: &str) -> bool {
        self.0.values().any(|(location, _)| location.account.as_deref() == Some(account))
    }

    /// Where an environment is; nothing where it is where Syncline is.
    pub fn of(&self, environment: &str) -> Option<&Location> {
        self.0.get(environment).map(|(location, _)| location)
    }

    /// Whether a branch deploys an environment, so that whoever pushes there decides on it anyway.
    pub(crate) fn is_deployed_by(&self, environment: &str, branch: &BranchName) -> bool {
        self.0.get(environment).is_some_and(|(_, deployed_by)| deployed_by.as_ref() == Some(branch))
    }

    /// Those that are not deployed by a branch.
    pub(crate) fn not_deployed_by(&self, branch: &BranchName) -> BTreeSet<String> {
        self.0.keys().filter(|name| !self.is_deployed_by(name, branch)).cloned().collect()
    }

    /// The accounts of the environments that are in another one.
    pub fn accounts(&self) -> BTreeMap<String, String> {
        let in_others =
            self.0.iter().filter_map(|(name, (location, _))| Some((name.clone(), location.account.clone()?)));
        in_others.collect()
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(account: Option<&str>, role: Option<&str>) -> Location {
        Location { account: account.map(str::to_owned), region: None, role: role.map(str::to_owned) }
    }

    #[test]
    fn a_role_is_assumed_in_another_account_alone() {
        let home = "111122223333";
        assert_eq!(location(None, None).role_from(home), None);
        assert_eq!(location(Some(home), None).role_from(home), None);
        assert_eq!(location(Some("444455556666"), None).role_from(home), Some("syncline"));
        assert_eq!(location(Some("444455556666"), None).role_from("444455556666"), None, "whoever is there already");
        assert_eq!(location(Some("444455556666"), Some("syncline-prod")).role_from(home), Some("syncline-prod"));
    }

    #[test]
    fn what_is_at_home_however_it_is_written_is_at_home() {
        let home =
            Location { region: Some("us-east-1".to_owned()), ..location(Some("111122223333"), Some("syncline")) };
        assert!(home.clone().relative_to("111122223333", "us-east-1").is_home());
        assert_eq!(home.clone().relative_to("444455556666", "eu-west-1"), home);
        let near = Location { region: Some("eu-west-1".to_owned()), ..Location::default() };
        assert_eq!(near.clone().relative_to("111122223333", "us-east-1"), near);
    }

    #[test]
    fn the_role_of_cloudformation_is_a_role_name() {
        assert_eq!(Location::service_role(&"r".repeat(Location::MAX_ROLE_LENGTH)).len(), 64);
    }
}
