//! CodeCommit without the emulator: real `git` and the real SDK against a server in this process, events kept in memory.
//!
//! What the emulator makes of the events is tested in `emulator.rs`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;

use aws_sdk_codecommit::error::ProvideErrorMetadata;
use aws_sdk_codecommit::primitives::Blob;
use aws_sdk_codecommit::types::{
    ChangeTypeEnum, DeleteFileEntry, MergeOptionTypeEnum, PullRequestStatusEnum, PutFileEntry, Target,
};
use support::{Server, code, commit, git};

#[tokio::test]
async fn a_push_is_seen_over_the_api_and_puts_events() {
    let server = Server::start().await;
    let client = &server.client;
    let clone = server.repository_with_clone("web").await;
    git(&clone, &["checkout", "-q", "-b", "trunk"]);
    fs::create_dir_all(clone.join("envs/prod")).unwrap();
    fs::write(clone.join("envs/prod/spec.yaml"), "replicas: 1\n").unwrap();
    fs::write(clone.join("README.md"), "one\n").unwrap();
    git(&clone, &["add", "."]);
    git(&clone, &["commit", "-q", "-m", "one"]);
    git(&clone, &["push", "-q", "origin", "trunk"]);
    let first = git(&clone, &["rev-parse", "HEAD"]);

    let metadata = client.get_repository().repository_name("web").send().await.unwrap().repository_metadata.unwrap();
    assert_eq!(metadata.default_branch(), Some("trunk"), "the first branch that is pushed is the default one");
    assert_eq!(metadata.arn(), Some("arn:aws:codecommit:us-east-1:000000000000:web"));

    let file = client.get_file().repository_name("web").file_path("/envs/prod/spec.yaml").send().await.unwrap();
    assert_eq!((file.file_content().as_ref(), file.commit_id()), (b"replicas: 1\n".as_slice(), first.as_str()));

    let root = client.get_folder().repository_name("web").folder_path("/").send().await.unwrap();
    assert_eq!(root.files()[0].absolute_path(), Some("README.md"));
    assert_eq!(root.sub_folders()[0].absolute_path(), Some("envs"));
    let inner =
        client.get_folder().repository_name("web").commit_specifier("trunk").folder_path("envs/prod").send().await;
    assert_eq!(inner.unwrap().files()[0].relative_path(), Some("spec.yaml"));

    fs::write(clone.join("README.md"), "two\n").unwrap();
    fs::remove_file(clone.join("envs/prod/spec.yaml")).unwrap();
    fs::write(clone.join("new.txt"), "new\n").unwrap();
    git(&clone, &["add", "-A"]);
    git(&clone, &["commit", "-q", "-m", "two"]);
    git(&clone, &["tag", "v1"]);
    git(&clone, &["push", "-q", "origin", "trunk", "v1"]);
    let second = git(&clone, &["rev-parse", "HEAD"]);

    let mut seen = Vec::new();
    let mut token = None;
    loop {
        let page = client
            .get_differences()
            .repository_name("web")
            .before_commit_specifier(&first)
            .after_commit_specifier("refs/heads/trunk")
            .max_results(2)
            .set_next_token(token)
            .send()
            .await
            .unwrap();
        assert!(page.differences().len() <= 2);
        seen.extend(page.differences().iter().map(|d| d.change_type().unwrap().clone()));
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(seen, [ChangeTypeEnum::Modified, ChangeTypeEnum::Deleted, ChangeTypeEnum::Added]);

    git(&clone, &["push", "-q", "origin", ":v1", "trunk:side"]);
    let events = server.events(5).await;
    let told: Vec<_> = events.iter().map(|e| [&e.detail["event"], &e.detail["referenceFullName"]]).collect();
    assert_eq!(
        told,
        [
            ["referenceCreated", "refs/heads/trunk"],
            ["referenceUpdated", "refs/heads/trunk"],
            ["referenceCreated", "refs/tags/v1"],
            ["referenceCreated", "refs/heads/side"],
            ["referenceDeleted", "refs/tags/v1"],
        ]
    );
    let update = &events[1];
    assert_eq!(update.detail_type, "CodeCommit Repository State Change");
    assert_eq!(update.detail["oldCommitId"], first);
    assert_eq!(update.detail["commitId"], second);
    assert_eq!(update.detail["referenceName"], "trunk");
    assert_eq!(update.detail["repositoryName"], "web");
    assert_eq!(events[2].detail["referenceType"], "tag");
}

#[tokio::test]
async fn a_large_push_and_a_large_fetch_pass_through() {
    let server = Server::start().await;
    let clone = server.repository_with_clone("big").await;
    // Compresses badly, so git sends it in chunks and without a length.
    let mut state = 1_u64;
    let noise = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    fs::write(clone.join("noise"), (0..7_000_000).map(noise).collect::<Vec<u8>>()).unwrap();
    git(&clone, &["add", "."]);
    git(&clone, &["commit", "-q", "-m", "big"]);
    git(&clone, &["push", "-q", "origin", "HEAD:main"]);
    let again = server.folder.path().join("again");
    git(server.folder.path(), &["clone", "-q", &server.url("big"), again.to_str().unwrap()]);
    assert_eq!(fs::metadata(again.join("noise")).unwrap().len(), 7_000_000);
    let refused = server.client.get_file().repository_name("big").file_path("noise").send().await.unwrap_err();
    assert_eq!(code(&refused), "FileTooLargeException");
}

#[tokio::test]
async fn commits_over_the_api_move_the_branch() {
    let server = Server::start().await;
    let client = &server.client;
    let clone = server.repository_with_clone("api").await;
    let put = |content: &str, parent: Option<String>| {
        let request = client.put_file().repository_name("api").branch_name("main").file_path("a/b.txt");
        request.file_content(Blob::new(content)).set_parent_commit_id(parent).send()
    };
    let first = put("one", None).await.unwrap().commit_id;
    assert_eq!(code(&put("two", None).await.unwrap_err()), "ParentCommitIdRequiredException");
    let same = put("one", Some(first.clone())).await.unwrap_err();
    assert_eq!(code(&same), "SameFileContentException");
    let second = put("two", Some(first.clone())).await.unwrap().commit_id;
    assert_eq!(code(&put("three", Some(first.clone())).await.unwrap_err()), "ParentCommitIdOutdatedException");

    let third = client
        .create_commit()
        .repository_name("api")
        .branch_name("main")
        .parent_commit_id(&second)
        .author_name("Ada")
        .email("ada@example.com")
        .commit_message("three")
        .put_files(PutFileEntry::builder().file_path("-x").file_content(Blob::new("odd")).build().unwrap())
        .delete_files(DeleteFileEntry::builder().file_path("a/b.txt").build().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(third.files_added()[0].absolute_path(), Some("-x"));
    assert_eq!(third.files_deleted()[0].absolute_path(), Some("a/b.txt"));
    git(&clone, &["pull", "-q", "origin", "main"]);
    assert_eq!(fs::read_to_string(clone.join("-x")).unwrap(), "odd");
    assert!(!clone.join("a").exists());
    assert_eq!(git(&clone, &["log", "-1", "--format=%an <%ae> %s"]), "Ada <ada@example.com> three");

    let create = client.create_branch().repository_name("api").branch_name("release/1").commit_id(&first);
    create.clone().send().await.unwrap();
    assert_eq!(code(&create.send().await.unwrap_err()), "BranchNameExistsException");
    client.delete_branch().repository_name("api").branch_name("release/1").send().await.unwrap();
    let kept = client.delete_branch().repository_name("api").branch_name("main").send().await.unwrap_err();
    assert_eq!(code(&kept), "DefaultBranchCannotBeDeletedException");
    let events = server.events(5).await;
    let told: Vec<_> = events.iter().map(|e| e.detail["event"].as_str().unwrap()).collect();
    assert_eq!(
        told,
        ["referenceCreated", "referenceUpdated", "referenceUpdated", "referenceCreated", "referenceDeleted"]
    );
}

#[tokio::test]
async fn a_pull_request_follows_its_source_and_merges_in_three_ways() {
    let server = Server::start().await;
    let client = &server.client;
    let clone = server.repository_with_clone("pr").await;
    commit(&clone, "base.txt", "base\n", "main");
    for (number, way) in ["fast", "squash", "three"].into_iter().enumerate() {
        git(&clone, &["checkout", "-q", "main"]);
        git(&clone, &["pull", "-q", "origin", "main"]);
        git(&clone, &["checkout", "-q", "-b", way]);
        let first = commit(&clone, &format!("{way}.txt"), "1\n", way);
        let target = Target::builder().repository_name("pr").source_reference(way).destination_reference("main");
        let create = client.create_pull_request().title(way).targets(target.build().unwrap());
        let create = create.client_request_token(format!("token-{way}"));
        let created = create.clone().send().await.unwrap().pull_request.unwrap();
        let id = created.pull_request_id().unwrap().to_owned();
        assert_eq!(id, (number + 1).to_string());
        assert_eq!(created.pull_request_targets()[0].source_commit(), Some(first.as_str()));
        let again = create.clone().send().await.unwrap().pull_request.unwrap();
        assert_eq!(again.pull_request_id(), Some(id.as_str()), "the token makes it idempotent");
        let other = create.title("other").send().await.unwrap_err();
        assert_eq!(code(&other), "IdempotencyParameterMismatchException");

        let tip = commit(&clone, &format!("{way}.txt"), "2\n", way);
        let moved = client.get_pull_request().pull_request_id(&id).send().await.unwrap().pull_request.unwrap();
        assert_eq!(moved.pull_request_targets()[0].source_commit(), Some(tip.as_str()));
        assert_ne!(moved.revision_id(), created.revision_id());

        let base = git(&clone, &["rev-parse", "origin/main"]);
        let stale = client.merge_pull_request_by_fast_forward().repository_name("pr").pull_request_id(&id);
        let stale = stale.source_commit_id(&first).send().await.unwrap_err();
        assert_eq!(code(&stale), "TipOfSourceReferenceIsDifferentException");
        let merged = match way {
            "fast" => {
                let merge = client.merge_pull_request_by_fast_forward().repository_name("pr").pull_request_id(&id);
                merge.source_commit_id(&tip).send().await.unwrap().pull_request
            }
            "squash" => {
                let merge = client.merge_pull_request_by_squash().repository_name("pr").pull_request_id(&id);
                merge.commit_message("squashed").send().await.unwrap().pull_request
            }
            _ => {
                let merge = client.merge_pull_request_by_three_way().repository_name("pr").pull_request_id(&id);
                merge.send().await.unwrap().pull_request
            }
        };
        let merged = merged.unwrap();
        assert_eq!(merged.pull_request_status(), Some(&PullRequestStatusEnum::Closed));
        let metadata = merged.pull_request_targets()[0].merge_metadata().unwrap().clone();
        assert!(metadata.is_merged());
        git(&clone, &["fetch", "-q"]);
        let head = git(&clone, &["rev-parse", "origin/main"]);
        assert_eq!(metadata.merge_commit_id(), Some(head.as_str()));
        let parents = git(&clone, &["log", "-1", "--format=%P", "origin/main"]);
        let expected = match way {
            "fast" => first.clone(),
            "squash" => base.clone(),
            _ => format!("{base} {tip}"),
        };
        assert_eq!(parents, expected);
        let closed = client.merge_pull_request_by_squash().repository_name("pr").pull_request_id(&id);
        assert_eq!(code(&closed.send().await.unwrap_err()), "PullRequestAlreadyClosedException");
    }
    let open = client.list_pull_requests().repository_name("pr");
    let open = open.pull_request_status(PullRequestStatusEnum::Open).send().await.unwrap();
    assert!(open.pull_request_ids().is_empty());
    let all = client.list_pull_requests().repository_name("pr").send().await.unwrap();
    assert_eq!(all.pull_request_ids(), ["3", "2", "1"]);

    // main; then for each: branch, request, update with its request, merge of main, merged.
    let events = server.events(1 + 3 * 6).await;
    let told: Vec<_> = events[1..7].iter().map(|e| e.detail["event"].as_str().unwrap()).collect();
    assert_eq!(
        told,
        [
            "referenceCreated",
            "pullRequestCreated",
            "referenceUpdated",
            "pullRequestSourceBranchUpdated",
            "referenceUpdated",
            "pullRequestMergeStatusUpdated",
        ]
    );
    let merge = &events[6];
    assert_eq!(merge.detail_type, "CodeCommit Pull Request State Change");
    assert_eq!(merge.detail["isMerged"], "True");
    assert_eq!(merge.detail["pullRequestStatus"], "Closed");
    assert_eq!(merge.detail["destinationReference"], "refs/heads/main");
    assert_eq!(merge.detail["repositoryNames"][0], "pr");
}

#[tokio::test]
async fn a_conflict_has_to_be_merged_by_hand() {
    let server = Server::start().await;
    let client = &server.client;
    let clone = server.repository_with_clone("conflict").await;
    commit(&clone, "file", "base\n", "main");
    git(&clone, &["checkout", "-q", "-b", "other"]);
    commit(&clone, "file", "theirs\n", "other");
    git(&clone, &["checkout", "-q", "main"]);
    let head = commit(&clone, "file", "ours\n", "main");
    let target = Target::builder().repository_name("conflict").source_reference("refs/heads/other");
    let create = client.create_pull_request().title("conflict").targets(target.build().unwrap());
    let id = create.send().await.unwrap().pull_request.unwrap().pull_request_id.unwrap();

    let conflicts = client
        .get_merge_conflicts()
        .repository_name("conflict")
        .source_commit_specifier("other")
        .destination_commit_specifier("main")
        .merge_option(MergeOptionTypeEnum::ThreeWayMerge)
        .send()
        .await
        .unwrap();
    assert!(!conflicts.mergeable());
    assert_eq!(conflicts.conflict_metadata_list()[0].file_path(), Some("file"));
    let fast = client.merge_pull_request_by_fast_forward().repository_name("conflict").pull_request_id(&id);
    assert_eq!(code(&fast.send().await.unwrap_err()), "ManualMergeRequiredException");
    let squash = client.merge_pull_request_by_squash().repository_name("conflict").pull_request_id(&id);
    assert_eq!(code(&squash.send().await.unwrap_err()), "ManualMergeRequiredException");
    let three = client.merge_pull_request_by_three_way().repository_name("conflict").pull_request_id(&id);
    assert_eq!(code(&three.send().await.unwrap_err()), "ManualMergeRequiredException");
    let branch = client.get_branch().repository_name("conflict").branch_name("main").send().await.unwrap();
    assert_eq!(branch.branch().unwrap().commit_id(), Some(head.as_str()), "nothing has moved");

    client.update_pull_request_title().pull_request_id(&id).title("renamed").send().await.unwrap();
    let close = client.update_pull_request_status().pull_request_id(&id);
    let closed = close.pull_request_status(PullRequestStatusEnum::Closed).send().await.unwrap().pull_request.unwrap();
    assert_eq!(closed.title(), Some("renamed"));
    let reopen = client.update_pull_request_status().pull_request_id(&id);
    let reopen = reopen.pull_request_status(PullRequestStatusEnum::Open).send().await.unwrap_err();
    assert_eq!(code(&reopen), "InvalidPullRequestStatusUpdateException");
}

#[tokio::test]
async fn comments_survive_a_restart() {
    let server = Server::start().await;
    let client = &server.client;
    let clone = server.repository_with_clone("talk").await;
    let before = commit(&clone, "file", "1\n", "main");
    let after = commit(&clone, "file", "2\n", "main");
    let post = client.post_comment_for_compared_commit().repository_name("talk").after_commit_id(&after);
    let posted = post.before_commit_id(&before).content("✓ in step").client_request_token("one");
    let comment = posted.clone().send().await.unwrap().comment.unwrap();
    posted.send().await.unwrap();
    client.post_comment_reply().in_reply_to(comment.comment_id().unwrap()).content("good").send().await.unwrap();

    let server = server.restart().await;
    let get = server.client.get_comments_for_compared_commit().repository_name("talk");
    let data = get.before_commit_id(&before).after_commit_id(&after).send().await.unwrap();
    let data = data.comments_for_compared_commit_data();
    assert_eq!(data.len(), 1);
    let contents: Vec<_> = data[0].comments().iter().map(|c| c.content().unwrap()).collect();
    assert_eq!(contents, ["✓ in step", "good"]);
    let file = server.client.get_file().repository_name("talk").file_path("file").send().await.unwrap();
    assert_eq!(file.file_content().as_ref(), b"2\n");
}

#[tokio::test]
async fn errors_have_the_names_that_aws_gives_them() {
    let server = Server::start().await;
    let client = &server.client;
    let clone = server.repository_with_clone("web").await;
    let empty = client.get_file().repository_name("web").file_path("x").send().await.unwrap_err();
    assert_eq!(code(&empty), "CommitDoesNotExistException");
    let head = commit(&clone, "file", "1\n", "main");
    let missing = "0123456789012345678901234567890123456789";

    let error = client.create_repository().repository_name("web").send().await.unwrap_err();
    assert_eq!(code(&error), "RepositoryNameExistsException");
    assert_eq!(error.message(), Some("repository named web already exists"));
    let error = client.get_repository().repository_name("nope").send().await.unwrap_err();
    assert_eq!(code(&error), "RepositoryDoesNotExistException");
    let error = client.get_branch().repository_name("web").branch_name("nope").send().await.unwrap_err();
    assert_eq!(code(&error), "BranchDoesNotExistException");
    let error = client.get_file().repository_name("web").file_path("nope").send().await.unwrap_err();
    assert_eq!(code(&error), "FileDoesNotExistException");
    let error = client.get_folder().repository_name("web").folder_path("nope").send().await.unwrap_err();
    assert_eq!(code(&error), "FolderDoesNotExistException");
    let error = client.get_commit().repository_name("web").commit_id(missing).send().await.unwrap_err();
    assert_eq!(code(&error), "CommitIdDoesNotExistException");
    let error = client.get_commit().repository_name("web").commit_id(&head[..7]).send().await.unwrap_err();
    assert_eq!(code(&error), "InvalidCommitIdException");
    let error = client.get_blob().repository_name("web").blob_id(missing).send().await.unwrap_err();
    assert_eq!(code(&error), "BlobIdDoesNotExistException");
    let differences = client.get_differences().repository_name("web").after_commit_specifier("main");
    let error = differences.after_path("nope").send().await.unwrap_err();
    assert_eq!(code(&error), "PathDoesNotExistException");
    let error = client.get_pull_request().pull_request_id("9").send().await.unwrap_err();
    assert_eq!(code(&error), "PullRequestDoesNotExistException");

    let calls = server.codecommit.calls();
    let refused = calls.iter().filter(|call| call.operation == "GetBranch").map(|call| call.error.as_deref());
    assert_eq!(refused.collect::<Vec<_>>(), [Some("BranchDoesNotExistException")]);
    client.delete_repository().repository_name("web").send().await.unwrap();
    assert!(client.list_repositories().send().await.unwrap().repositories().is_empty());
}

#[tokio::test]
async fn hostile_names_stay_names() {
    let server = Server::start().await;
    let client = &server.client;
    let clone = server.repository_with_clone("web").await;
    commit(&clone, "file", "1\n", "main");
    for name in ["../x", "a/../../b", "--upload-pack=touch pwned", "..", "a/b", "x\0y", "x.git"] {
        let error = client.create_repository().repository_name(name).send().await.unwrap_err();
        assert_eq!(code(&error), "InvalidRepositoryNameException", "{name}");
        let error = client.get_file().repository_name(name).file_path("file").send().await.unwrap_err();
        assert_eq!(code(&error), "InvalidRepositoryNameException", "{name}");
    }
    // CodeCommit allows this name, and it is harmless as a folder below the data folder.
    client.create_repository().repository_name("-x").send().await.unwrap();
    assert!(server.data().join("repos/-x.git/HEAD").is_file());

    for branch in ["../x", "-x", "--upload-pack=touch pwned", "a/../../b", "main..main", "main^{tree}", "@{-1}"] {
        let error = client.get_branch().repository_name("web").branch_name(branch).send().await.unwrap_err();
        assert_eq!(code(&error), "InvalidBranchNameException", "{branch}");
        let get = client.get_file().repository_name("web").file_path("file").commit_specifier(branch);
        assert_eq!(code(&get.send().await.unwrap_err()), "InvalidCommitException", "{branch}");
    }
    for path in ["../x", "a/../../b", ".git/config", "/../../etc/passwd"] {
        let error = client.get_file().repository_name("web").file_path(path).send().await.unwrap_err();
        assert_eq!(code(&error), "InvalidPathException", "{path}");
    }
    for path in ["-x", "--upload-pack=touch pwned", ":(glob)*", "*"] {
        let error = client.get_file().repository_name("web").file_path(path).send().await.unwrap_err();
        assert_eq!(code(&error), "FileDoesNotExistException", "{path}");
    }
    // Over Git's own protocol, as bytes on the wire, which no client would clean up first.
    for path in ["/v1/repos/../info/refs", "/v1/repos/%2e%2e%2fx/info/refs", "/v1/repos/web/HEAD", "/v1/repos/web/../x"]
    {
        assert_eq!(server.status_of(path).await, 404, "{path}");
    }
    assert_eq!(server.status_of("/v1/repos/web/info/refs?service=git-upload-pack").await, 200);
    assert!(!server.folder.path().join("pwned").exists());
}
