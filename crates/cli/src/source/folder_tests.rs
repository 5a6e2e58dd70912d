//! What the working copy makes of links, pipes, large files and strange names.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::process::Command;

use super::*;

struct Try {
    outside: tempfile::TempDir,
    folder: Folder,
}

impl Try {
    fn new() -> Self {
        let outside = tempfile::tempdir().unwrap();
        let root = outside.path().join("repository");
        fs::create_dir(&root).unwrap();
        fs::write(outside.path().join("secret"), "secret").unwrap();
        Self { folder: Folder::open(&root).unwrap(), outside }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.outside.path().join("repository").join(name)
    }

    fn file(&self, path: &str) -> Entry {
        match self.folder.read(&Want::File(RepoPath::parse(path).unwrap())).unwrap() {
            Found::Bytes(bytes) => Entry::Text(String::from_utf8(bytes).unwrap()),
            Found::Entry(entry) => entry,
        }
    }

    fn root(&self) -> (Vec<String>, Vec<String>) {
        match self.folder.read(&Want::Folder(RepoPath::root())).unwrap() {
            Found::Entry(Entry::Folder { files, folders }) => {
                (files.into_iter().collect(), folders.into_iter().collect())
            }
            _ => panic!("no folder"),
        }
    }
}

fn unreadable(why: &str) -> Entry {
    Entry::Unreadable(why.to_owned())
}

#[test]
fn links_are_followed_inside_only() {
    let tried = Try::new();
    fs::create_dir(tried.at("a")).unwrap();
    fs::write(tried.at("a/file"), "text").unwrap();
    symlink("a/file", tried.at("inside")).unwrap();
    symlink("a", tried.at("inside-folder")).unwrap();
    symlink("../secret", tried.at("outside")).unwrap();
    symlink("..", tried.at("outside-folder")).unwrap();
    symlink("loop", tried.at("loop")).unwrap();
    symlink("nothing", tried.at("nowhere")).unwrap();
    assert_eq!(tried.file("inside"), Entry::Text("text".to_owned()));
    assert_eq!(tried.file("inside-folder/file"), Entry::Text("text".to_owned()));
    assert_eq!(tried.file("outside"), unreadable(LEADS_OUT));
    assert_eq!(tried.file("outside-folder/secret"), unreadable(LEADS_OUT));
    assert_eq!(tried.file("loop"), unreadable("too many levels of symbolic links"));
    assert_eq!(tried.file("nowhere"), unreadable("a symbolic link that leads nowhere"));
    assert!(tried.folder.read(&Want::Folder(RepoPath::parse("outside-folder").unwrap())).is_err());
    let (files, folders) = tried.root();
    assert_eq!(files, ["inside", "loop", "nowhere", "outside"]);
    assert_eq!(folders, ["a", "inside-folder", "outside-folder"]);
}

#[test]
fn what_is_no_file_is_not_opened_and_what_is_too_large_not_read() {
    let tried = Try::new();
    assert!(Command::new("mkfifo").arg(tried.at("pipe")).status().unwrap().success());
    File::create(tried.at("sparse")).unwrap().set_len(1 << 40).unwrap();
    fs::create_dir(tried.at("folder")).unwrap();
    fs::write(tried.at("file"), "").unwrap();
    assert_eq!(tried.file("pipe"), unreadable("not a file"));
    assert_eq!(tried.file("sparse"), too_large());
    assert_eq!(tried.file("folder"), Entry::Absent);
    assert_eq!(tried.file("file/below"), Entry::Absent);
    assert_eq!(tried.file("nothing"), Entry::Absent);
}

#[test]
fn strange_names_and_gits_own_folder_are_passed_over() {
    let tried = Try::new();
    fs::create_dir(tried.at(".git")).unwrap();
    fs::write(tried.at(".git/config"), "").unwrap();
    symlink(".git/config", tried.at("to-git")).unwrap();
    fs::write(tried.at(".gitignore"), "").unwrap();
    // Not every file system takes such a name.
    let _ = fs::write(tried.outside.path().join("repository").join(OsStr::from_bytes(b"\xff")), "");
    assert_eq!(tried.root(), (vec![".gitignore".to_owned(), "to-git".to_owned()], Vec::new()));
    assert_eq!(tried.file(".git/config"), Entry::Absent);
    assert_eq!(tried.file("to-git"), Entry::Absent);
}
