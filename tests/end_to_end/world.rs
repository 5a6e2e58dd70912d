//! The one local AWS of a test run, with Syncline deployed into it by `sam`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use aws_config::SdkConfig;
use serde_json::Value;
use syncline_aws::table::Table;
use syncline_local::{LocalAws, Options};
use tokio::process::Command;
use tokio::sync::OnceCell;

static WORLD: OnceCell<World> = OnceCell::const_new();
static FAULTY: OnceCell<World> = OnceCell::const_new();
static KEPT: OnceCell<World> = OnceCell::const_new();

/// Another account than Syncline's own, which it may deploy into.
pub(crate) const OTHER_ACCOUNT: &str = "444455556666";
/// Other regions than Syncline's own, which it may deploy into.
pub(crate) const OTHER_REGIONS: [&str; 2] = ["eu-west-1", "ap-southeast-2"];

/// The local AWS and what is installed in it.
pub(crate) struct World {
    aws: LocalAws,
    state: PathBuf,
    /// The name of Syncline's table.
    pub(crate) table_name: String,
}

/// The local AWS, started and installed into once.
pub(crate) async fn world() -> &'static World {
    WORLD.get_or_init(|| World::start(|_| {}, 20)).await
}

/// Another one, in which whatever functions call AWS for may go wrong. What is told to its proxies holds for all tests.
pub(crate) async fn faulty() -> &'static World {
    FAULTY.get_or_init(|| World::start(|options| options.faults = true, 5)).await
}

/// Another one, whose emulator can be started again.
pub(crate) async fn kept() -> &'static World {
    KEPT.get_or_init(|| World::start(|options| options.persist = true, 5)).await
}

/// The root of the project.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// A folder for a local AWS. It outlives every test, and the process that runs them: the emulator ends when its parent is gone.
/// So whoever comes next removes what is left of processes that are no more.
fn state_folder() -> PathBuf {
    let worlds = Path::new(env!("CARGO_TARGET_TMPDIR")).join("worlds");
    std::fs::create_dir_all(&worlds).unwrap();
    for entry in std::fs::read_dir(&worlds).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        // Where the system tells which there are.
        let is_left = Path::new("/proc/self").exists()
            && name.split('-').next().is_some_and(|process| !Path::new("/proc").join(process).exists());
        if is_left {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    tempfile::Builder::new().prefix(&format!("{}-", std::process::id())).tempdir_in(&worlds).unwrap().keep()
}

impl World {
    /// `event_timeout` is how long an event of a stack is waited for, in seconds.
    async fn start(with: impl FnOnce(&mut Options), event_timeout: u32) -> Self {
        assert!(
            root().join(".aws-sam/build/template.yaml").exists(),
            "the functions are not built: run `make build`, or all of it with `make test`"
        );
        let state = state_folder();
        let tools = Options::default_tools_dir(&root());
        let mut options = Options::new(state.clone(), tools);
        with(&mut options);
        let aws = LocalAws::start(options).await.unwrap();
        let mut world = Self { aws, state, table_name: String::new() };
        let parameters = format!(
            "EventSourcePrefix=local ManifestBranch=main EventTimeoutSeconds={event_timeout} TargetAccounts={OTHER_ACCOUNT} TargetRegions={}",
            OTHER_REGIONS.join(",")
        );
        world.run(&["sam", "deploy", "--no-progressbar", "--parameter-overrides", &parameters]).await;
        world.table_name = world.outputs().await["TableName"].clone();
        world
    }

    /// The local AWS itself.
    pub(crate) fn aws(&self) -> &LocalAws {
        &self.aws
    }

    /// Has the next invocation of a function, by its name in the template, killed so many milliseconds after it began.
    /// [`World::has_died`] tells whether it came to that.
    pub(crate) fn let_die(&self, function: &str, milliseconds: u32) {
        let folder = self.state.join("die");
        std::fs::create_dir_all(&folder).unwrap();
        for mark in ["die", "died"] {
            let _ = std::fs::remove_file(self.state.join(format!("{mark}.{function}")));
        }
        // Whole at once: a function may begin at any moment.
        let draft = self.state.join("die.draft");
        std::fs::write(&draft, milliseconds.to_string()).unwrap();
        std::fs::rename(draft, folder.join(function)).unwrap();
    }

    /// Whether that function was killed while it worked.
    pub(crate) fn has_died(&self, function: &str) -> bool {
        self.state.join(format!("died.{function}")).exists()
    }

    /// The outputs of Syncline's own stack.
    pub(crate) async fn outputs(&self) -> BTreeMap<String, String> {
        let outputs = self
            .aws_cli(&["cloudformation", "describe-stacks", "--stack-name", "syncline", "--query", "Stacks[0].Outputs"])
            .await;
        let text = |output: &Value, key: &str| output[key].as_str().unwrap().to_owned();
        let outputs = outputs.as_array().unwrap().iter();
        outputs.map(|output| (text(output, "OutputKey"), text(output, "OutputValue"))).collect()
    }

    /// The variables that point a program at the local AWS.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        self.aws.environment()
    }

    /// The URL that `git` reaches a repository under.
    pub(crate) fn clone_url(&self, repository: &str) -> String {
        self.aws.clone_url(repository)
    }

    /// Where a repository lies on disk. A push there is one that nobody hears of, as before the repository was connected.
    pub(crate) fn bare_repository(&self, repository: &str) -> PathBuf {
        self.state.join("codecommit/repos").join(format!("{repository}.git"))
    }

    /// A configuration for the SDKs. Each test makes its own, since connections belong to a test's runtime.
    pub(crate) async fn configuration(&self) -> SdkConfig {
        use aws_config::{BehaviorVersion, Region};
        let credentials = aws_sdk_cloudformation::config::Credentials::new("test", "test", None, None, "tests");
        aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(credentials)
            .endpoint_url(self.aws.endpoint())
            .load()
            .await
    }

    /// CodeCommit, which has an endpoint of its own.
    pub(crate) async fn codecommit(&self) -> aws_sdk_codecommit::Client {
        let configuration =
            self.configuration().await.to_builder().endpoint_url(self.aws.codecommit_endpoint()).build();
        aws_sdk_codecommit::Client::new(&configuration)
    }

    /// Syncline's table.
    pub(crate) async fn table(&self) -> Table {
        Table::new(&self.configuration().await, self.table_name.clone(), 365)
    }

    /// Runs a program at the root of the project, and gives what it wrote.
    pub(crate) async fn run(&self, words: &[&str]) -> String {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).current_dir(root()).envs(self.environment()).stdin(Stdio::null());
        let output = tokio::time::timeout(Duration::from_secs(300), command.output()).await.unwrap().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{words:?} failed:\n{text}\n{}", String::from_utf8_lossy(&output.stderr));
        text
    }

    /// Deploys a template of this project in an account and region.
    pub(crate) async fn deploy_at(&self, account: &str, region: &str, stack: &str, template: &str, values: &[String]) {
        let mut command = Command::new("aws");
        command
            .args(["cloudformation", "deploy", "--stack-name", stack, "--template-file", template])
            .args(["--capabilities", "CAPABILITY_NAMED_IAM", "--parameter-overrides"])
            .args(values)
            .current_dir(root())
            .envs(self.environment())
            // The local AWS takes an account for its own key.
            .env("AWS_ACCESS_KEY_ID", account)
            .env("AWS_DEFAULT_REGION", region)
            .env("AWS_REGION", region)
            .stdin(Stdio::null());
        let output = command.output().await.unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{stack} in {account}, {region}: {}", String::from_utf8_lossy(&said));
    }

    /// Runs the AWS CLI, and gives what it answered.
    pub(crate) async fn aws_cli(&self, words: &[&str]) -> Value {
        let text = self.run(&[&["aws", "--output", "json"], words].concat()).await;
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// How often functions called DynamoDB for items whose keys hold one of these texts, by operation.
    pub(crate) async fn table_calls(&self, keys: &[String]) -> BTreeMap<String, usize> {
        let mut calls = BTreeMap::new();
        for (name, detail) in self.calls_of_the_table().await {
            if keys.iter().any(|key| detail.contains(key)) {
                *calls.entry(name).or_default() += 1;
            }
        }
        calls
    }

    /// How often functions wrote each item of a partition, by its sort key.
    pub(crate) async fn table_writes(&self, partition: &str) -> BTreeMap<String, usize> {
        let mut writes = BTreeMap::new();
        for (name, detail) in self.calls_of_the_table().await {
            let detail: Value = serde_json::from_str(&detail).unwrap();
            let key = match name.as_str() {
                "PutItem" => &detail["requestParameters"]["Item"],
                "UpdateItem" => &detail["requestParameters"]["Key"],
                _ => continue,
            };
            if key["pk"]["S"] == partition {
                *writes.entry(key["sk"]["S"].as_str().unwrap().to_owned()).or_default() += 1;
            }
        }
        writes
    }

    /// The calls of DynamoDB that the emulator recorded of functions: operation, and all that is known of it.
    async fn calls_of_the_table(&self) -> Vec<(String, String)> {
        let source = "AttributeKey=EventSource,AttributeValue=dynamodb.amazonaws.com";
        let recorded = self.aws_cli(&["cloudtrail", "lookup-events", "--lookup-attributes", source]).await;
        let by_function = |event: &&Value| event["Username"].as_str().is_some_and(|name| name.starts_with("ASIA"));
        let text = |event: &Value, name: &str| event[name].as_str().unwrap().to_owned();
        let calls = recorded["Events"].as_array().unwrap().iter().filter(by_function);
        calls.map(|event| (text(event, "EventName"), text(event, "CloudTrailEvent"))).collect()
    }

    /// The items of a partition of the table, as DynamoDB's JSON has them, by sort key.
    pub(crate) async fn items(&self, partition: &str) -> BTreeMap<String, Value> {
        let words = ["dynamodb", "query", "--table-name", &self.table_name];
        let condition = ["--key-condition-expression", "pk = :pk", "--expression-attribute-values"];
        let values = format!("{{\":pk\": {{\"S\": \"{partition}\"}}}}");
        let found = self.aws_cli(&[&words[..], &condition, &[&values]].concat()).await;
        let items = found["Items"].as_array().unwrap();
        items.iter().map(|item| (item["sk"]["S"].as_str().unwrap().to_owned(), item.clone())).collect()
    }

    /// The calls of CloudFormation that the emulator recorded for stacks whose name begins so, newest first, as
    /// `action stack`.
    pub(crate) async fn cloudformation_calls(&self, prefix: &str) -> Vec<String> {
        let source = "AttributeKey=EventSource,AttributeValue=cloudformation.amazonaws.com";
        let recorded = self.aws_cli(&["cloudtrail", "lookup-events", "--lookup-attributes", source]).await;
        let mut calls = Vec::new();
        for event in recorded["Events"].as_array().unwrap() {
            let detail: Value = serde_json::from_str(event["CloudTrailEvent"].as_str().unwrap()).unwrap();
            let parameters = &detail["requestParameters"];
            let stack = parameters["StackName"].as_str().unwrap_or_default();
            if stack.starts_with(prefix) || stack.contains(&format!(":stack/{prefix}")) {
                calls.push(format!("{} {stack}", parameters["Action"].as_str().unwrap_or_default()));
            }
        }
        calls
    }
}
