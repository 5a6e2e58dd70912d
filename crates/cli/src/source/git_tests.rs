//! What is read of branches in a little repository, links and a branch with a bad name included.

use std::fs;

use super::*;

struct Try {
    folder: tempfile::TempDir,
}

impl Try {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tried = Self { folder };
        tried.git(&["init", "--quiet", "--initial-branch=main"]);
        tried
    }

    fn git(&self, arguments: &[&str]) {
        let mut command = git(self.folder.path());
        command.args(["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]);
        let output = command.args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn commit(&self, name: &str, content: &[u8]) {
        let place = self.folder.path().join(name);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, content).unwrap();
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", name]);
    }
}

fn entry(git: &mut Git, branch: &str, want: Want) -> Entry {
    let tree = git.branch(&BranchName::new(branch)).unwrap().unwrap();
    match git.read(&tree, &want).unwrap() {
        Found::Bytes(bytes) => Entry::Text(String::from_utf8(bytes).unwrap()),
        Found::Entry(entry) => entry,
    }
}

fn file(path: &str) -> Want {
    Want::File(RepoPath::parse(path).unwrap())
}

#[test]
fn each_branch_has_its_own_files() {
    let tried = Try::new();
    tried.commit("a/spec.yaml", b"main\n");
    tried.git(&["update-ref", "refs/heads/--x", "HEAD"]);
    tried.git(&["update-ref", "refs/remotes/origin/far", "HEAD"]);
    tried.git(&["checkout", "--quiet", "-b", "prod"]);
    tried.commit("a/spec.yaml", b"prod");
    tried.commit("large", &vec![b'x'; Files::MAX_FILE_BYTES + 1]);
    let mut git = Git::open(tried.folder.path()).unwrap();
    for (branch, text) in [("main", "main\n"), ("prod", "prod"), ("--x", "main\n"), ("far", "main\n")] {
        assert_eq!(entry(&mut git, branch, file("a/spec.yaml")), Entry::Text(text.to_owned()), "{branch}");
    }
    assert_eq!(entry(&mut git, "prod", file("large")), too_large());
    assert_eq!(entry(&mut git, "prod", file("a/other")), Entry::Absent);
    assert_eq!(entry(&mut git, "prod", file("a")), Entry::Absent);
    for branch in ["none", "--help", "main~0", "main^{tree}", "../heads/main", "-", ""] {
        assert!(git.branch(&BranchName::new(branch)).unwrap().is_none(), "{branch}");
    }
    let mut below = Git::open(&tried.folder.path().join("a")).unwrap();
    assert_eq!(entry(&mut below, "prod", file("spec.yaml")), Entry::Text("prod".to_owned()));
    assert_eq!(checked_out(tried.folder.path()), Some(BranchName::new("prod")));
}

#[cfg(unix)]
#[test]
fn links_are_followed_inside_only() {
    use std::os::unix::fs::symlink;
    let tried = Try::new();
    for (target, name) in
        [("a", "folder"), ("a/x", "file"), ("../out", "out"), ("nothing", "nowhere"), ("loop", "loop")]
    {
        symlink(target, tried.folder.path().join(name)).unwrap();
    }
    tried.commit("a/x", b"text");
    let mut git = Git::open(tried.folder.path()).unwrap();
    let unreadable = |why: &str| Entry::Unreadable(why.to_owned());
    assert_eq!(entry(&mut git, "main", file("file")), Entry::Text("text".to_owned()));
    assert_eq!(entry(&mut git, "main", file("folder/x")), Entry::Text("text".to_owned()));
    assert_eq!(entry(&mut git, "main", file("out")), unreadable(LEADS_OUT));
    assert_eq!(entry(&mut git, "main", file("loop")), unreadable("too many levels of symbolic links"));
    assert_eq!(entry(&mut git, "main", file("nowhere")), unreadable("a symbolic link that leads nowhere"));
    let Entry::Folder { files, folders } = entry(&mut git, "main", Want::Folder(RepoPath::root())) else {
        panic!("no folder");
    };
    assert_eq!(files.into_iter().collect::<Vec<_>>(), ["file", "loop", "nowhere", "out"]);
    assert_eq!(folders.into_iter().collect::<Vec<_>>(), ["a", "folder"]);
}

#[test]
fn outside_a_repository_is_said() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Git::open(folder.path()), Err(Failure::Usage(_))));
    assert_eq!(checked_out(folder.path()), None);
}
