//! Who calls AWS: the account and the name that the history gives whoever deploys by hand.

use aws_config::SdkConfig;
use aws_sdk_sts::Client;

use crate::Error;
use crate::error::from_sdk;

/// Whose credentials these are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account, twelve digits.
    pub account: String,
    /// The ARN of the user or the assumed role.
    pub arn: String,
}

/// Asks AWS whose credentials these are. It takes no permission.
pub async fn caller(configuration: &SdkConfig) -> Result<Caller, Error> {
    let told = Client::new(configuration).get_caller_identity().send().await;
    let told = told.map_err(from_sdk("sts:GetCallerIdentity"))?;
    Ok(Caller { account: told.account.unwrap_or_default(), arn: told.arn.unwrap_or_default() })
}
