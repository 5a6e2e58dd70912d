//! `syncline pause`, `resume` and `resolve`: what people do by hand to the course of syncs. Each is in the history.

use serde::Serialize;
use syncline_aws::foreign::ForeignChange;
use syncline_aws::identity::caller;
use syncline_aws::table::{Intervention, InterventionAction};
use syncline_aws::{clock, configuration};
use syncline_core::hold::Held;
use syncline_core::names::{BranchName, RepositoryName, TargetName};
use syncline_core::status::TargetStatus;

use super::Reader;
use crate::answer::Answer;
use crate::arguments::{Global, Output, Pause, Resolve, Resume, What};
use crate::connection;
use crate::draw::{PUSH_NOTHING, listed, one_of};
use crate::failure::Failure;
use crate::paint::Paint;

/// What was done.
#[derive(Serialize)]
struct Done<'d> {
    repository: &'d RepositoryName,
    #[serde(flatten)]
    intervention: &'d Intervention,
}

pub(super) async fn pause(global: &Global, pause: &Pause) -> Result<Answer, Failure> {
    let (reader, what) = open(&pause.what).await?;
    check_known(&reader, &what).await?;
    let done = intervention(InterventionAction::Pause, what, Some(pause.reason.clone())).await?;
    reader.table.pause(&reader.repository, &done).await?;
    let resume = done.what.resume_command();
    let aside = format!("○ what has begun goes on; nothing else that it covers is begun until `{resume}`");
    Ok(Answer { aside, ..answer(global, &reader, &done, "paused")? })
}

pub(super) async fn resume(global: &Global, resume: &Resume) -> Result<Answer, Failure> {
    let (reader, what) = open(&resume.what).await?;
    let held = reader.table.holds(&reader.repository).await?;
    if !held.iter().any(|hold| hold.what == what) {
        let help = match held.as_slice() {
            [] => "nothing is".to_owned(),
            held => {
                format!("what is: {}", held.iter().map(|hold| hold.what.to_string()).collect::<Vec<_>>().join(", "))
            }
        };
        return Err(Failure::usage(format!("{what} is not paused"), help));
    }
    let done = intervention(InterventionAction::Resume, what, resume.reason.clone()).await?;
    reader.table.resume(&reader.repository, &done).await?;
    let aside = "○ the next sync goes on with what was held".to_owned();
    Ok(Answer { aside, follow_ups: next_sync(), ..answer(global, &reader, &done, "goes on")? })
}

pub(super) async fn resolve(global: &Global, resolve: &Resolve) -> Result<Answer, Failure> {
    let reader = Reader::open_to_write(&resolve.installation, &resolve.connected).await?;
    let target = TargetName::new(resolve.target.as_str());
    let heads = reader.table.heads(&reader.repository).await?;
    let Some(head) = heads.iter().find(|head| head.target == target) else {
        let known: Vec<&str> = heads.iter().map(|head| head.target.as_str()).collect();
        return Err(Failure::usage(format!("there is no target `{target}`"), one_of(&resolve.target, known)));
    };
    let stacks = connection::stacks().await?.at(&head.location, &reader.repository).await?;
    let change = ForeignChange::newest(&stacks, &reader.table, &reader.repository, &head.stack).await?;
    let Some(change) = change.filter(|change| head.accepted.as_ref() != Some(&change.operation.id)) else {
        let held = reader.table.holds(&reader.repository).await?;
        let covers: Vec<String> = held
            .iter()
            .filter(|hold| hold.what.covers(&head.branch, &target))
            .map(|hold| hold.what.resume_command())
            .collect();
        let help = match (head.status, covers.as_slice()) {
            (TargetStatus::Blocked, [_, ..]) => {
                format!("it is paused; to let it go on: {}", listed(covers))
            }
            (TargetStatus::Blocked, []) => format!("the next sync goes on with it: `{PUSH_NOTHING}` starts one"),
            (status, _) => format!("it is {status}"),
        };
        return Err(Failure::usage(format!("nobody changed stack {} by hand since its last sync", head.stack), help));
    };
    // What nobody was told of is not accepted with what they were told of.
    if head.blocked_by.as_ref().is_some_and(|told| *told != change.operation.id) {
        let error = format!("stack {} was changed once more since `{target}` was blocked", head.stack);
        return Err(Failure::new(error, "look at it, and push again: then the sync says what it was"));
    }
    let done =
        intervention(InterventionAction::Resolve, Held::Target(target.clone()), Some(resolve.reason.clone())).await?;
    if !reader.table.resolve(&reader.repository, &target, &change.operation.id, &done).await? {
        return Err(Failure::unexplained(format!("`{target}` was deleted meanwhile")));
    }
    let aside = "○ the next sync takes over".to_owned();
    Ok(Answer { aside, follow_ups: next_sync(), ..answer(global, &reader, &done, "accepted as it is")? })
}

/// How to have the next sync at once.
fn next_sync() -> Vec<(String, String)> {
    vec![
        (PUSH_NOTHING.to_owned(), "to sync now, where there is nothing else to push".to_owned()),
        ("syncline deploy".to_owned(), "to deploy it by hand".to_owned()),
    ]
}

/// Errors: the history knows nothing of that name, so that nothing would be held.
async fn check_known(reader: &Reader, what: &Held) -> Result<(), Failure> {
    let (typed, known): (&str, Vec<String>) = match what {
        Held::Everything => return Ok(()),
        Held::Branch(branch) => {
            let leases = reader.table.leases(&reader.repository).await?;
            (branch.as_str(), leases.into_iter().map(|(branch, _)| branch.to_string()).collect())
        }
        Held::Target(target) => {
            let heads = reader.table.heads(&reader.repository).await?;
            (target.as_str(), heads.into_iter().map(|head| head.target.to_string()).collect())
        }
    };
    if known.iter().any(|known| known == typed) {
        return Ok(());
    }
    let error = format!("nothing was deployed so far from {what}").replace("from target", "as target");
    Err(Failure::usage(error, one_of(typed, known.iter().map(String::as_str))))
}

/// Finds out what is meant, and of which repository.
async fn open(typed: &What) -> Result<(Reader, Held), Failure> {
    let what = match (&typed.target, &typed.branch, typed.all) {
        (Some(target), None, false) => Held::Target(TargetName::new(target.as_str())),
        (None, Some(branch), false) => Held::Branch(BranchName::new(branch.as_str())),
        (None, None, true) => Held::Everything,
        (None, None, false) => {
            let help = "name a target, or `--branch NAME`, or `--all`";
            return Err(Failure::usage("it was not said what", help));
        }
        _ => return Err(Failure::usage("several things were said", "a target, or `--branch NAME`, or `--all`")),
    };
    Ok((Reader::open_to_write(&typed.installation, &typed.connected).await?, what))
}

async fn intervention(action: InterventionAction, what: Held, reason: Option<String>) -> Result<Intervention, Failure> {
    let by = caller(&configuration().await).await?.arn;
    Ok(Intervention { action, what, by, reason, at: clock::now() })
}

fn answer(global: &Global, reader: &Reader, done: &Intervention, verb: &str) -> Result<Answer, Failure> {
    match global.output {
        Output::Json => Answer::json(&Done { repository: &reader.repository, intervention: done }),
        Output::Text => {
            let paint = Paint::for_stdout(global.no_color);
            Ok(Answer::text(format!("{} {} of {}: {verb}", paint.good("✓"), done.what, reader.repository)))
        }
    }
}
