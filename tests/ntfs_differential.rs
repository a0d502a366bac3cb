//! NTFS volumes that mkntfs and ntfs-3g wrote, read by us and compared with what ntfs-3g and the Sleuth Kit read.
//!
//! Needs root, /dev/fuse, ntfs-3g and attr; each test says why it was skipped where one is missing.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    reason = "integration tests"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use goldseal::base::win_path::WinPath;
use goldseal::error::ErrorKind;
use goldseal::image::device::{FileDevice, ReadCounter};
use goldseal::image::filesystem::ntfs::NtfsVolume;
use goldseal::image::filesystem::{ATTRIBUTE_COMPRESSED, FileSystem, Metadata};

#[path = "support/corpus.rs"]
mod corpus;
#[path = "support/ntfs.rs"]
mod ntfs;
mod support;

/// The builder of volumes beside the project.
const BUILDER: &str = "../shared/tools/ntfs/make_ntfs_cases.sh";
/// The reference reader and damage maker beside the project.
const REFERENCE: &str = "../shared/tools/ntfs/ntfs_ref.py";

fn can_build() -> bool {
    let tools = ["mkntfs", "ntfs-3g", "setfattr", "python3", "bc"];
    if !tools.iter().all(|name| support::tool(name)) {
        return false;
    }
    if !Path::new("/dev/fuse").exists() {
        eprintln!("skipped: /dev/fuse is not there");
        return false;
    }
    let builder = Path::new(env!("CARGO_MANIFEST_DIR")).join(BUILDER);
    if !builder.is_file() {
        eprintln!("skipped: {} is not there", builder.display());
        return false;
    }
    true
}

fn build(cases: &[&str]) -> Option<tempfile::TempDir> {
    if !can_build() {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new("bash")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(BUILDER))
        .arg(folder.path())
        .args(cases)
        .output()
        .unwrap();
    if !output.status.success() {
        eprintln!("skipped: volumes can't be built here: {output:?}");
        assert!(std::env::var("CI").is_err(), "volumes must be built");
        return None;
    }
    Some(folder)
}

fn open(path: &Path) -> NtfsVolume {
    let file = std::fs::File::open(path).unwrap();
    let len = file.metadata().unwrap().len();
    NtfsVolume::open(Arc::new(FileDevice::new(
        file,
        len,
        Arc::new(ReadCounter::default()),
    )))
    .unwrap()
}

/// What the builder saw through ntfs-3g: path to size and digest.
fn expectation(path: &Path) -> BTreeMap<String, String> {
    std::fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(|line| {
            let (path, rest) = line.split_once('\t').unwrap();
            (path.to_owned(), rest.to_owned())
        })
        .collect()
}

/// Compares the whole tree with what ntfs-3g read; `encrypted` files must be refused as such.
fn check_case(case: &str, encrypted: usize) {
    let Some(folder) = build(&[case]) else { return };
    check_tree(&folder.path().join(case), encrypted);
}

fn check_tree(stem: &Path, encrypted: usize) {
    let image = stem.with_extension("img");
    let volume = open(&image);
    assert_eq!(volume.layer(), "ntfs:3.1");
    assert_eq!(volume.notes(), []);
    let mut expected = expectation(&stem.with_extension("expect"));
    let mut refused = 0;
    for (path, metadata) in ntfs::walk(&volume) {
        if metadata.is_dir || path.to_string().starts_with('$') || metadata.reparse_tag.is_some() {
            continue;
        }
        let key = path.components().join("/");
        // A symbolic link of ntfs-3g is a system file that begins so; the list leaves links out.
        let head = volume.read_head(&path, 8);
        if head.is_ok_and(|head| head.unwrap() == b"IntxLNK\x01") {
            continue;
        }
        let line = expected
            .remove(&key)
            .unwrap_or_else(|| panic!("{key} is not expected"));
        match volume.read(&path, 1 << 30) {
            Ok(content) => {
                let content = content.unwrap();
                let found = format!("{}\t{}", content.len(), &corpus::sha256(&content)[..16]);
                assert_eq!(found, line, "{key}");
                assert_eq!(metadata.size_bytes, content.len() as u64, "{key}");
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Encrypted, "{error}");
                refused += 1;
            }
        }
    }
    assert_eq!(expected, BTreeMap::new(), "files that were not seen");
    assert_eq!(refused, encrypted);
    check_times(&image, &volume);
}

/// Compares the eight times of a few files with `istat` of the Sleuth Kit.
fn check_times(image: &Path, volume: &NtfsVolume) {
    if !support::tool("istat") {
        return;
    }
    // mkntfs leaves the times of its own files at zero, which istat shows as no time.
    let mut files: Vec<(WinPath, Metadata)> = ntfs::walk(volume);
    files.retain(|(_, metadata)| metadata.mft_record.is_some_and(|record| record >= 24));
    for (path, metadata) in files.iter().step_by(files.len() / 4 + 1) {
        let output = Command::new("istat")
            .env("TZ", "UTC")
            .arg("-f")
            .arg("ntfs")
            .arg(image)
            .arg(metadata.mft_record.unwrap().to_string())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let theirs = istat_times(&text, &metadata.name);
        let times = metadata.times;
        let ours = [
            times.si_created,
            times.si_modified,
            times.si_mft_changed,
            times.si_accessed,
            times.fn_created,
            times.fn_modified,
            times.fn_mft_changed,
            times.fn_accessed,
        ]
        .map(|time| time.unwrap().to_rfc3339().unwrap());
        assert_eq!(ours.as_slice(), theirs, "{path}\n{text}");
    }
}

/// The times that `istat` prints of `$STANDARD_INFORMATION` and of the `$FILE_NAME` called `name`, as RFC 3339.
fn istat_times(text: &str, name: &str) -> Vec<String> {
    let wanted = ["Created:", "File Modified:", "MFT Modified:", "Accessed:"];
    let (mut standard, mut named) = (Vec::new(), Vec::new());
    let mut section = String::new();
    for line in text.lines() {
        if line.ends_with("Attribute Values:") {
            line.clone_into(&mut section);
        } else if let Some(found) = line.strip_prefix("Name: ") {
            section = format!("name {found}");
        } else if wanted.iter().any(|word| line.starts_with(word)) {
            let (_, time) = line.split_once('\t').unwrap();
            let time = format!("{}Z", time.replace(' ', "T").split_at(27).0);
            if section.starts_with("$STANDARD") {
                standard.push(time);
            } else if section == format!("name {name}") && named.len() < 4 {
                named.push(time);
            }
        }
    }
    [standard, named].concat()
}

macro_rules! case {
    ($test:ident, $case:literal) => {
        #[test]
        fn $test() {
            check_case($case, 0);
        }
    };
}

case!(a_root_only_directory_reads_as_ntfs_3g_does, "n1");
case!(sixteen_index_blocks_read_as_ntfs_3g_does, "n200");
case!(clusters_of_512_bytes_read_as_ntfs_3g_does, "c512");
case!(clusters_of_1_kib_read_as_ntfs_3g_does, "c1k");
case!(clusters_of_2_kib_read_as_ntfs_3g_does, "c2k");
case!(clusters_of_64_kib_read_as_ntfs_3g_does, "c64k");
case!(sectors_of_4_kib_read_as_ntfs_3g_does, "s4k");
case!(
    sectors_of_4_kib_with_large_clusters_read_as_ntfs_3g_does,
    "s4k_c64k"
);
case!(
    records_of_4_kib_on_small_sectors_read_as_ntfs_3g_does,
    "rec4k_s512"
);
case!(a_fragmented_mft_reads_as_ntfs_3g_does, "frag");
case!(
    short_names_links_and_case_twins_read_as_ntfs_3g_does,
    "names"
);
case!(compressed_folders_read_as_ntfs_3g_does, "attrs");
case!(attribute_lists_read_as_ntfs_3g_does, "attrlist");
case!(object_ids_and_reparse_points_read_as_ntfs_3g_does, "objid");
case!(a_tree_of_20_000_files_reads_as_ntfs_3g_does, "n20k");

#[test]
fn efs_files_are_refused_as_encrypted() {
    check_case("efs", 2);
}

#[test]
fn short_names_belong_to_their_long_partners() {
    let Some(folder) = build(&["n200_win"]) else {
        return;
    };
    check_tree(&folder.path().join("n200_win"), 0);
    let volume = open(&folder.path().join("n200_win.img"));
    let mut partners = 0;
    for (path, metadata) in ntfs::walk(&volume) {
        let Some(short) = &metadata.short_name else {
            continue;
        };
        let by_short = path.parent().unwrap().child(&short.to_lowercase());
        assert_eq!(volume.metadata(&by_short).unwrap().unwrap(), metadata);
        partners += 1;
    }
    assert!(partners >= 200, "{partners}");
}

#[test]
fn names_equal_but_for_case_are_told_apart() {
    let Some(folder) = build(&["names"]) else {
        return;
    };
    let volume = open(&folder.path().join("names.img"));
    let keys = WinPath::new(ntfs::MACHINE_KEYS);
    let lower = keys.child("c2319c42033a5ca7f44e731bfd3fa2b5_4cbde50a-570f-47f5-8cc1-f6e151231826");
    let upper = keys.child("C2319C42033A5CA7F44E731BFD3FA2B5_4cbde50a-570f-47f5-8cc1-f6e151231826");
    let mixed = keys.child("C2319c42033a5ca7f44e731bfd3fa2b5_4cbde50a-570f-47f5-8cc1-f6e151231826");
    let record = |path| volume.metadata(path).unwrap().unwrap().mft_record;
    assert_ne!(record(&lower), record(&upper));
    assert_eq!(
        volume.metadata(&mixed).unwrap_err().kind(),
        ErrorKind::Unsupported
    );
}

#[test]
fn streams_are_listed_and_read_without_regard_to_case() {
    let Some(folder) = build(&["names"]) else {
        return;
    };
    let volume = open(&folder.path().join("names.img"));
    let file = WinPath::new(ntfs::MACHINE_KEYS)
        .child("c2319c42033a5ca7f44e731bfd3fa2b5_9f3c1d77-0c11-4d0e-a5d2-6b1f2c7e8a90");
    let metadata = volume.metadata(&file).unwrap().unwrap();
    assert_eq!(metadata.streams, ["Zone.Identifier"]);
    let content = volume.read_stream(&file, "zone.identifier", 100).unwrap();
    assert_eq!(content.unwrap(), b"ADS data");
    assert_eq!(volume.read_stream(&file, "none", 100).unwrap(), None);
    let refused = volume.read_stream(&file, "Zone.Identifier", 7).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::LimitExceeded);
}

/// A volume mounted by ntfs-3g until dropped.
struct Mounted(PathBuf);

impl Mounted {
    fn new(image: &Path, options: &str) -> Self {
        let folder = image.with_extension("mnt");
        std::fs::create_dir_all(&folder).unwrap();
        let status = Command::new("ntfs-3g")
            .args(["-o", options])
            .arg(image)
            .arg(&folder)
            .status()
            .unwrap();
        assert!(status.success());
        Self(folder)
    }

    fn xattr(&self, path: &str, name: &str) -> Vec<u8> {
        let script = "import os,sys;sys.stdout.buffer.write(os.getxattr(sys.argv[1],sys.argv[2]))";
        let output = Command::new("python3")
            .args(["-c", script])
            .arg(self.0.join(path))
            .arg(name)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        output.stdout
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

fn make_volume(folder: &Path, cluster: &str, mib: u64) -> PathBuf {
    let image = folder.join("volume.img");
    let file = std::fs::File::create(&image).unwrap();
    file.set_len(mib << 20).unwrap();
    let status = Command::new("mkntfs")
        .args([
            "-F", "-Q", "-q", "-c", cluster, "-s", "512", "-p", "63", "-H", "255", "-S", "63",
        ])
        .arg(&image)
        .status()
        .unwrap();
    assert!(status.success());
    image
}

#[test]
fn security_descriptors_are_those_that_ntfs_3g_gives() {
    let Some(folder) = build(&["n200"]) else {
        return;
    };
    let image = folder.path().join("n200.img");
    let volume = open(&image);
    let mounted = Mounted::new(&image, "ro");
    for path in ["Documents and Settings", ntfs::MACHINE_KEYS] {
        let theirs = mounted.xattr(&path.replace('\\', "/"), "system.ntfs_acl");
        let ours = volume
            .security_descriptor(&WinPath::new(path))
            .unwrap()
            .unwrap();
        assert_eq!(ours, theirs, "{path}");
    }
}

/// A volume with 3,000 owners, so that `$SDS` has three blocks.
fn owned() -> Option<(tempfile::TempDir, PathBuf)> {
    if !can_build() || !support::tool("ntfscat") {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = make_volume(folder.path(), "4096", 32);
    let mounted = Mounted::new(&image, "big_writes");
    let status = Command::new("python3")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/descriptors.py"))
        .arg("fill")
        .arg(&mounted.0)
        .arg("3000")
        .status()
        .unwrap();
    assert!(status.success());
    drop(mounted);
    Some((folder, image))
}

#[test]
fn owners_in_every_block_of_the_stream_are_those_of_a_second_reader() {
    let Some((_folder, image)) = owned() else {
        return;
    };
    let (ours, walked) = ntfs::stored_sids(&open(&image));
    let stream = ntfs::sds_by_ntfscat(&image);
    assert!(stream.len() > 2 * (512 << 10), "{}", stream.len());
    assert!(ours == ntfs::listed_sids(&stream));
    assert_eq!((walked.from_copy, walked.damaged), (0, 0));
    let owners = ours
        .iter()
        .filter(|line| line.contains(" owner S-1-5-21-7-8-"));
    assert_eq!(owners.count(), 3000);
}

/// Where the `len` bytes at `offset` of a stream lie in an image of 4-KiB clusters, first and second copy.
fn places(image: &[u8], stream: &[u8], offset: usize, len: usize) -> Vec<usize> {
    let bytes = &stream[offset..offset + len];
    let starts = (offset % 4096..image.len() - len).step_by(4096);
    starts
        .filter(|start| &image[*start..start + len] == bytes)
        .collect()
}

#[test]
fn a_damaged_descriptor_is_read_from_its_second_copy_and_one_without_is_counted() {
    let Some((_folder, image)) = owned() else {
        return;
    };
    let (whole, _) = ntfs::stored_sids(&open(&image));
    let stream = ntfs::sds_by_ntfscat(&image);
    // A descriptor in the second block: what its header and the first bytes behind it say is in no other.
    let line = whole
        .iter()
        .find(|line| line.contains("S-1-5-21-7-8-2000-1000"));
    let offset: usize = line.unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(offset > 512 << 10);
    let mut bytes = std::fs::read(&image).unwrap();
    let copies = places(&bytes, &stream, offset, 40);
    assert_eq!(copies.len(), 2);
    bytes[copies[0] + 24] ^= 1;
    std::fs::write(&image, &bytes).unwrap();
    let (mended, walked) = ntfs::stored_sids(&open(&image));
    assert_eq!((walked.from_copy, walked.damaged), (1, 0));
    let elsewhere = |line: &&String| !line.starts_with(&format!("{offset} "));
    let moved = format!("{} ", offset + (256 << 10));
    assert_eq!(
        mended
            .iter()
            .filter(|line| line.starts_with(&moved))
            .count(),
        5
    );
    assert!(
        whole
            .iter()
            .filter(elsewhere)
            .all(|line| mended.contains(line))
    );
    // The second copy too; the ones behind it are found again.
    bytes[copies[1] + 24] ^= 1;
    std::fs::write(&image, &bytes).unwrap();
    let (rest, walked) = ntfs::stored_sids(&open(&image));
    assert_eq!((walked.from_copy, walked.damaged), (0, 1));
    assert_eq!(walked.first_damaged, Some(offset as u64));
    assert!(rest.iter().eq(whole.iter().filter(elsewhere)));
}

#[test]
fn a_block_that_is_wiped_is_read_from_its_second_copy() {
    let Some((_folder, image)) = owned() else {
        return;
    };
    let (whole, before) = ntfs::stored_sids(&open(&image));
    let stream = ntfs::sds_by_ntfscat(&image);
    let mut bytes = std::fs::read(&image).unwrap();
    let mut wiped = 0;
    for start in (0..256 << 10).step_by(4096) {
        let first = places(&bytes, &stream, start, 512)[0];
        bytes[first..first + 4096].fill(0);
        wiped += 1;
    }
    assert_eq!(wiped, 64);
    std::fs::write(&image, &bytes).unwrap();
    let (mended, walked) = ntfs::stored_sids(&open(&image));
    assert_eq!(
        (walked.descriptors, walked.damaged),
        (before.descriptors, 0)
    );
    assert_eq!(mended.len(), whole.len());
    assert!(walked.from_copy > 1000, "{walked:?}");
}

#[test]
fn more_descriptors_than_the_limit_are_refused_before_they_are_read() {
    let Some((_folder, image)) = owned() else {
        return;
    };
    let refused = open(&image).stored_descriptors(1000, &mut |_| panic!("was read"));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::LimitExceeded);
}

/// ntfs-3g tells the attributes of every file, and which have EFS metadata.
#[test]
fn encrypted_files_are_those_that_ntfs_3g_tells() {
    let Some(folder) = build(&["efs"]) else {
        return;
    };
    let image = folder.path().join("efs.img");
    let found = open(&image).encrypted_files(1 << 30).unwrap();
    let ours: Vec<String> = found
        .named
        .iter()
        .map(|file| file.path.replace('\\', "/"))
        .collect();
    let mounted = Mounted::new(&image, "ro,efs_raw");
    let script = "import os,sys
for folder,_,files in os.walk(sys.argv[1]):
    for name in files:
        place=os.path.join(folder,name)
        bits=int.from_bytes(os.getxattr(place,'system.ntfs_attrib_be'),'big')
        assert bool(bits&0x4000)==('user.ntfs.efsinfo' in os.listxattr(place))
        if bits&0x4000: print(os.path.relpath(place,sys.argv[1]))";
    let output = Command::new("python3")
        .args(["-c", script])
        .arg(&mounted.0)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut theirs: Vec<&str> = text.lines().collect();
    let mut sorted: Vec<&str> = ours.iter().map(String::as_str).collect();
    theirs.sort_unstable();
    sorted.sort_unstable();
    assert_eq!(sorted, theirs);
    assert_eq!((found.files, found.damaged), (2, 0));
}

/// Text that compresses, with parts that do not.
fn mixed_content(len: usize) -> Vec<u8> {
    let mut state = 1_u64;
    (0..len)
        .map(|place| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            match place / 50_000 % 3 {
                0 => b"the quick brown fox "[place % 20],
                1 => (state >> 56) as u8,
                _ => 0,
            }
        })
        .collect()
}

#[test]
fn compressed_and_sparse_content_is_what_was_written_through_ntfs_3g() {
    if !can_build() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = make_volume(folder.path(), "4096", 64);
    let content = mixed_content(1_000_003);
    {
        let mounted = Mounted::new(&image, "compression");
        let packed = mounted.0.join("packed");
        std::fs::create_dir(&packed).unwrap();
        let status = Command::new("setfattr")
            .args(["-h", "-v", "0x00000810", "-n", "system.ntfs_attrib_be"])
            .arg(&packed)
            .status()
            .unwrap();
        assert!(status.success());
        for len in [100, 4096, 65_536, 65_537, content.len()] {
            std::fs::write(packed.join(len.to_string()), &content[..len]).unwrap();
        }
        let sparse = std::fs::File::create(mounted.0.join("sparse")).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&sparse, b"end", 20 << 20).unwrap();
    }
    let volume = open(&image);
    for len in [100, 4096, 65_536, 65_537, content.len()] {
        let path = WinPath::new(&format!("packed\\{len}"));
        assert_eq!(
            volume.read(&path, 1 << 24).unwrap().unwrap(),
            content[..len],
            "{len}"
        );
    }
    let big = volume
        .metadata(&WinPath::new("packed\\1000003"))
        .unwrap()
        .unwrap();
    assert_eq!(big.has_attribute(ATTRIBUTE_COMPRESSED), Some(true));
    let sparse = WinPath::new("sparse");
    let read = volume.read(&sparse, 1 << 30).unwrap().unwrap();
    assert!(read.starts_with(&[0; 4096]) && read.ends_with(b"\0end"));
    assert_eq!(read.len(), (20 << 20) + 3);
    assert_eq!(volume.read_head(&sparse, 5).unwrap().unwrap(), [0; 5]);
    let refused = volume.read(&sparse, 1 << 20).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::LimitExceeded);
}

#[test]
fn a_file_of_single_cluster_extents_is_read_whole() {
    if !can_build() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = make_volume(folder.path(), "512", 24);
    let content = mixed_content(3_000_000);
    {
        let mounted = Mounted::new(&image, "big_writes");
        for number in 0..20_000 {
            if std::fs::write(mounted.0.join(format!("f{number:05}")), [1; 1024]).is_err() {
                break;
            }
        }
        for number in (0..20_000).step_by(2) {
            let _ = std::fs::remove_file(mounted.0.join(format!("f{number:05}")));
        }
        std::fs::write(mounted.0.join("big"), &content).unwrap();
    }
    let volume = open(&image);
    let path = WinPath::new("big");
    let stream = volume.file_content(&path).unwrap().unwrap();
    assert!(stream.extents().len() > 500, "{}", stream.extents().len());
    assert!(volume.read(&path, 1 << 24).unwrap().unwrap() == content);
}

#[test]
fn damage_on_the_way_is_an_error_and_never_absent() {
    let Some(folder) = build(&["n200_win"]) else {
        return;
    };
    let clean = folder.path().join("n200_win.img");
    let before: Vec<WinPath> = ntfs::walk(&open(&clean))
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    for kind in [
        "order",
        "stale",
        "name_mismatch",
        "fixup_mft",
        "fixup_indx",
        "vcn",
        "endflag",
        "key_len",
    ] {
        let image = folder.path().join(format!("{kind}.img"));
        std::fs::copy(&clean, &image).unwrap();
        let status = Command::new("python3")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(REFERENCE))
            .args(["damage"])
            .arg(&image)
            .arg(kind)
            .output()
            .unwrap();
        assert!(status.status.success(), "{kind}: {status:?}");
        let volume = open(&image);
        let errors = before
            .iter()
            .filter(|path| match volume.metadata(path) {
                Ok(Some(_)) => false,
                Ok(None) => panic!("{kind}: {path} is called absent"),
                Err(_) => true,
            })
            .count();
        assert!(errors > 0, "{kind} was not seen");
    }
}

#[test]
fn the_state_of_the_volume_is_noted() {
    let Some(folder) = build(&["n200_win"]) else {
        return;
    };
    let clean = folder.path().join("n200_win.img");
    for (kind, word) in [
        ("dirty", "dirty"),
        ("logfile", "log_not_clean"),
        ("mirr", "mft_damaged"),
    ] {
        let image = folder.path().join(format!("{kind}.img"));
        std::fs::copy(&clean, &image).unwrap();
        let output = Command::new("python3")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(REFERENCE))
            .arg("damage")
            .arg(&image)
            .arg(kind)
            .output()
            .unwrap();
        assert!(output.status.success(), "{kind}: {output:?}");
        let notes: Vec<_> = open(&image)
            .notes()
            .into_iter()
            .map(|note| note.kind)
            .collect();
        assert_eq!(notes, [word], "{kind}");
    }
}

#[test]
fn a_damaged_boot_sector_and_first_record_are_replaced_by_their_copies() {
    let Some(folder) = build(&["n200"]) else {
        return;
    };
    let mut bytes = std::fs::read(folder.path().join("n200.img")).unwrap();
    let record = u64::from_le_bytes(bytes[0x30..0x38].try_into().unwrap()) as usize * 4096;
    bytes[record + 510] ^= 0xff;
    bytes[..512].fill(0);
    let image = folder.path().join("copies.img");
    std::fs::write(&image, bytes).unwrap();
    let volume = open(&image);
    let kinds: Vec<_> = volume.notes().into_iter().map(|note| note.kind).collect();
    assert_eq!(kinds, ["boot_sector_damaged", "mft_damaged"]);
    let listed = volume
        .read_dir(&WinPath::new(ntfs::MACHINE_KEYS))
        .unwrap()
        .unwrap();
    assert_eq!(listed.len(), 200);
}

#[test]
fn an_mft_with_an_attribute_list_is_followed() {
    let Some(folder) = build(&["n200"]) else {
        return;
    };
    let mut bytes = std::fs::read(folder.path().join("n200.img")).unwrap();
    ntfs::split_mft(&mut bytes, 20);
    let image = folder.path().join("n200split.img");
    std::fs::write(&image, bytes).unwrap();
    std::fs::copy(
        folder.path().join("n200.expect"),
        image.with_extension("expect"),
    )
    .unwrap();
    // The oracle that the volume is a right one: ntfsls of ntfs-3g lists the directory.
    let output = Command::new("ntfsls")
        .arg("-f")
        .arg("-p")
        .arg(format!("/{}", ntfs::MACHINE_KEYS.replace('\\', "/")))
        .arg(&image)
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter(|line| line.contains('_'))
            .count(),
        200
    );
    let volume = open(&image);
    assert_eq!(volume.mft().stream().extents().len(), 2);
    check_tree(&folder.path().join("n200split"), 0);
}

#[test]
fn a_look_up_among_20_000_names_reads_a_few_blocks() {
    let Some(folder) = build(&["n20k"]) else {
        return;
    };
    let counter = Arc::new(ReadCounter::default());
    let file = std::fs::File::open(folder.path().join("n20k.img")).unwrap();
    let len = file.metadata().unwrap().len();
    let volume = NtfsVolume::open(Arc::new(FileDevice::new(file, len, counter.clone()))).unwrap();
    let path = WinPath::new(ntfs::MACHINE_KEYS)
        .child("c2319c42033a5ca7f44e731bfd3fa2b5_4cbde50a-570f-47f5-8cc1-f6e151231826");
    assert!(volume.metadata(&path).unwrap().is_some());
    let opened = counter.bytes();
    assert!(opened < 256 << 10, "{opened}");
    assert!(volume.metadata(&path).unwrap().is_some());
    assert_eq!(counter.bytes(), opened, "the second look-up reads nothing");
}
