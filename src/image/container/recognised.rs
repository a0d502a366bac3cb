//! Formats that are told apart and not read: each gives one line that says what the bytes are and what to do meanwhile.
//!
//! Signatures: the published format descriptions of each (MS-VHDX, VMDK 5.0, the qcow2 description of QEMU, EWF of libyal,
//! AFF4, WIM, APPNOTE of ZIP, RFC 1952, the xz and zstd file formats, ECMA-119).

use crate::base::bytes;
use crate::error::{Error, Result};
use crate::image::container::{Context, Format, Opened};
use crate::image::device::{BlockDevice, Device, read_vec};

/// The formats of this table.
pub static FORMAT: Format = Format {
    name: "recognised",
    probe,
    open,
};

/// A format that is recognised by bytes at a place.
struct Signature {
    offset: u64,
    magic: &'static [u8],
    what: &'static str,
    advice: &'static str,
}

const CONVERT: &str = "convert it first: qemu-img convert -O raw IMAGE disk.raw";
const EXPORT_EWF: &str = "export it first: ewfexport -f raw -t disk IMAGE";
const UNPACK: &str = "unpack it first and give the image inside";
const APPLY_WIM: &str =
    "apply it first: wimlib-imagex apply IMAGE 1 DIRECTORY, and give the directory";

const SIGNATURES: &[Signature] = &[
    entry(0, b"vhdxfile", "a VHDX disk", CONVERT),
    entry(0, b"KDMV", "a sparse VMDK disk", CONVERT),
    entry(0, b"COWD", "an ESX sparse VMDK disk", CONVERT),
    entry(
        0,
        b"# Disk DescriptorFile",
        "the descriptor of a VMDK disk",
        CONVERT,
    ),
    entry(0, b"QFI\xfb", "a QCOW2 disk", CONVERT),
    entry(0x40, b"\x7f\x10\xda\xbe", "a VDI disk", CONVERT),
    entry(0, b"WithoutFreeSpace", "a Parallels disk", CONVERT),
    entry(0, b"WithouFreSpacExt", "a Parallels disk", CONVERT),
    entry(
        0,
        b"EVF\x09\x0d\x0a\xff\x00",
        "an E01 (EWF) image",
        EXPORT_EWF,
    ),
    entry(
        0,
        b"LVF\x09\x0d\x0a\xff\x00",
        "an L01 (EWF logical) image",
        EXPORT_EWF,
    ),
    entry(
        0,
        b"EVF2\x0d\x0a\x81\x00",
        "an Ex01 (EWF2) image",
        EXPORT_EWF,
    ),
    entry(
        0,
        b"LEF2\x0d\x0a\x81\x00",
        "an Lx01 (EWF2 logical) image",
        EXPORT_EWF,
    ),
    entry(
        0,
        b"AFF10\x0d\x0a\x00",
        "an AFF image",
        "convert it first: affconvert -r IMAGE",
    ),
    entry(0, b"MSWIM\0\0\0", "a WIM or ESD archive", APPLY_WIM),
    entry(0, b"WLPWM\0\0\0", "a pipable WIM archive", APPLY_WIM),
    entry(
        0x8001,
        b"CD001",
        "an ISO 9660 image",
        "give the Windows image that was installed from it",
    ),
    entry(0, b"MSCF\0\0\0\0", "a cabinet archive", UNPACK),
    entry(0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    entry(0, b"Rar!\x1a\x07", "a RAR archive", UNPACK),
    entry(0, b"\x1f\x8b\x08", "gzip-compressed data", UNPACK),
    entry(0, b"\xfd7zXZ\0", "xz-compressed data", UNPACK),
    entry(0, b"\x28\xb5\x2f\xfd", "zstd-compressed data", UNPACK),
    entry(0, b"BZh", "bzip2-compressed data", UNPACK),
    entry(257, b"ustar", "a tar archive", UNPACK),
    entry(
        0,
        b"regf",
        "a single registry hive",
        "name it by option: --system FILE, --software FILE ...",
    ),
    entry(
        0,
        b"ElfFile\0",
        "a single event log",
        "name it by option: --event-log FILE",
    ),
];

const ZIP: &[u8] = b"PK\x03\x04";
/// The first member that an AFF4 writer stores.
const AFF4_MEMBERS: [&[u8]; 2] = [b"container.description", b"version.txt"];
/// Where the name of the first member stands in a ZIP archive.
const ZIP_NAME_OFFSET: usize = 30;

const fn entry(
    offset: u64,
    magic: &'static [u8],
    what: &'static str,
    advice: &'static str,
) -> Signature {
    Signature {
        offset,
        magic,
        what,
        advice,
    }
}

/// What the bytes are and what to do with them, if that is known.
fn recognise(device: &dyn BlockDevice) -> Result<Option<(&'static str, &'static str)>> {
    for signature in SIGNATURES {
        if has(device, signature.offset, signature.magic)? {
            return Ok(Some((signature.what, signature.advice)));
        }
    }
    if !has(device, 0, ZIP)? {
        return Ok(None);
    }
    let len = usize::try_from(device.len_bytes())
        .unwrap_or(usize::MAX)
        .min(64);
    let head = read_vec(device, 0, len)?;
    let is_aff4 = AFF4_MEMBERS.iter().any(|name| {
        bytes::slice(&head, ZIP_NAME_OFFSET, name.len()).is_some_and(|found| found == *name)
    });
    Ok(Some(if is_aff4 {
        ("an AFF4 image", "export it first to a raw image")
    } else {
        ("a ZIP archive", UNPACK)
    }))
}

fn has(device: &dyn BlockDevice, offset: u64, magic: &[u8]) -> Result<bool> {
    let end = offset.saturating_add(u64::try_from(magic.len()).unwrap_or(u64::MAX));
    if end > device.len_bytes() {
        return Ok(false);
    }
    Ok(read_vec(device, offset, magic.len())? == magic)
}

fn probe(device: &dyn BlockDevice) -> Result<bool> {
    Ok(recognise(device)?.is_some())
}

fn open(device: &Device, _context: &Context) -> Result<Opened> {
    Err(match recognise(device.as_ref())? {
        Some((what, advice)) => Error::unsupported(format!(
            "this is {what}, which is not supported yet; {advice}"
        )),
        None => Error::unsupported("unknown bytes"),
    })
}
