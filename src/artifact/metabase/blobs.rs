//! The crypto blobs of a metabase: the session key and the encrypted properties, whatever file they stand in.
//!
//! `MetaBase.xml` (IIS 6) spells them as hexadecimal digits in attributes, the session key in `IIS_Global`, in one value or
//! over several lines. `MetaBase.bin` and `MetaBack\*.MD0` (IIS 4 to 5.1) have no public description: blobs are carved
//! from them by their signature and their own lengths, and whatever is concluded from that is an inference. Sources:
//! \[MS-IMSA\] 2.2.2; "IIS 6 Administration" (flylib.com/books/en/3.372.1.90) for the XML.

use std::borrow::Cow;

use crate::artifact::crypto_blob::{BlobKind, CryptoBlob};
use crate::artifact::metabase::MetabaseKind;
use crate::artifact::metabase::xml::walk;
use crate::base::bytes;
use crate::error::{Error, Result};

/// Lengths of a signed hash that are believed of a carved property: moduli of 384 to 4096 bits, in whole 64-bit steps.
const CARVED_SIGNATURE_BYTES: std::ops::RangeInclusive<u32> = 48..=512;
/// A session key may be sealed with a hash instead of a signature where a password wraps it.
const CARVED_HASH_BYTES: std::ops::RangeInclusive<u32> = 16..=512;
/// Longest clear text that is believed of a carved blob.
const CARVED_CLEAR_TEXT_BYTES_MAX: u32 = 64 << 10;
/// SIMPLEBLOB, version 2, reserved: how the encrypted part of a session key begins (CryptoAPI, BLOBHEADER).
const SIMPLE_BLOB: [u8; 4] = [0x01, 0x02, 0x00, 0x00];
/// The algorithm of the key that a SIMPLEBLOB is wrapped for, and its value for the exchange key of a container.
const WRAPPED_FOR: usize = 8;
const CALG_RSA_KEYX: u32 = 0x0000_a400;
/// Fewest zeros at the end of a binary metabase that are taken for what a crash left: a sector.
const LOST_TAIL_BYTES: usize = 512;
/// Bytes of a blob up to and with the head of a SIMPLEBLOB; fewer at the end of a file cannot be judged.
const HEAD_BYTES: usize = 20;
/// Bytes of a block that is searched for heads in one go.
const SEARCH_BYTES: usize = 32;
/// Fewest encrypted bytes of a property: a prefix of four, and one of the value.
const DATA_BYTES_MIN: u32 = 5;

/// The blobs of one metabase file.
#[derive(Debug, Clone, Default)]
pub struct MetabaseBlobs<'b> {
    session_keys: Vec<Cow<'b, [u8]>>,
    data: Vec<Cow<'b, [u8]>>,
    /// Number of blobs that hold clear text (`IcCb`).
    pub clear_text: u64,
    /// Number of public keys (`IcPb`).
    pub public_keys: u64,
    /// Number of values that begin as a blob and are none, or are a session key in another place than that of one.
    pub malformed: u64,
    /// Why the value that should be the session key is no blob of one.
    pub session_key_fault: Option<String>,
    /// Whether the blobs were carved from a file without a public description.
    pub by_inference: bool,
}

impl<'b> MetabaseBlobs<'b> {
    /// Reads the blobs of a `MetaBase.xml` or of a copy of one, without building a tree.
    ///
    /// # Errors
    /// What is no well-formed XML document.
    pub fn of_xml(file: &[u8]) -> Result<Self> {
        let mut blobs = Self::default();
        walk(file, |path, tag| {
            let is_global = path.last().is_some_and(|name| name == "IIS_Global");
            for attribute in tag.attributes().flatten() {
                let is_session_key = is_global && attribute.key.as_ref() == "SessionKey";
                blobs.add_value(&attribute.value, is_session_key);
            }
            Ok(())
        })?;
        Ok(blobs)
    }

    /// Finds the blobs of a `MetaBase.bin` or `MetaBack\*.MD0` by their signatures.
    pub fn carve(file: &'b [u8]) -> Self {
        let mut blobs = Self {
            by_inference: true,
            ..Self::default()
        };
        let mut end = 0;
        for start in heads(file) {
            let Some(rest) = file.get(start..).filter(|_| start >= end) else {
                continue;
            };
            if !is_plausible(rest) {
                if is_cut_head(rest) {
                    blobs.malformed = blobs.malformed.saturating_add(1);
                }
                continue;
            }
            let parsed = CryptoBlob::parse_prefix(rest);
            if parsed.is_err() && is_cut(rest) {
                blobs.malformed = blobs.malformed.saturating_add(1);
            }
            if let Ok(blob) = parsed
                && let Some(whole) = rest.get(..blob.len_bytes)
            {
                // Little tells a clear text in such a file, so it hides nothing that seems to lie in it.
                if blob.kind.is_signed() {
                    end = start.saturating_add(blob.len_bytes);
                }
                blobs.add(blob.kind, Cow::Borrowed(whole));
            }
        }
        blobs
    }

    /// The blobs of a file of that kind.
    ///
    /// # Errors
    /// XML that is not well-formed; a binary file whose end is zeros, as a crash leaves them, so that blobs may be lost.
    pub fn read(kind: MetabaseKind, file: &'b [u8]) -> Result<Self> {
        match kind {
            MetabaseKind::Xml => Self::of_xml(file),
            MetabaseKind::Binary => check_tail(file).map(|()| Self::carve(file)),
        }
    }

    /// The session keys (`IcKb`), in the order of the file; a metabase has one.
    pub fn session_keys(&self) -> impl ExactSizeIterator<Item = CryptoBlob<'_>> {
        parsed(&self.session_keys)
    }

    /// The encrypted properties (`IcDb`), in the order of the file.
    pub fn data(&self) -> impl ExactSizeIterator<Item = CryptoBlob<'_>> {
        parsed(&self.data)
    }

    /// Whether the session key is wrapped for something else than the exchange key of a container, as in a backup with a
    /// password, or a public key stands where it should be.
    pub fn is_portable(&self) -> bool {
        let is_wrapped_otherwise = |blob: CryptoBlob<'_>| {
            bytes::u32_le(blob.encrypted, WRAPPED_FOR).is_some_and(|with| with != CALG_RSA_KEYX)
        };
        match self.session_keys.len() {
            0 => self.public_keys > 0,
            _ => self.session_keys().all(is_wrapped_otherwise),
        }
    }

    fn add(&mut self, kind: BlobKind, blob: Cow<'b, [u8]>) {
        match kind {
            BlobKind::SessionKey => self.session_keys.push(blob),
            BlobKind::Data => self.data.push(blob),
            BlobKind::PublicKey => self.public_keys = self.public_keys.saturating_add(1),
            BlobKind::ClearText => self.clear_text = self.clear_text.saturating_add(1),
            BlobKind::Hash => {}
        }
    }

    /// A value of the XML: a blob if it begins as one.
    fn add_value(&mut self, text: &str, is_session_key: bool) {
        if !is_session_key && !begins_as_blob(text) {
            return;
        }
        let parsed = from_hex(text).and_then(|bytes| {
            let kind = CryptoBlob::parse(&bytes)?.kind;
            Ok((kind, bytes))
        });
        match parsed {
            Ok((BlobKind::SessionKey, _)) if !is_session_key => {
                self.malformed = self.malformed.saturating_add(1);
            }
            Ok((kind, bytes)) => self.add(kind, Cow::Owned(bytes)),
            Err(error) if is_session_key => {
                self.session_key_fault = Some(error.chain());
                self.malformed = self.malformed.saturating_add(1);
            }
            Err(_) => self.malformed = self.malformed.saturating_add(1),
        }
    }
}

/// The blobs were parsed when they were added.
fn parsed<'s>(blobs: &'s [Cow<'_, [u8]>]) -> impl ExactSizeIterator<Item = CryptoBlob<'s>> {
    const NONE: CryptoBlob<'static> = CryptoBlob {
        kind: BlobKind::Data,
        encrypted: &[],
        signed_hash: &[],
        len_bytes: 0,
    };
    blobs
        .iter()
        .map(|blob| CryptoBlob::parse(blob).unwrap_or(NONE))
}

/// Whether a value begins with the digits of `Ic`, a letter and `b`; white space may stand before and between.
fn begins_as_blob(text: &str) -> bool {
    let mut digits = text.bytes().filter(|byte| !byte.is_ascii_whitespace());
    let mut head = [0_u8; 8];
    for place in &mut head {
        match digits.next() {
            Some(digit) => *place = digit,
            None => return false,
        }
    }
    let [b'4', b'9', b'6', b'3', kind @ .., b'6', b'2'] = head else {
        return false;
    };
    BlobKind::ALL.iter().any(|candidate| {
        let [_, _, letter, _] = candidate.signature();
        bytes::hex(&[letter]).as_bytes().eq_ignore_ascii_case(&kind)
    })
}

/// The bytes of hexadecimal digits in pairs; white space may stand anywhere.
fn from_hex(text: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut high = None;
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        let digit = char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
            .ok_or_else(|| {
                Error::corrupt("value should be hexadecimal digits, has another sign")
            })?;
        match high.take() {
            None => high = Some(digit << 4),
            Some(high) => bytes.push(high | digit),
        }
    }
    if high.is_some() {
        return Err(Error::corrupt(
            "value should be pairs of hexadecimal digits, ends in a single one",
        ));
    }
    Ok(bytes)
}

/// Offsets of `Ic`, any letter and `b`, and of what the end of the file leaves of them.
///
/// Whole blocks are looked at first, in a form that becomes vector instructions: a search for the two letters is fast on
/// most files, and slower than a disk on one that is full of them.
fn heads(file: &[u8]) -> impl Iterator<Item = usize> {
    let is_head = |start: &usize| match file.get(*start..) {
        Some([b'I', b'c', _, fourth, ..]) => *fourth == b'b',
        Some([b'I', b'c', ..]) => true,
        _ => false,
    };
    (0..file.len())
        .step_by(SEARCH_BYTES)
        .filter(|start| may_hold_head(file, *start))
        .flat_map(|start| start..start.saturating_add(SEARCH_BYTES))
        .filter(is_head)
}

/// Whether a head begins in the block at `start`, or the block is too near to the end of the file to tell.
fn may_hold_head(file: &[u8], start: usize) -> bool {
    let block = |offset| {
        file.get(start.saturating_add(offset)..)
            .and_then(<[u8]>::first_chunk::<SEARCH_BYTES>)
    };
    let (Some(first), Some(second), Some(fourth)) = (block(0), block(1), block(3)) else {
        return true;
    };
    let letters = first.iter().zip(second).zip(fourth);
    letters.fold(0, |found, ((first, second), fourth)| {
        found | u8::from(*first == b'I') & u8::from(*second == b'c') & u8::from(*fourth == b'b')
    }) != 0
}

/// Whether the end of the file is there; a file of nothing but zeros holds nothing that could be cut.
fn check_tail(file: &[u8]) -> Result<()> {
    let Some(last) = file.iter().rposition(|byte| *byte != 0) else {
        return Ok(());
    };
    let start = last.saturating_add(1);
    let zeros = file.len().saturating_sub(start);
    if zeros >= LOST_TAIL_BYTES {
        return Err(Error::corrupt(format!(
            "binary metabase at 0x{start:08x}: should go on, the last {zeros} bytes are zeros, as a crash leaves them"
        )));
    }
    Ok(())
}

/// Whether the file ends inside the head of what may be a session key or a property.
fn is_cut_head(rest: &[u8]) -> bool {
    if rest.len() >= HEAD_BYTES {
        return false;
    }
    let signature = rest.get(..4).unwrap_or(rest);
    [BlobKind::SessionKey, BlobKind::Data]
        .iter()
        .any(|kind| kind.signature().starts_with(signature))
}

/// Whether the file ends inside the signed blob that plausibly begins here.
fn is_cut(rest: &[u8]) -> bool {
    let is_signed = bytes::array(rest, 0)
        .and_then(BlobKind::of_signature)
        .is_some_and(BlobKind::is_signed);
    let len = bytes::u32_le(rest, 4).map_or(0, u64::from);
    is_signed && len.saturating_add(8) > rest.len() as u64
}

/// Whether bytes that begin with `Ic` can be a blob: checked without an allocation, for files full of that.
fn is_plausible(bytes: &[u8]) -> bool {
    let Some(head) = bytes.first_chunk::<16>() else {
        return false;
    };
    let [signature, length, encrypted, signed_hash] = [0, 32, 64, 96].map(|bit| {
        let word = u128::from_le_bytes(*head) >> bit;
        u32::try_from(word & u128::from(u32::MAX)).unwrap_or_default()
    });
    let fills = |believed: std::ops::RangeInclusive<u32>| {
        believed.contains(&signed_hash)
            && signed_hash.is_multiple_of(8)
            && u64::from(length)
                == u64::from(encrypted)
                    .next_multiple_of(8)
                    .saturating_add(u64::from(signed_hash))
                    .saturating_add(8)
    };
    match &signature.to_le_bytes() {
        b"IcKb" => fills(CARVED_HASH_BYTES) && bytes::array(bytes, 16) == Some(SIMPLE_BLOB),
        b"IcDb" => fills(CARVED_SIGNATURE_BYTES) && encrypted >= DATA_BYTES_MIN,
        b"IcCb" => (1..=CARVED_CLEAR_TEXT_BYTES_MAX).contains(&length),
        // Nothing but four letters and a length tells the others.
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::crypto_blob::tests::{PUBLISHED_SESSION_KEY, from_hex as bytes_of};
    use crate::base::utf16;

    /// A blob of a property: 8 encrypted and 64 signed bytes.
    fn data_blob(fill: u8) -> Vec<u8> {
        let mut blob = b"IcDb".to_vec();
        for word in [8_u32 + 8 + 64, 8, 64] {
            blob.extend(word.to_le_bytes());
        }
        blob.resize(16 + 8 + 64, fill);
        blob
    }

    fn xml(session_key: &str, property: &str) -> Vec<u8> {
        format!(
            "<?xml version =\"1.0\"?>\r\n<configuration xmlns=\"urn:microsoft-catalog:XML_Metabase_V64_0\">\r\n<MBProperty>\r\n\
             <IIS_Global\tLocation =\".\"\r\n\t\tSessionKey=\"{session_key}\"\r\n\t>\r\n</IIS_Global>\r\n\
             <IIsWebService\tLocation =\"/LM/W3SVC\"\r\n\t\tAnonymousUserPass=\"{property}\"\r\n\t>\r\n</IIsWebService>\r\n\
             </MBProperty>\r\n</configuration>\r\n"
        )
        .into_bytes()
    }

    /// Numbers of session keys, properties, clear texts and malformed values.
    fn counts(blobs: &MetabaseBlobs<'_>) -> (usize, usize, u64, u64) {
        (
            blobs.session_keys().len(),
            blobs.data().len(),
            blobs.clear_text,
            blobs.malformed,
        )
    }

    #[test]
    fn the_published_session_key_is_read_from_one_line_and_from_several_in_any_case() {
        let expected = bytes_of(PUBLISHED_SESSION_KEY);
        let lines: Vec<String> = (0..5)
            .map(|line| PUBLISHED_SESSION_KEY[64 * line..64 * (line + 1)].to_owned())
            .collect();
        for text in [
            PUBLISHED_SESSION_KEY.to_owned(),
            PUBLISHED_SESSION_KEY.to_uppercase(),
            lines.join("\r\n\t\t\t"),
        ] {
            let file = xml(&text, &bytes::hex(&data_blob(7)));
            let blobs = MetabaseBlobs::of_xml(&file).unwrap();
            assert_eq!(counts(&blobs), (1, 1, 0, 0));
            assert_eq!(blobs.session_keys[0].as_ref(), expected);
            assert!(!blobs.by_inference && !blobs.is_portable());
        }
    }

    #[test]
    fn a_session_key_that_is_no_blob_is_a_fault_and_not_absent() {
        for text in ["", "4963", &PUBLISHED_SESSION_KEY[..310], "no digits", "0"] {
            let blobs = MetabaseBlobs::of_xml(&xml(text, "plain")).unwrap();
            assert_eq!(counts(&blobs), (0, 0, 0, 1), "{text}");
            assert!(blobs.session_key_fault.is_some(), "{text}");
        }
    }

    #[test]
    fn a_session_key_in_a_property_is_not_that_of_the_metabase() {
        let file = xml("", PUBLISHED_SESSION_KEY);
        let blobs = MetabaseBlobs::of_xml(&file).unwrap();
        assert_eq!(counts(&blobs), (0, 0, 0, 2));
    }

    #[test]
    fn values_that_only_look_like_hexadecimal_are_no_blobs() {
        for text in ["49634464", "4963", "49634662ff", "496344", "IcDb"] {
            let blobs = MetabaseBlobs::of_xml(&xml(PUBLISHED_SESSION_KEY, text)).unwrap();
            assert_eq!(counts(&blobs), (1, 0, 0, 0), "{text}");
        }
        let cut = bytes::hex(&data_blob(7)[..40]);
        let blobs = MetabaseBlobs::of_xml(&xml(PUBLISHED_SESSION_KEY, &cut)).unwrap();
        assert_eq!(counts(&blobs), (1, 0, 0, 1));
    }

    #[test]
    fn blobs_are_carved_from_between_other_bytes() {
        let mut file = utf16::encode_le("SessionKey\0");
        file.extend(bytes_of(PUBLISHED_SESSION_KEY));
        file.extend(b"IcIcDbIcKb");
        file.extend(data_blob(1));
        file.extend(data_blob(2));
        file.extend(b"IcDb\x50\0\0\0");
        let blobs = MetabaseBlobs::carve(&file);
        // The head that the end cuts off may have been of a blob.
        assert_eq!(counts(&blobs), (1, 2, 0, 1));
        assert!(blobs.by_inference);
        assert_eq!(blobs.data[1].as_ref(), data_blob(2));
    }

    #[test]
    fn a_blob_inside_of_another_is_not_carved_twice() {
        let mut outer = data_blob(0);
        outer[8..12].copy_from_slice(&96_u32.to_le_bytes());
        outer[4..8].copy_from_slice(&(8_u32 + 96 + 64).to_le_bytes());
        outer.truncate(16);
        outer.extend(data_blob(3));
        outer.resize(16 + 96 + 64, 0);
        let blobs = MetabaseBlobs::carve(&outer);
        assert_eq!(counts(&blobs), (0, 1, 0, 0));
    }

    #[test]
    fn words_in_a_binary_file_are_no_blobs() {
        let mut file = b"IcKb....IcDb....IcPbIcHb".repeat(1000);
        file.extend([b'.'; 32]);
        assert_eq!(counts(&MetabaseBlobs::carve(&file)), (0, 0, 0, 0));
    }

    #[test]
    fn every_head_that_the_end_cuts_off_counts_as_malformed() {
        let head = &bytes_of(PUBLISHED_SESSION_KEY)[..HEAD_BYTES - 1];
        for len in 0..=head.len() {
            let mut file = vec![b'.'; 32];
            file.extend(&head[..len]);
            let expected = u64::from(len >= 2);
            assert_eq!(counts(&MetabaseBlobs::carve(&file)).3, expected, "{len}");
            assert_eq!(
                counts(&MetabaseBlobs::carve(&head[..len])).3,
                expected,
                "{len}"
            );
        }
    }

    #[test]
    fn a_session_key_that_no_container_wraps_is_portable() {
        let mut blob = bytes_of(PUBLISHED_SESSION_KEY);
        assert!(!MetabaseBlobs::carve(&blob).is_portable());
        // CALG_RC4 in place of CALG_RSA_KEYX.
        blob[24..28].copy_from_slice(&0x6801_u32.to_le_bytes());
        assert!(MetabaseBlobs::carve(&blob).is_portable());
        let public = xml("496350620400000001020304", "plain");
        assert!(MetabaseBlobs::of_xml(&public).unwrap().is_portable());
    }
}
