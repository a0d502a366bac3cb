//! Windows installations are found by their hives, wherever their folder lies and whatever it is called.

use std::fs;
use std::path::Path;

use goldseal::image::Image;

use crate::open;

fn hive(root: &Path, folder: &str, name: &str) {
    let config = root.join(folder).join("system32/config");
    fs::create_dir_all(&config).unwrap();
    fs::write(config.join(name), "regf").unwrap();
}

fn roots(image: &Image) -> Vec<String> {
    image
        .installations
        .iter()
        .map(|installation| installation.system_root.to_string())
        .collect()
}

#[test]
fn all_windows_folders_of_the_root_are_found_in_the_order_of_their_names() {
    let folder = tempfile::tempdir().unwrap();
    hive(folder.path(), "WINNT", "system");
    hive(folder.path(), "Fenster", "SOFTWARE");
    fs::create_dir_all(folder.path().join("I386/system32/config")).unwrap();
    let image = open(folder.path()).unwrap();
    assert_eq!(roots(&image), ["Fenster", "WINNT"]);
    assert_eq!(image.installations[1].index, 1);
}

#[test]
fn an_installation_that_was_put_aside_is_found_and_noted() {
    let folder = tempfile::tempdir().unwrap();
    hive(folder.path(), "Windows", "SYSTEM");
    hive(folder.path(), "Windows.old/WINDOWS", "SYSTEM");
    let image = open(folder.path()).unwrap();
    assert_eq!(roots(&image), ["Windows", "Windows.old\\WINDOWS"]);
    assert!(
        image
            .notes
            .iter()
            .any(|note| note.contains("Windows.old\\WINDOWS")),
        "{:?}",
        image.notes
    );
}

#[test]
fn a_directory_that_is_itself_the_windows_folder_works_as_well() {
    let folder = tempfile::tempdir().unwrap();
    hive(folder.path(), "WINDOWS", "SYSTEM");
    let image = open(&folder.path().join("WINDOWS")).unwrap();
    assert_eq!(roots(&image), [""]);
}

#[test]
fn a_tree_without_hives_holds_no_installation() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("WINDOWS/system32/config")).unwrap();
    let image = open(folder.path()).unwrap();
    assert_eq!(roots(&image), Vec::<String>::new());
}

#[test]
fn a_linked_folder_is_not_searched() {
    let folder = tempfile::tempdir().unwrap();
    hive(folder.path(), "WINDOWS", "SYSTEM");
    std::os::unix::fs::symlink("WINDOWS", folder.path().join("Other")).unwrap();
    let image = open(folder.path()).unwrap();
    assert_eq!(roots(&image), ["WINDOWS"]);
}

#[test]
fn evidence_names_the_directory_and_the_path_in_it() {
    let folder = tempfile::tempdir().unwrap();
    hive(folder.path(), "WINDOWS", "SYSTEM");
    let image = open(folder.path()).unwrap();
    let installation = &image.installations[0];
    let place = installation.place(&installation.windows("system32\\config\\SYSTEM"));
    let expected = format!(
        "{} > WINDOWS\\system32\\config\\SYSTEM",
        folder.path().display()
    );
    assert_eq!(place.to_string(), expected);
    assert_eq!(installation.layers, ["directory"]);
}
