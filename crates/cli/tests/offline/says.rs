//! What the commands say of a good repository.

use crate::repository::Repository;

#[test]
fn check_counts_targets_and_branches() {
    let repository = Repository::good();
    let did = repository.syncline(&["check"]);
    did.ends(0, &[]);
    assert_eq!((did.stdout.as_str(), did.stderr.as_str()), ("", "✓ no problems: 4 targets on 2 branches\n"));
    let document = repository.syncline(&["check", "--output", "json"]).json();
    assert_eq!((&document["errors"], &document["targets"]), (&0.into(), &4.into()));
}

#[test]
fn warnings_end_with_zero() {
    let repository = Repository::good();
    repository.write("syncline.yaml", &crate::repository::MANIFEST.replace("    web:", "    none: {}\n    web:"));
    repository.syncline(&["check"]).ends(0, &["warning: ", "✓ no errors, 1 warning: 4 targets on 2 branches"]);
    let did = repository.syncline(&["plan", "-b", "main"]);
    did.ends(0, &[]);
    assert!(did.stderr.contains("warning: ") && !did.stdout.contains("warning: "), "{did:#?}");
    let document = repository.syncline(&["plan", "-b", "main", "--output", "json"]).json();
    assert_eq!(document["diagnostics"][0]["severity"], "warning");
}

#[test]
fn a_branch_need_not_be_named_where_there_is_one_or_it_is_checked_out() {
    let repository = Repository::committed();
    repository.syncline(&["plan"]).ends(0, &["branch main of"]);
    repository.git(&["checkout", "--quiet", "prod"]);
    repository.syncline(&["plan"]).ends(0, &["branch prod of"]);
    repository.git(&["checkout", "--quiet", "-b", "other"]);
    repository.syncline(&["plan"]).ends(2, &["nothing is deployed from `other`, which is checked out"]);
    repository.write("syncline.yaml", "app: shop\nsync: {environments: {beta: {branch: main, spec: beta.yaml}}}\n");
    repository.syncline(&["plan"]).ends(0, &["branch main of"]);
}

#[test]
fn a_template_is_printed_as_it_is_and_ends_its_line_once() {
    let repository = Repository::good();
    for template in ["Resources:   {A: {Type: 'AWS::SQS::Queue'}}  \r\n\r\n\n", "Resources: {A: {Type: x}}"] {
        repository.write("queue.yaml", template);
        let did = repository.syncline(&["render", "-t", "beta"]);
        did.ends(0, &["stack      shop-beta", "tag        team = platform"]);
        assert_eq!(did.stdout, format!("{}\n", template.trim_end_matches(['\r', '\n'])));
    }
    let did = repository.syncline(&["render", "-t", "beta", "--output", "json"]);
    assert_eq!(did.json()["template"], "Resources: {A: {Type: x}}");
    assert_eq!(did.json()["tags"]["team"], "platform");
}

#[test]
fn real_values_take_the_place_of_stand_ins() {
    let repository = Repository::good();
    let did = repository.syncline(&["render", "-t", "web/beta"]);
    did.ends(0, &["Metadata: pending, 111122223333", "--env-outputs FILE", "--account ID"]);
    repository.write("a.yaml", "Arn: real\n");
    repository.write("a.json", r#"[{"OutputKey": "Arn", "OutputValue": "real"}]"#);
    for file in ["a.yaml", "a.json"] {
        let did =
            repository.syncline(&["render", "-t", "web/beta", "--env-outputs", file, "--account", "999900001111"]);
        did.ends(0, &["Metadata: real, 999900001111"]);
        assert!(!did.stderr.contains("note:"), "{did:#?}");
    }
}

#[test]
fn every_drawing_is_made_and_json_stands_for_each() {
    let repository = Repository::good();
    for (format, begins) in [("mermaid", "flowchart LR\n"), ("dot", "digraph "), ("svg", "<svg ")] {
        let did = repository.syncline(&["graph", "-b", "main", "--format", format]);
        did.ends(0, &["web/beta"]);
        assert!(did.stdout.starts_with(begins), "{did:#?}");
    }
    let document = repository.syncline(&["graph", "-b", "main", "--output", "json"]).json();
    assert_eq!(document["edges"][0]["reason"], "environment");
}

const BUS: &str =
    "Parameters: {App: {Type: String}, Env: {Type: String}}\nResources: {Bus: {Type: 'AWS::Events::EventBus'}}\n";

fn with_addons() -> Repository {
    let repository = Repository::good();
    let manifest = crate::repository::MANIFEST
        .replace("  services:", "  addons: {eventbus: {beta: {branch: main}, prod: {branch: prod}}}\n  services:");
    repository.write("syncline.yaml", &manifest);
    for name in ["apigw", "eventbus"] {
        repository.write(&format!("copilot/{name}/manifest.yml"), &format!("name: {name}\ntype: Environment Addons\n"));
        repository.write(&format!("copilot/{name}/addons/template.yml"), BUS);
    }
    repository.write("copilot/web/manifest.yml", "name: web\ntype: Load Balanced Web Service\n");
    repository
}

#[test]
fn environments_and_addons_are_listed_as_copilot_listed_them() {
    let repository = with_addons();
    let listed = |words: &[&str]| repository.syncline(&[&["env", "ls"], words].concat()).stdout;
    assert_eq!(
        listed(&["--addons", "--local", "--json"]),
        "{\"addons\":[{\"name\":\"eventbus\"},{\"name\":\"apigw\"}]}\n"
    );
    assert_eq!(listed(&["--addons", "--local"]), "eventbus\napigw\n");
    let unused = "the addon `apigw` in `copilot/` goes to no environment";
    repository.syncline(&["check"]).ends(0, &["warning: ", unused, "sync: addons: {apigw: {beta: "]);
    assert_eq!(listed(&["--local"]), "beta\nprod\n");
    assert_eq!(
        listed(&["--local", "--output", "json"]),
        "{\"environments\":[{\"name\":\"beta\"},{\"name\":\"prod\"}]}\n"
    );
    // What is wrong with a manifest hides whether it is an addon's.
    repository.write("copilot/apigw/manifest.yml", "type: [\n");
    repository
        .syncline(&["env", "ls", "--addons", "--local"])
        .ends(1, &["not valid YAML", "copilot/apigw/manifest.yml:"]);
}

#[test]
fn a_package_is_two_files_that_a_pipeline_deploys() {
    let repository = with_addons();
    let did = repository.syncline(&["package", "-n", "eventbus", "-e", "prod", "--output-dir", "infrastructure/x"]);
    did.ends(0, &["stack      shop-prod-eventbus"]);
    assert_eq!(did.stdout, "infrastructure/x/eventbus-prod.stack.yml\ninfrastructure/x/eventbus-prod.params.json\n");
    assert_eq!(repository.read("infrastructure/x/eventbus-prod.stack.yml"), BUS);
    let parameters: serde_json::Value =
        serde_json::from_str(&repository.read("infrastructure/x/eventbus-prod.params.json")).unwrap();
    assert_eq!(parameters["Parameters"], serde_json::json!({"App": "shop", "Env": "prod"}));
    assert_eq!(parameters["Tags"]["copilot-workload-type"], "Environment Addons");

    // Without a folder it is what `render` prints; with one, older files are replaced.
    assert_eq!(repository.syncline(&["package", "-n", "eventbus", "-e", "beta"]).stdout, BUS);
    repository.write("copilot/eventbus/addons/template.yml", &BUS.replace("Bus:", "Other:"));
    repository.syncline(&["package", "-n", "eventbus", "-e", "prod", "--output-dir", "infrastructure/x"]).ends(0, &[]);
    assert!(repository.read("infrastructure/x/eventbus-prod.stack.yml").contains("Other"));

    repository.syncline(&["package", "-n", "eventbus"]).ends(2, &["in several environments", "`--env NAME`"]);
    repository.syncline(&["package", "-n", "evntbus", "-e", "beta"]).ends(2, &["did you mean `eventbus`?"]);
    repository.syncline(&["package", "-n", "web", "-e", "test"]).ends(2, &["`web` is not in environment `test`"]);
    repository.write("file", "");
    let did = repository.syncline(&["package", "-n", "eventbus", "-e", "beta", "--output-dir", "file"]);
    did.ends(1, &["cannot write `file`"]);
}

#[test]
fn completions_and_manual_pages_are_made() {
    let repository = Repository::empty();
    for shell in ["bash", "zsh", "fish"] {
        let did = repository.syncline(&["completions", shell]);
        did.ends(0, &[]);
        assert!(did.stdout.contains("package") && did.stdout.contains("output-dir"), "{}", did.stdout);
    }
    repository.syncline(&["completions", "cmd"]).ends(2, &["possible values: bash"]);
    repository.syncline(&["man", "pages"]).ends(0, &["man pages/syncline.1"]);
    assert!(repository.read("pages/syncline-env-ls.1").contains("addons"));
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_read_is_not_an_empty_one() {
    let repository = with_addons();
    for folder in ["copilot/eventbus/addons", "copilot"] {
        std::fs::remove_dir_all(repository.at(folder)).unwrap();
        std::os::unix::fs::symlink("nowhere", repository.at(folder)).unwrap();
        for command in [&["check"][..], &["plan", "-b", "main"], &["package", "-n", "eventbus", "-e", "beta"]] {
            let did = repository.syncline(command);
            did.ends(1, &["cannot read the folder `copilot", "a symbolic link that leads nowhere"]);
        }
        repository.write("unused", "");
    }
    repository.syncline(&["env", "ls", "--addons", "--local"]).ends(1, &["cannot read the folder `copilot`"]);
}
