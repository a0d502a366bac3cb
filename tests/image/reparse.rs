//! Files whose stream is not their content: the content is refused with the kind of the reparse point, and never guessed.

use std::io::Read;

use goldseal::ErrorKind;
use goldseal::base::limits::Limits;
use goldseal::base::win_path::WinPath;
use goldseal::image::filesystem::volume;

use crate::memory;

/// Made by `scripts/make_reparse_ntfs.sh` with ntfs-3g.
const VOLUME: &[u8] = include_bytes!("../../testdata/ntfs/reparse.img.gz");

#[test]
fn the_content_of_a_reparse_point_is_refused_by_its_kind() {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(VOLUME)
        .read_to_end(&mut bytes)
        .unwrap();
    let volume = volume::open(&memory(bytes), &Limits::default()).unwrap();
    for (name, tag, kind) in [
        ("wof.txt", 0x8000_0017, "WOF"),
        ("dedup.txt", 0x8000_0013, "deduplicated"),
        ("cloud.txt", 0x9000_001a, "cloud file"),
        ("unknown.txt", 0x9234_5678, "unknown reparse tag"),
    ] {
        let path = WinPath::new(name);
        let metadata = volume.metadata(&path).unwrap().unwrap();
        assert_eq!(metadata.reparse_tag, Some(tag), "{name}");
        for outcome in [volume.read(&path, 1 << 20), volume.read_head(&path, 16)] {
            let error = outcome.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{name}");
            assert!(error.chain().contains(kind), "{name}: {}", error.chain());
        }
    }
}
