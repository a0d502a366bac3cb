//! Loose artefacts: folders of hives, and single files named by option.

use std::fs;
use std::path::Path;

use goldseal::ErrorKind;
use goldseal::base::win_path::WinPath;
use goldseal::image::source::LooseArtifacts;
use goldseal::image::{Image, Installation, Options, Source};

fn named(image: Option<&Path>, loose: LooseArtifacts) -> goldseal::Result<Image> {
    let source = Source {
        image: image.map(Path::to_owned),
        loose,
    };
    Image::open(&source, &Options::default())
}

fn config(installation: &Installation, name: &str) -> WinPath {
    installation.windows("system32\\config").child(name)
}

#[test]
fn a_folder_of_hives_is_an_installation_of_which_the_rest_was_not_given() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("system"), "one").unwrap();
    fs::write(folder.path().join("SYSTEM.log1"), "log").unwrap();
    let image = crate::open(folder.path()).unwrap();
    assert_eq!(image.layers, ["loose"]);
    let installation = &image.installations[0];
    let fs = &installation.filesystem;
    assert_eq!(
        fs.read(&config(installation, "SYSTEM"), 9)
            .unwrap()
            .unwrap(),
        b"one"
    );
    assert_eq!(
        fs.read(&config(installation, "SYSTEM.LOG1"), 9)
            .unwrap()
            .unwrap(),
        b"log"
    );
    // The folder was looked into for this log, and it is not there; nobody gave the hive SOFTWARE.
    assert_eq!(
        fs.read(&config(installation, "SYSTEM.LOG2"), 9).unwrap(),
        None
    );
    let software = fs.read(&config(installation, "SOFTWARE"), 9).unwrap_err();
    assert_eq!(software.kind(), ErrorKind::NotFound);
    let listing = fs
        .read_dir(&installation.windows("system32\\config"))
        .unwrap_err();
    assert_eq!(listing.kind(), ErrorKind::NotFound);
}

#[test]
fn evidence_of_a_loose_file_is_its_path_on_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copied.hiv");
    fs::write(&path, "one").unwrap();
    let loose = LooseArtifacts {
        software: Some(path.clone()),
        ..LooseArtifacts::default()
    };
    let image = named(None, loose).unwrap();
    let installation = &image.installations[0];
    let place = installation.place(&config(installation, "SOFTWARE"));
    assert_eq!(place.to_string(), path.to_str().unwrap());
}

#[test]
fn a_file_named_by_option_stands_in_for_that_of_the_image() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("WINNT/system32/config");
    fs::create_dir_all(&inside).unwrap();
    fs::write(inside.join("SYSTEM"), "of the image").unwrap();
    fs::write(inside.join("SYSTEM.LOG1"), "log of the image").unwrap();
    fs::write(inside.join("SOFTWARE"), "of the image").unwrap();
    let other = tempfile::tempdir().unwrap();
    let path = other.path().join("SYSTEM");
    fs::write(&path, "named").unwrap();
    let loose = LooseArtifacts {
        system: Some(path),
        ..LooseArtifacts::default()
    };
    let image = named(Some(folder.path()), loose).unwrap();
    let installation = &image.installations[0];
    let fs = &installation.filesystem;
    assert_eq!(
        fs.read(&config(installation, "SYSTEM"), 99)
            .unwrap()
            .unwrap(),
        b"named"
    );
    // The log of the other hive must not be applied to this one.
    assert_eq!(
        fs.read(&config(installation, "SYSTEM.LOG1"), 99).unwrap(),
        None
    );
    assert_eq!(
        fs.read(&config(installation, "SOFTWARE"), 99)
            .unwrap()
            .unwrap(),
        b"of the image"
    );
}

#[test]
fn a_file_that_was_named_and_is_not_there_ends_the_run() {
    let loose = LooseArtifacts {
        system: Some("/nonexistent/SYSTEM".into()),
        ..LooseArtifacts::default()
    };
    assert_eq!(named(None, loose).unwrap_err().kind(), ErrorKind::NotFound);
}

/// The names that the folder of machine keys shows at `place`, with this content of SOFTWARE.
fn keys_at(place: &str, software: Option<&str>) -> goldseal::Result<Option<usize>> {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    fs::create_dir(&keys).unwrap();
    fs::write(keys.join("c2319c42"), "key").unwrap();
    let hive = software.map(|content| {
        let path = folder.path().join("SOFTWARE");
        fs::write(&path, content).unwrap();
        path
    });
    let loose = LooseArtifacts {
        machine_keys: Some(keys),
        software: hive,
        ..LooseArtifacts::default()
    };
    let image = named(None, loose).unwrap();
    let path = WinPath::new(place).join("Microsoft\\Crypto\\RSA\\MachineKeys");
    let list = image.installations[0].filesystem.read_dir(&path)?;
    Ok(list.map(|list| list.len()))
}

const OLD: &str = "Dokumente und Einstellungen\\All Users\\Anwendungsdaten";

#[test]
fn the_key_folder_is_shown_where_the_age_of_windows_has_it_and_nowhere_else() {
    assert_eq!(
        keys_at("ProgramData", Some("vk ProgramData")).unwrap(),
        Some(1)
    );
    assert!(keys_at(OLD, Some("vk ProgramData")).is_err());
    assert_eq!(keys_at(OLD, Some("vk AllUsersProfile")).unwrap(), Some(1));
    assert!(keys_at("ProgramData", Some("vk AllUsersProfile")).is_err());
    assert_eq!(keys_at("ProgramData", None).unwrap(), Some(1));
}

#[test]
fn a_metabase_is_placed_by_its_content_and_not_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    for (content, place) in [
        (
            "<?xml version=\"1.0\"?>\n<configuration xmlns=\"urn:microsoft-catalog:XML_Metabase_V54_0\"><MBProperty>",
            "MetaBase.xml",
        ),
        (
            "<?xml version=\"1.0\"?>\n<configuration><configSections>",
            "config\\applicationHost.config",
        ),
        ("\u{1}\u{2}\u{3}", "MetaBase.bin"),
    ] {
        let path = folder.path().join("file");
        fs::write(&path, content).unwrap();
        let loose = LooseArtifacts {
            metabase: Some(path),
            ..LooseArtifacts::default()
        };
        let image = named(None, loose).unwrap();
        let installation = &image.installations[0];
        let path = installation.windows("system32\\inetsrv").join(place);
        assert!(
            installation.filesystem.metadata(&path).unwrap().is_some(),
            "{place}"
        );
    }
}

#[test]
fn a_metabase_that_tells_nothing_stands_in_for_the_one_that_the_image_has() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("image");
    for place in ["MetaBase.xml", "MetaBase.bin"] {
        let path = root.join("WINDOWS/system32/inetsrv").join(place);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "that of the image").unwrap();
    }
    let config = root.join("WINDOWS/system32/config");
    fs::create_dir_all(&config).unwrap();
    fs::write(config.join("SYSTEM"), "regf").unwrap();
    fs::write(config.join("SOFTWARE"), "regf").unwrap();
    let zeros = folder.path().join("zeros");
    fs::write(&zeros, [0; 4096]).unwrap();
    let loose = LooseArtifacts {
        metabase: Some(zeros),
        ..LooseArtifacts::default()
    };
    let image = named(Some(&root), loose).unwrap();
    let installation = &image.installations[0];
    for place in ["MetaBase.xml", "MetaBase.bin"] {
        let path = installation.windows("system32\\inetsrv").join(place);
        let read = installation.filesystem.read(&path, 1 << 20).unwrap();
        assert_eq!(read.unwrap(), [0; 4096], "{place}");
    }
}
