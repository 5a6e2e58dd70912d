//! Records a deployment by hand as text: `make recording` writes docs/recording.md, so that anyone can look at the progress
//! that a person sees. Nothing is asserted of how it looks.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::repository::Repository;
use super::world::root;

/// How often the screen is looked at.
const BETWEEN_FRAMES: Duration = Duration::from_millis(1000);

const HEAD: &str = "\
# A deployment by hand, recorded

What `syncline deploy` shows on a terminal, screen after screen, recorded by `make recording` from the local AWS. The
repository is [examples/copilot-shop](../examples/copilot-shop) with two resources that take a few seconds and one that fails.
Below each target stand the resources that have an `aws:copilot:description`, or failed; `--verbose` shows all of them.
";

#[tokio::test]
#[ignore = "it writes a page of the documentation: `make recording`"]
async fn recording() {
    let repository = Repository::of_example("copilot-shop", "shop").await;
    let slow = |seconds: u32, text: &str| {
        format!(
            "  Wait:\n    Metadata: {{'aws:copilot:description': '{text}'}}\n    Type: AWS::SSM::Parameter\n    \
             Properties: {{Type: String, Value: a, Description: sleep={seconds}}}\nOutputs:"
        )
    };
    repository.replace(
        "copilot/eventbus/addons/undelivered.yml",
        "Outputs:",
        &slow(3, "An alarm for what lies too long"),
    );
    repository.replace("copilot/apigw/addons/api.yml", "Outputs:", &slow(5, "The certificate of the API"));
    let value = "Value: !ImportValue {'Fn::Sub': '${App}-${Env}-apigw-ApiId'}";
    repository.replace(
        "catalog/template.yaml",
        value,
        &format!("{value}\n      Description: fail=Two routes of one path"),
    );
    repository.git(&["add", "--all"]);
    repository.git(&["commit", "--quiet", "--message", "Share a bus and an API"]);

    let mut page = HEAD.to_owned();
    let mut terminal = repository.terminal(&["deploy", "--all", "--env", "beta"]);
    page.push_str("\n```text\n$ syncline deploy --all --env beta\n");
    terminal.until("[y/N]").await;
    let asked = terminal.screen();
    let _ = write!(page, "{}", asked.trim_end());
    terminal.press("y");
    page.push_str(" y\n```\n");
    let began = Instant::now();
    let mut last = String::new();
    while terminal.is_running() {
        let frame = below(&terminal.screen(), &asked);
        if frame != last && !frame.is_empty() {
            let _ = write!(page, "\nAfter {:.1} s:\n\n```text\n{frame}\n```\n", began.elapsed().as_secs_f64());
        }
        last = frame;
        tokio::time::sleep(BETWEEN_FRAMES).await;
    }
    let (status, screen) = terminal.ended().await;
    let _ = write!(page, "\nAt the end, with exit status {status}:\n\n```text\n{}\n```\n", below(&screen, &asked));
    std::fs::write(root().join("docs/recording.md"), page).unwrap();
}

/// What stands on the screen below what was asked.
fn below(screen: &str, asked: &str) -> String {
    let above = asked.trim_end().lines().count();
    let lines: Vec<&str> = screen.lines().skip(above).collect();
    lines.join("\n").trim_matches('\n').to_owned()
}
