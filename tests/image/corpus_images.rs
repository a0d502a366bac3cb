//! Every image of the corpus: opened with the layers that other programs show, or refused with the right word.

use goldseal::image::{Image, Options};

use crate::{corpus, memory};

/// What is expected of an image.
enum Expected {
    /// It opens; these are the chains of layers of its volumes, and a word of the error of those that cannot be read.
    Volumes(&'static [(&'static str, Option<&'static str>)]),
    /// It is refused as a whole, with this word.
    Refused(&'static str),
}

use Expected::{Refused, Volumes};

const IMAGES: &[(&str, Expected)] = &[
    ("dfir_ntfs3.raw.gz", Volumes(&[("file ntfs:3.1", None)])),
    (
        "dfir_ntfs_index.raw.gz",
        Volumes(&[("file mbr:1 ntfs:3.1", None)]),
    ),
    (
        "grr_mbr_ntfs_ads.dd.zst",
        Volumes(&[("file mbr:1 ntfs:3.1", None)]),
    ),
    (
        "ntfs_crate_testfs1.zst",
        Volumes(&[("file ntfs:3.1", None)]),
    ),
    (
        "orc_ntfs.vhd.zst",
        Volumes(&[("file vhd:fixed mbr:1 ntfs:3.1", None)]),
    ),
    ("dfir_128k.boot", Volumes(&[("file", Some("MFT"))])),
    (
        "bitlk-aes-xts-128-clearkey-only.img.zst",
        Volumes(&[("file", Some("BitLocker"))]),
    ),
    (
        "bitlk-aes-xts-128.img.zst",
        Volumes(&[("file", Some("BitLocker"))]),
    ),
    (
        "bitlk-togo-aes-cbc-128.img.zst",
        Volumes(&[("file", Some("BitLocker To Go"))]),
    ),
    ("dfir_exfat_win.raw.gz", Volumes(&[("file", Some("exFAT"))])),
    ("dfir_fat12.raw.gz", Volumes(&[("file fat:12", None)])),
    ("dfir_fat16.raw.gz", Volumes(&[("file fat:16", None)])),
    ("dfir_fat32_loop.raw.gz", Volumes(&[("file fat:32", None)])),
    (
        "dfir_fat32_small.raw.gz",
        Volumes(&[("file", Some("Windows writes no such volume"))]),
    ),
    ("fat12_rust.img.zst", Volumes(&[("file fat:12", None)])),
    (
        "velociraptor_fat_very_small.dd",
        Volumes(&[("file fat:12", None)]),
    ),
    ("fat_differential.vhd.zst", Refused("fat-parent.vhd")),
    ("image.vmdk", Refused("VMDK")),
    ("stream_opt.vmdk", Refused("VMDK")),
    ("mono_flat.vmdk", Refused("VMDK")),
    ("qemu_iotest-version3.vmdk.bz2", Refused("VMDK")),
    ("image_ext2.qcow2.zst", Refused("QCOW2")),
    ("windows_volume.qcow2.zst", Refused("QCOW2")),
    ("image_split.e01", Refused("E01")),
    ("ntfs_sample.e01", Refused("E01")),
    ("partitioned_ntfs.e01", Refused("E01")),
    ("vhdx_log_replay.vhdx.gz", Refused("VHDX")),
    ("qemu_iotest-dirtylog-10g-4m.vhdx.bz2", Refused("VHDX")),
    ("tiny_ntfs_partition.zip", Refused("ZIP")),
    (
        "ldm-2003r2-simple-1.img.zst",
        Volumes(&[("file mbr:1", Some("LDM"))]),
    ),
    (
        "ldm-2003r2-mirrored-1.img.zst",
        Volumes(&[("file mbr:1", Some("LDM"))]),
    ),
    (
        "ldm-2003r2-mirrored-2.img.zst",
        Volumes(&[("file mbr:1", Some("LDM"))]),
    ),
    (
        "ldm-2003r2-spanned-1.img.zst",
        Volumes(&[("file mbr:1", Some("LDM"))]),
    ),
    (
        "ldm-2003r2-spanned-2.img.zst",
        Volumes(&[("file mbr:1", Some("LDM"))]),
    ),
    ("fixed.vhd.zst", Refused("> vhd: no Windows image")),
    ("image_dynamic.vhd.zst", Refused("checksum should be")),
    (
        "qemu_virtualpc-dynamic.vhd.bz2",
        Refused("> vhd: no Windows image"),
    ),
    ("qemu_test-disk2vhd.vhdx.bz2", Refused("VHDX")),
    ("image_split.e02", Refused("E01")),
    ("mono_flat-flat.vmdk.zst", Refused("no Windows image")),
    ("dfir_4kn.boot", Volumes(&[("file", Some("MFT"))])),
    ("dfir_logfile_7.bin.zst", Refused("no Windows image")),
    (
        "dfir_mbr-512-p4.bin",
        Volumes(&[
            ("file mbr:1", Some("no file system")),
            ("file mbr:2", Some("should start at")),
            ("file mbr:3", Some("should start at")),
            ("file mbr:4", Some("should start at")),
        ]),
    ),
];

/// Those that other tests open: archives with a volume in them, disks of 1 GiB, partition tables alone.
const ELSEWHERE: &[&str] = &[
    "corrupt_ntfs_data_size_init_size_bigger_than_alloc_size_data_attr.tar.gz",
    "corrupt_ntfs_infinite_loop_root_dir_in_orphaned_file.tar.gz",
    "corrupt_ntfs_mismatch_index_filename.tar.gz",
    "corrupt_ntfs_root_attribute_missing_in_directory.tar.gz",
    "dfir_gpt-512-3p.raw.gz",
    "dfir_mbr-512-p1e2.bin.gz",
    "dfir_vss_1_vol.tar.gz",
    "ntfs_1gib_2m.raw.gz",
    "ntfs_si_vs_fn.raw.gz",
];

#[test]
fn no_image_of_the_corpus_is_left_out() {
    if corpus::folder().is_none() {
        return;
    }
    let is_named =
        |name: &str| IMAGES.iter().any(|(known, _)| *known == name) || ELSEWHERE.contains(&name);
    let mut names = corpus::names("images");
    names.retain(|name| !is_named(name.trim_start_matches("images/")));
    assert_eq!(names, Vec::<String>::new());
}

fn open(name: &str) -> goldseal::Result<Image> {
    let device = memory(corpus::read(&format!("images/{name}")));
    Image::from_device(name, device, &Options::default())
}

#[test]
fn every_image_of_the_corpus_opens_as_other_programs_show_it_or_says_why_not() {
    if corpus::folder().is_none() {
        return;
    }
    let mut wrong = Vec::new();
    for (name, expected) in IMAGES {
        let outcome = open(name);
        let found = match &outcome {
            Err(error) => vec![(String::new(), Some(error.chain()))],
            Ok(image) => image
                .volumes
                .iter()
                .map(|volume| {
                    let error = volume.filesystem.as_ref().err();
                    (volume.layers.join(" "), error.map(goldseal::Error::chain))
                })
                .collect(),
        };
        let is_right = match expected {
            Refused(word) => outcome
                .as_ref()
                .is_err_and(|error| error.chain().contains(word)),
            Volumes(volumes) => {
                outcome.is_ok()
                    && found.len() == volumes.len()
                    && found
                        .iter()
                        .zip(*volumes)
                        .all(|((layers, error), (wanted, word))| {
                            layers == wanted
                                && match (error, word) {
                                    (None, None) => true,
                                    (Some(error), Some(word)) => error.contains(word),
                                    _ => false,
                                }
                        })
            }
        };
        if !is_right {
            wrong.push(format!("{name}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
