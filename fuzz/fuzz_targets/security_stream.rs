//! Any bytes as `$SDS`, with offsets and hashes made right where the input asks for it.

#![no_main]

use goldseal::artifact::descriptor_accounts::named_sids;
use goldseal::error::{Error, ErrorKind};
use goldseal::image::filesystem::ntfs::security_stream::walk_stream;
use libfuzzer_sys::fuzz_target;

/// Bytes of a block, and of its copy behind it.
const BLOCK: usize = 256 << 10;

fuzz_target!(|input: &[u8]| {
    let Some((flags, bytes)) = input.split_first() else {
        return;
    };
    let mut stream = bytes.to_vec();
    // A copy that is whole, or one of which the second half is zeros.
    let kept = if flags & 2 == 0 { stream.len() } else { stream.len() / 2 };
    stream.resize(BLOCK, 0);
    stream.extend(&bytes[..kept]);
    stream.resize(BLOCK + bytes.len(), 0);
    if flags & 1 == 0 {
        for start in [0, BLOCK] {
            for at in (0..bytes.len()).step_by(16) {
                mend(&mut stream, start, at);
            }
        }
    }
    if flags & 4 != 0 {
        let half = bytes.len() / 2;
        stream[..half].fill(0);
    }
    let read = |offset: u64, len: usize| {
        let start = usize::try_from(offset).unwrap();
        let part = stream.get(start..start + len);
        part.map(<[u8]>::to_vec)
            .ok_or_else(|| Error::new(ErrorKind::OutOfBounds, "outside"))
    };
    let mut next = 0;
    let mut count = 0;
    let walked = walk_stream(stream.len() as u64, &read, 1 << 20, &mut |stored| {
        let at = stored.offset % BLOCK as u64;
        assert!(at >= next, "descriptors come in their order");
        next = at + 20 + stored.bytes.len() as u64;
        count += 1;
        let _ = named_sids(stored.bytes);
    });
    if let Ok(walked) = walked {
        assert_eq!(walked.descriptors, count);
    }
});

/// Makes offset and hash of a header right if its length fits.
fn mend(stream: &mut [u8], start: usize, at: usize) {
    let Some(head) = stream.get(start + at..start + at + 20) else {
        return;
    };
    let len = u32::from_le_bytes(head[16..20].try_into().unwrap()) as usize;
    if !(20..=4096).contains(&len) || stream.len() < start + at + len {
        return;
    }
    let entry = &mut stream[start + at..start + at + len];
    entry[8..16].copy_from_slice(&(at as u64).to_le_bytes());
    let hash = entry[20..].chunks_exact(4).fold(0_u32, |sum, word| {
        let word = u32::from_le_bytes(word.try_into().unwrap());
        sum.rotate_left(3).wrapping_add(word)
    });
    entry[..4].copy_from_slice(&hash.to_le_bytes());
}
