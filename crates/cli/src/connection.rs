//! The way to Syncline's table, from what was typed and what its own stack says, and to CloudFormation.

use syncline_aws::all_stacks::AllStacks;
use syncline_aws::identity::caller;
use syncline_aws::table::Table;
use syncline_aws::{configuration, installation};
use syncline_core::names::StackName;

use crate::arguments::Installation;
use crate::failure::Failure;

/// The history is kept as long as the installation says; a command that only reads never sets that time.
const NO_RETENTION: u64 = 0;

/// CloudFormation, here and wherever environments are.
pub(crate) async fn stacks() -> Result<AllStacks, Failure> {
    let configuration = configuration().await;
    if configuration.region().is_none() {
        return Err(installation::NotFound::NoRegion.into());
    }
    let caller = caller(&configuration).await?;
    Ok(AllStacks::by_hand(&configuration, &caller, &[]))
}

/// Syncline's table. A name that was typed is taken at its word, and saves asking CloudFormation.
pub(crate) async fn table(installation: &Installation) -> Result<Table, Failure> {
    let configuration = configuration().await;
    if configuration.region().is_none() {
        return Err(installation::NotFound::NoRegion.into());
    }
    let name = match installation.table.as_ref().filter(|name| !name.is_empty()) {
        Some(name) => name.clone(),
        None => installation::table_name(&configuration, &StackName::new(&installation.stack)).await?,
    };
    Ok(Table::new(&configuration, name, NO_RETENTION))
}

/// Syncline's table, to write to: its stack says how long the history is kept.
pub(crate) async fn table_to_write(installation: &Installation) -> Result<Table, Failure> {
    let configuration = configuration().await;
    let found = installation::installed(&configuration, &StackName::new(&installation.stack)).await?;
    let name = installation.table.clone().filter(|name| !name.is_empty()).unwrap_or(found.table);
    Ok(Table::new(&configuration, name, found.retention_days))
}
