//! IIS_CRYPTO_BLOB: what IIS 4 to 6 wrap the session key and every encrypted property of a metabase in.
//!
//! A blob says what it is and how long its parts are; the signature at its end is the one thing that ties a metabase to a key
//! file. Nothing is decrypted here. Specification: [MS-IMSA] 2.2.2. Its text leaves the two length fields out of
//! BlobDataLength and calls the padding zero; the SessionKey that "IIS 6 Administration" prints shows that the first are
//! counted and the second is whatever lay in memory.

use zerocopy::byteorder::little_endian::U32;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::base::bytes;
use crate::error::{Error, Result};

/// Largest blob that is believed: a property of a metabase is text or a short binary value.
pub const BLOB_BYTES_MAX: usize = 1 << 20;

/// The signed hash begins at a multiple of this many bytes after the lengths.
const ALIGNMENT: u64 = 8;
/// Bytes of the two lengths that stand before the encrypted part.
const LENGTHS_BYTES: u64 = 8;

/// The head of every blob.
#[derive(Debug, FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Header {
    signature: [u8; 4], // 0x00
    data_length: U32,   // 0x04
}

const _: () = assert!(size_of::<Header>() == 0x08);

/// The lengths that follow in blobs that are signed.
#[derive(Debug, FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Lengths {
    encrypted: U32,   // 0x08 from the start of the blob
    signed_hash: U32, // 0x0c
}

const _: () = assert!(size_of::<Lengths>() == 0x08);

/// What a blob holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BlobKind {
    /// `IcKb`: the session key, wrapped for the exchange key of the container and signed with its signature key.
    SessionKey,
    /// `IcDb`: data encrypted with the session key, and signed.
    Data,
    /// `IcPb`: a public key.
    PublicKey,
    /// `IcHb`: a hash.
    Hash,
    /// `IcCb`: clear text, where Windows had no encryption (the French edition of NT 4.0).
    ClearText,
}

impl BlobKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [
        Self::SessionKey,
        Self::Data,
        Self::PublicKey,
        Self::Hash,
        Self::ClearText,
    ];

    /// The four bytes that a blob of this kind begins with.
    pub fn signature(self) -> [u8; 4] {
        match self {
            Self::SessionKey => *b"IcKb",
            Self::Data => *b"IcDb",
            Self::PublicKey => *b"IcPb",
            Self::Hash => *b"IcHb",
            Self::ClearText => *b"IcCb",
        }
    }

    /// The kind of a blob that begins with these four bytes.
    pub fn of_signature(signature: [u8; 4]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.signature() == signature)
    }

    /// Whether blobs of this kind end in a signed hash.
    pub fn is_signed(self) -> bool {
        matches!(self, Self::SessionKey | Self::Data)
    }
}

/// A blob, taken apart. What it holds is never shown: that of `IcCb` is clear text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CryptoBlob<'b> {
    /// What it holds.
    pub kind: BlobKind,
    /// The encrypted part of `IcKb` (a SIMPLEBLOB of CryptoAPI) and `IcDb`; all data of the other kinds.
    pub encrypted: &'b [u8],
    /// The signed hash of `IcKb` and `IcDb`, in the order of the disk; empty for the other kinds.
    pub signed_hash: &'b [u8],
    /// Length of the whole blob in bytes.
    pub len_bytes: usize,
}

impl std::fmt::Debug for CryptoBlob<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("CryptoBlob")
            .field("kind", &self.kind)
            .field("encrypted_bytes", &self.encrypted.len())
            .field("signed_hash_bytes", &self.signed_hash.len())
            .field("len_bytes", &self.len_bytes)
            .finish()
    }
}

impl<'b> CryptoBlob<'b> {
    /// Parses a value that is one blob and nothing else.
    ///
    /// # Errors
    /// A value that begins with no known signature, whose lengths do not agree, or that goes on behind the blob.
    pub fn parse(value: &'b [u8]) -> Result<Self> {
        let blob = Self::parse_prefix(value)?;
        if blob.len_bytes != value.len() {
            return Err(Error::corrupt(format!(
                "crypto blob at 0x00000004: length should be that of its value, {} bytes, is {}",
                value.len(),
                blob.len_bytes
            )));
        }
        Ok(blob)
    }

    /// Parses the blob that the bytes begin with; what follows is not looked at.
    ///
    /// # Errors
    /// Bytes that begin with no known signature, whose lengths do not agree, or that end before the blob does.
    pub fn parse_prefix(bytes: &'b [u8]) -> Result<Self> {
        let (header, rest) = Header::read_from_prefix(bytes)
            .map_err(|_| Error::corrupt("crypto blob at 0x00000000: header should be 8 bytes"))?;
        let kind = BlobKind::of_signature(header.signature).ok_or_else(|| {
            Error::corrupt(format!(
                "crypto blob at 0x00000000: signature should be IcKb, IcDb, IcPb, IcHb or IcCb, is {}",
                bytes::hex(&header.signature)
            ))
        })?;
        let data_bytes = usize::try_from(header.data_length.get())
            .ok()
            .filter(|length| *length <= BLOB_BYTES_MAX)
            .ok_or_else(|| {
                Error::corrupt(format!(
                    "crypto blob at 0x00000004: length should be at most {BLOB_BYTES_MAX} bytes, is {}",
                    header.data_length.get()
                ))
            })?;
        let data = rest.get(..data_bytes).ok_or_else(|| {
            Error::corrupt(format!(
                "crypto blob at 0x00000004: length should be at most {} bytes, is {data_bytes}",
                rest.len()
            ))
        })?;
        let (encrypted, signed_hash) = if kind.is_signed() {
            signed_parts(data)?
        } else {
            (data, &[][..])
        };
        Ok(Self {
            kind,
            encrypted,
            signed_hash,
            len_bytes: size_of::<Header>().saturating_add(data_bytes),
        })
    }
}

/// The encrypted part and the signed hash, where the lengths fill the data to the byte.
fn signed_parts(data: &[u8]) -> Result<(&[u8], &[u8])> {
    let (lengths, parts) = Lengths::read_from_prefix(data)
        .map_err(|_| Error::corrupt("crypto blob at 0x00000008: lengths should be 8 bytes"))?;
    let encrypted = u64::from(lengths.encrypted.get());
    let signed_hash = u64::from(lengths.signed_hash.get());
    // Three numbers of 32 bits cannot overflow 64.
    let padded = encrypted.next_multiple_of(ALIGNMENT);
    let total = LENGTHS_BYTES
        .saturating_add(padded)
        .saturating_add(signed_hash);
    if encrypted == 0 || signed_hash == 0 || total != data.len() as u64 {
        return Err(Error::corrupt(format!(
            "crypto blob at 0x00000008: {encrypted} encrypted and {signed_hash} signed bytes should fill {} bytes, need {total}",
            data.len()
        )));
    }
    let part = |from: u64, len: u64| {
        let from = usize::try_from(from).ok()?;
        bytes::slice(parts, from, usize::try_from(len).ok()?)
    };
    part(0, encrypted)
        .zip(part(padded, signed_hash))
        .ok_or_else(|| Error::corrupt("crypto blob at 0x00000010: its parts should lie inside"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The SessionKey that "IIS 6 Administration" (flylib.com/books/en/3.372.1.90) prints, in its lines of 64 digits.
    pub(crate) const PUBLISHED_SESSION_KEY: &str = "\
        49634b62980000004c00000040000000010200000168000000a400005fd46cd3\
        50fbc84e276e6bee11e5a845fd4e693aca95464cd73f2101d96435108a518072\
        05057ede3178af325b6f6aa71f20955d8e13d800d0a1c0597a35e16c3d004300\
        6169d38aaa99cefece9c6f9d744bf653fe205035818dcc8a4dffe8441ec44aff\
        7027a460229502ff6cca80a3ce83abdb07feb30a9128768904f38dc2c263c11d";

    pub(crate) fn from_hex(digits: &str) -> Vec<u8> {
        (0..digits.len() / 2)
            .map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap())
            .collect()
    }

    #[test]
    fn the_published_session_key_has_a_512_bit_block_and_signature() {
        let value = from_hex(PUBLISHED_SESSION_KEY);
        let blob = CryptoBlob::parse(&value).unwrap();
        assert_eq!(blob.kind, BlobKind::SessionKey);
        assert_eq!(blob.len_bytes, 160);
        // SIMPLEBLOB, version 2, CALG_RC4 for CALG_RSA_KEYX, as section 4.2 of the description decodes it.
        assert_eq!(
            bytes::hex(&blob.encrypted[..12]),
            "010200000168000000a40000"
        );
        assert_eq!(blob.encrypted.len(), 12 + 64);
        assert_eq!(bytes::hex(&blob.encrypted[72..]), "7a35e16c");
        assert_eq!(
            bytes::hex(&blob.signed_hash[..8]),
            "6169d38aaa99cefe",
            "the padding 3d004300 is not part of it"
        );
        assert_eq!(blob.signed_hash.len(), 64);
    }

    #[test]
    fn every_kind_is_told_by_its_four_bytes() {
        for (signature, kind) in [
            (0x624b_6349_u32, BlobKind::SessionKey),
            (0x6244_6349, BlobKind::Data),
            (0x6250_6349, BlobKind::PublicKey),
            (0x6248_6349, BlobKind::Hash),
            (0x6243_6349, BlobKind::ClearText),
        ] {
            assert_eq!(BlobKind::of_signature(signature.to_le_bytes()), Some(kind));
        }
        assert_eq!(BlobKind::of_signature(*b"IcXb"), None);
    }

    #[test]
    fn a_flipped_bit_in_any_length_is_corrupt() {
        let value = from_hex(PUBLISHED_SESSION_KEY);
        for at in 4..16 {
            for bit in 0..8 {
                let mut damaged = value.clone();
                damaged[at] ^= 1 << bit;
                // 4c to 4d, 4e, 4f, 49 and 4a.. keep the padded length; the parts then differ and the blob still fits.
                let padded = (at == 8).then(|| damaged[8].next_multiple_of(8));
                assert_eq!(
                    CryptoBlob::parse(&damaged).is_err(),
                    padded != Some(0x50),
                    "byte {at} bit {bit}"
                );
            }
        }
    }

    #[test]
    fn a_blob_cut_anywhere_is_corrupt() {
        let value = from_hex(PUBLISHED_SESSION_KEY);
        for len in 0..value.len() {
            assert!(CryptoBlob::parse_prefix(&value[..len]).is_err(), "{len}");
        }
    }

    #[test]
    fn lengths_that_overflow_are_corrupt() {
        let mut value = from_hex(PUBLISHED_SESSION_KEY);
        value[8..16].fill(0xff);
        assert!(CryptoBlob::parse(&value).is_err());
        value[4..8].fill(0xff);
        assert!(CryptoBlob::parse(&value).is_err());
    }

    #[test]
    fn bytes_behind_a_blob_are_not_a_value_of_it() {
        let mut value = from_hex(PUBLISHED_SESSION_KEY);
        value.push(0);
        assert!(CryptoBlob::parse(&value).is_err());
        assert!(CryptoBlob::parse_prefix(&value).is_ok());
    }

    #[test]
    fn the_debug_form_holds_no_byte_of_the_clear_text() {
        let blob = CryptoBlob::parse(b"IcCb\x03\x00\x00\x00abc").unwrap();
        assert_eq!(
            format!("{blob:?}"),
            "CryptoBlob { kind: ClearText, encrypted_bytes: 3, signed_hash_bytes: 0, len_bytes: 11 }"
        );
    }

    #[test]
    fn clear_text_has_data_and_no_signed_hash() {
        let blob = CryptoBlob::parse(b"IcCb\x03\x00\x00\x00abc").unwrap();
        assert_eq!(blob.kind, BlobKind::ClearText);
        assert_eq!(blob.encrypted, b"abc");
        assert!(blob.signed_hash.is_empty());
    }
}
