//! A DPAPI blob: which master key opens it, by which algorithms, and the bytes that are enciphered and signed.
//!
//! The private parts of a key file are such blobs. Everything here stands in clear; nothing is decrypted. Layout: `DPAPI_BLOB`
//! of impacket, in agreement with the readers of dpapick3 and dissect.target.

use crate::base::bytes;
use crate::base::guid::Guid;
use crate::error::{Error, Result};

/// The version that every blob carries, and that of its reference to a master key.
const VERSION: u32 = 1;
/// Provider df9d8cd0-1501-11d1-8c7a-00c04fc297eb in the order of the disk.
pub const PROVIDER: [u8; 16] = [
    0xd0, 0x8c, 0x9d, 0xdf, 0x01, 0x15, 0xd1, 0x11, 0x8c, 0x7a, 0x00, 0xc0, 0x4f, 0xc2, 0x97, 0xeb,
];
/// Offset of the provider.
const PROVIDER_OFFSET: usize = 4;
/// Offset of the master key's version: from here on the blob is signed.
const SIGNED_OFFSET: usize = 20;
/// Offset of the master key's GUID.
const MASTER_KEY_OFFSET: usize = 24;
/// Offset of the flags, the first field behind the GUID.
const FLAGS_OFFSET: usize = 40;
/// How much of a blob names its master key.
pub const HEAD_BYTES: usize = FLAGS_OFFSET;
/// Longest field that is believed; the longest of a key file is a private key of 4,096 bits, some 2.4 KiB.
const FIELD_BYTES_MAX: usize = 64 << 10;

/// A blob, borrowed from its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DpapiBlob<'b> {
    /// The master key that opens it.
    pub master_key: Guid,
    /// Flags: 4 is CRYPTPROTECT_LOCAL_MACHINE, 0x20000000 is CRYPTPROTECT_SYSTEM.
    pub flags: u32,
    /// The description, UTF-16 text.
    pub description: &'b [u8],
    /// CALG of the cipher.
    pub cipher: u32,
    /// Salt of the session key.
    pub salt: &'b [u8],
    /// Further secret of the session key; empty in every key file.
    pub strong: &'b [u8],
    /// CALG of the hash.
    pub hash: u32,
    /// Salt of the signature.
    pub sign_salt: &'b [u8],
    /// The enciphered bytes.
    pub data: &'b [u8],
    /// The bytes that the signature covers.
    pub signed: &'b [u8],
    /// The signature.
    pub sign: &'b [u8],
}

impl<'b> DpapiBlob<'b> {
    /// Parses a blob; bytes behind its end are left alone.
    ///
    /// # Errors
    /// Bytes that are no DPAPI blob, or whose lengths reach behind their end.
    pub fn parse(blob: &'b [u8]) -> Result<Self> {
        let master_key = master_key(blob)?;
        let mut fields = Fields {
            blob,
            offset: FLAGS_OFFSET,
        };
        let flags = fields.word()?;
        let description = fields.field()?;
        let cipher = fields.word()?;
        fields.word()?; // length of the cipher's key in bits, told by the CALG too
        let salt = fields.field()?;
        let strong = fields.field()?;
        let hash = fields.word()?;
        fields.word()?; // length of the hash in bits
        let sign_salt = fields.field()?;
        let data = fields.field()?;
        let signed = blob.get(SIGNED_OFFSET..fields.offset).unwrap_or_default();
        let sign = fields.field()?;
        Ok(Self {
            master_key,
            flags,
            description,
            cipher,
            salt,
            strong,
            hash,
            sign_salt,
            data,
            signed,
            sign,
        })
    }
}

/// The master key that opens a blob, from its first [`HEAD_BYTES`].
///
/// # Errors
/// Bytes that are shorter or that are no DPAPI blob.
pub fn master_key(blob: &[u8]) -> Result<Guid> {
    let short = || {
        Error::corrupt(format!(
            "DPAPI blob: should have at least {HEAD_BYTES} bytes, has {}",
            blob.len()
        ))
    };
    let guid = bytes::array(blob, MASTER_KEY_OFFSET).ok_or_else(short)?;
    for offset in [0, SIGNED_OFFSET] {
        let version = bytes::u32_le(blob, offset).ok_or_else(short)?;
        if version != VERSION {
            return Err(Error::corrupt(format!(
                "DPAPI blob at 0x{offset:08x}: version should be {VERSION}, is {version}"
            )));
        }
    }
    if bytes::array(blob, PROVIDER_OFFSET) != Some(PROVIDER) {
        return Err(Error::corrupt(format!(
            "DPAPI blob at 0x{PROVIDER_OFFSET:08x}: provider should be df9d8cd0-1501-11d1-8c7a-00c04fc297eb, is another"
        )));
    }
    Ok(Guid::from_disk_order(guid))
}

/// Reads field after field.
struct Fields<'b> {
    blob: &'b [u8],
    offset: usize,
}

impl<'b> Fields<'b> {
    fn word(&mut self) -> Result<u32> {
        let word = bytes::u32_le(self.blob, self.offset).ok_or_else(|| self.short(4))?;
        self.offset = self.offset.saturating_add(4);
        Ok(word)
    }

    /// A length and that many bytes.
    fn field(&mut self) -> Result<&'b [u8]> {
        let len = usize::try_from(self.word()?).unwrap_or(usize::MAX);
        let field = bytes::slice(self.blob, self.offset, len.min(FIELD_BYTES_MAX))
            .filter(|field| field.len() == len)
            .ok_or_else(|| self.short(len))?;
        self.offset = self.offset.saturating_add(len);
        Ok(field)
    }

    fn short(&self, wanted: usize) -> Error {
        Error::corrupt(format!(
            "DPAPI blob at 0x{:08x}: a field of {wanted} bytes should follow, the blob ends at 0x{:08x}",
            self.offset,
            self.blob.len()
        ))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The system blob of Windows 10 in dissect.target (tests/plugins/os/windows/dpapi/test_dpapi.py); what it holds and who
    /// opens it is stated there.
    const WINDOWS_10: &str = "01000000d08c9ddf0115d1118c7a00c04fc297eb01000000793e875924ca9a45\
        8b17a5dcd82c6ea100000000020000000000106600000001000020000000bf65\
        33a2eaa9c0393173bc5b8b53c33bb6273b8b86f6586a64a3cb5a2dbab7190000\
        00000e80000000020000200000006c29f425bf48b2bf66d9fe2c6c406a48c41a\
        77c90e911fe6576bc9811553ef1d50000000e5bf02ccca4cc273aa5dfacfa64b\
        c3ab746f59de5699943edbe0fdb6b389c73e0541589d4ac9f37cf4488c44bf0f\
        7fc656dc2bcad919c112a8cda9b54ede0d31ea260067f5540c0eecb3322682e2\
        0b6b400000009a07d60ab8ef3632b8f54009ece9599beba174626c8fe0dd8642\
        bd207dde9a6c34f1f611eccb6606d1e1ea10a406930b4e11087031dbe083a66e\
        e5db2b95ff71";

    /// The bytes of hexadecimal text.
    pub(crate) fn unhex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text
            .chars()
            .filter_map(|digit| digit.to_digit(16))
            .map(|digit| u8::try_from(digit).unwrap())
            .collect();
        digits
            .chunks(2)
            .map(|pair| (pair[0] << 4) | pair[1])
            .collect()
    }

    #[test]
    fn the_blob_of_windows_10_names_its_master_key_and_algorithms() {
        let bytes = unhex(WINDOWS_10);
        let blob = DpapiBlob::parse(&bytes).unwrap();
        assert_eq!(
            blob.master_key.to_string(),
            "59873e79-ca24-459a-8b17-a5dcd82c6ea1"
        );
        assert_eq!((blob.cipher, blob.hash), (0x6610, 0x800e));
        assert_eq!((blob.salt.len(), blob.strong.len()), (32, 0));
        assert_eq!(
            (blob.sign_salt.len(), blob.data.len(), blob.sign.len()),
            (32, 80, 64)
        );
        // The signature ends the blob and what it covers ends with the data.
        assert!(bytes.ends_with(blob.sign) && blob.signed.ends_with(blob.data));
        assert_eq!(blob.signed.len(), bytes.len() - 20 - 4 - 64);
    }

    #[test]
    fn a_truncated_blob_is_corrupt_at_every_length() {
        let bytes = unhex(WINDOWS_10);
        for len in 0..bytes.len() {
            assert!(DpapiBlob::parse(&bytes[..len]).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn a_length_beyond_the_blob_is_corrupt() {
        let mut bytes = unhex(WINDOWS_10);
        bytes[44..48].copy_from_slice(&u32::MAX.to_le_bytes());
        let error = DpapiBlob::parse(&bytes).unwrap_err().to_string();
        assert!(error.contains("0x00000030"), "{error}");
    }

    #[test]
    fn another_provider_or_version_is_no_dpapi_blob() {
        for offset in [0, 4, 19, 20] {
            let mut bytes = unhex(WINDOWS_10);
            bytes[offset] ^= 1;
            assert!(DpapiBlob::parse(&bytes).is_err(), "byte {offset}");
        }
    }
}
