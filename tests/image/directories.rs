//! Directories of the host as images.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::sync::Arc;

use goldseal::ErrorKind;
use goldseal::base::limits::Limits;
use goldseal::base::win_path::WinPath;
use goldseal::image::filesystem::FileSystem;
use goldseal::image::filesystem::host_dir::HostDir;

fn tree() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("Windows/System32/config");
    fs::create_dir_all(&config).unwrap();
    fs::write(config.join("SYSTEM"), "hive").unwrap();
    folder
}

fn open(folder: &Path) -> HostDir {
    HostDir::open(folder, &Limits::default(), Arc::default()).unwrap()
}

#[test]
fn names_are_found_in_any_case() {
    let folder = tree();
    let path = WinPath::new("WINDOWS\\system32\\CONFIG\\system");
    assert_eq!(
        open(folder.path()).read(&path, 10).unwrap().unwrap(),
        b"hive"
    );
}

#[test]
fn two_names_that_differ_in_case_only_are_an_error_that_names_both() {
    let folder = tree();
    fs::create_dir(folder.path().join("WINDOWS")).unwrap();
    let error = open(folder.path())
        .metadata(&WinPath::new("windows"))
        .unwrap_err();
    let text = error.to_string();
    assert!(text.contains("WINDOWS and Windows"), "{text}");
}

#[test]
fn a_name_that_is_there_exactly_so_is_taken_before_others() {
    let folder = tree();
    fs::create_dir(folder.path().join("WINDOWS")).unwrap();
    let path = WinPath::new("Windows\\System32");
    assert!(open(folder.path()).metadata(&path).unwrap().is_some());
}

#[test]
fn a_link_that_leads_out_of_the_tree_is_not_followed_and_not_absent() {
    let (folder, elsewhere) = (tree(), tempfile::tempdir().unwrap());
    fs::write(elsewhere.path().join("secret"), "x").unwrap();
    symlink(elsewhere.path(), folder.path().join("absolute")).unwrap();
    symlink("../../..", folder.path().join("Windows/above")).unwrap();
    symlink("nowhere", folder.path().join("dangling")).unwrap();
    let host = open(folder.path());
    for path in [
        "absolute\\secret",
        "ABSOLUTE\\secret",
        "Windows\\above\\etc\\passwd",
        "dangling",
    ] {
        let error = host.read(&WinPath::new(path), 10).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{path}");
        assert!(
            error.to_string().contains("symbolic link"),
            "{path}: {error}"
        );
    }
}

#[test]
fn a_link_that_stays_inside_is_followed_and_shown_as_a_reparse_point() {
    let folder = tree();
    symlink("System32/config", folder.path().join("Windows/link")).unwrap();
    let host = open(folder.path());
    assert_eq!(
        host.read(&WinPath::new("windows\\LINK\\system"), 10)
            .unwrap()
            .unwrap(),
        b"hive"
    );
    let metadata = host
        .metadata(&WinPath::new("windows\\link"))
        .unwrap()
        .unwrap();
    assert_eq!(
        (metadata.is_dir, metadata.reparse_tag),
        (true, Some(0xA000_000C))
    );
}

#[test]
fn names_that_climb_are_names_of_nothing() {
    let folder = tree();
    let host = open(&folder.path().join("Windows"));
    let up = WinPath::root().child("..").child("Windows");
    assert_eq!(host.metadata(&up).unwrap(), None);
    assert_eq!(
        host.metadata(&WinPath::root().child("System32/config"))
            .unwrap(),
        None
    );
}

#[test]
fn the_host_gives_no_times_attributes_or_descriptors_of_windows() {
    let folder = tree();
    let host = open(folder.path());
    let path = WinPath::new("Windows\\System32\\config\\SYSTEM");
    let metadata = host.metadata(&path).unwrap().unwrap();
    assert_eq!(
        (metadata.attributes, metadata.times.si_created),
        (None, None)
    );
    assert_eq!(
        host.security_descriptor(&path).unwrap_err().kind(),
        ErrorKind::Unsupported
    );
}

#[test]
fn a_named_pipe_is_refused_and_not_waited_for() {
    let folder = tree();
    crate::run("mkfifo", &[crate::text(&folder.path().join("pipe"))]);
    let error = open(folder.path())
        .read(&WinPath::new("pipe"), 10)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn reading_leaves_the_times_of_access_as_they_were() {
    let folder = tree();
    // Times of access far in the past are the ones that the system would renew.
    for entry in walkdir::WalkDir::new(folder.path()).contents_first(true) {
        crate::run(
            "touch",
            &[
                "-a",
                "-d",
                "2001-01-01T00:00:00Z",
                crate::text(entry.unwrap().path()),
            ],
        );
    }
    let file = folder.path().join("Windows/System32/config/SYSTEM");
    let before = fs::metadata(&file).unwrap().atime();
    let host = open(folder.path());
    let path = WinPath::new("windows\\system32\\config\\system");
    host.read(&path, 10).unwrap().unwrap();
    host.read_dir(&WinPath::new("windows\\system32\\config"))
        .unwrap()
        .unwrap();
    assert_eq!(fs::metadata(&file).unwrap().atime(), before);
    let directory = file.parent().unwrap();
    assert_eq!(fs::metadata(directory).unwrap().atime(), before);
}
