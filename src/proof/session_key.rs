//! The session key of a metabase: unwrapped with the exchange key of IIS's container, and tried on one encrypted property.
//!
//! The session key is a SIMPLEBLOB of CryptoAPI: an RC4 key in a block of PKCS#1 type 2, least significant byte first
//! ("Building a Simple Key Blob", Platform SDK; \[MS-IMSA\] 2.2.2). A property is RC4 over four zero bytes and the clear text,
//! and its signature is over MD5 of both. Keys of 40 bits get eleven zero bytes of salt ("Salt Value Functionality", Platform
//! SDK). What a property says is never looked at.

use md5::{Digest, Md5};
use rc4::{KeyInit, Rc4, StreamCipher};

use crate::artifact::simple_blob::{RC4, RSA_KEYX, SimpleBlob};
use crate::error::{Error, Result};
use crate::proof::algorithms::{does_not_open, finish};
use crate::proof::private_key::PrivateKey;
use crate::proof::secret::Secret;

/// Fewest random bytes of PKCS#1 type 2 (RFC 8017 section 7.2.1).
const PADDING_BYTES_MIN: usize = 8;
/// RC4 keys: 40 to 128 bits.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 5..=16;
/// A key of 40 bits is filled with zeros to this length.
const SALTED_BYTES: usize = 16;
/// Longest property that is tried.
const PROPERTY_BYTES_MAX: usize = 1 << 20;

/// The session key of a metabase.
#[derive(Clone, Debug)]
pub struct SessionKey {
    key: Secret,
}

impl SessionKey {
    /// Unwraps a session key.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Encrypted`] if this private key does not open it; [`crate::ErrorKind::Unsupported`] for another
    /// algorithm than RC4; bytes that are no SIMPLEBLOB.
    pub fn unwrap(simple_blob: &[u8], key: &PrivateKey) -> Result<Self> {
        let blob = SimpleBlob::parse(simple_blob)?;
        if blob.wrapped_for != RSA_KEYX {
            return Err(Error::corrupt(format!(
                "session key at 0x00000008: should be wrapped for an exchange key, 0x{RSA_KEYX:08x}, is for 0x{:08x}",
                blob.wrapped_for
            )));
        }
        if blob.key_algorithm != RC4 {
            return Err(Error::unsupported(format!(
                "session key: algorithm should be RC4, 0x00006801, is 0x{:08x}",
                blob.key_algorithm
            )));
        }
        let other = || does_not_open("the exchange key does not open the session key");
        if blob.block.len() != key.len_bytes() {
            return Err(other());
        }
        let block: Vec<u8> = blob.block.iter().rev().copied().collect();
        let opened = key.decrypt(&block).ok_or_else(other)?;
        let wrapped = key_in(opened.bytes()).ok_or_else(other)?;
        Ok(Self {
            key: Secret::copy_of(wrapped),
        })
    }

    /// Whether the key decrypts a property, and whether what comes out has the digest that was signed.
    ///
    /// # Errors
    /// A property without any content, or a too long one.
    pub fn tries(&self, encrypted: &[u8], signed_digest: Option<[u8; 16]>) -> Result<Property> {
        if encrypted.len() < 4 || encrypted.len() > PROPERTY_BYTES_MAX {
            return Err(Error::corrupt(format!(
                "encrypted property: should have 4 to {PROPERTY_BYTES_MAX} bytes, has {}",
                encrypted.len()
            )));
        }
        let zeros = [0; SALTED_BYTES];
        let missing = SALTED_BYTES.saturating_sub(self.key.bytes().len());
        let salted = Secret::joined(&[self.key.bytes(), zeros.get(..missing).unwrap_or_default()]);
        let mut result = Property::DoesNotOpen;
        for key in [&salted, &self.key] {
            let mut plain = Secret::copy_of(encrypted);
            let mut cipher = Rc4::new_from_slice(key.bytes())
                .map_err(|_| Error::corrupt("RC4 takes a key of 5 to 16 bytes"))?;
            cipher.apply_keystream(plain.bytes_mut());
            if !plain.bytes().starts_with(&[0; 4]) {
                continue;
            }
            if signed_digest.is_some_and(|digest| md5_of(&plain).bytes() == digest) {
                return Ok(Property::OpensAsSigned);
            }
            result = Property::Opens;
        }
        Ok(result)
    }

    /// Whether MD5 of the key, in either order of its bytes, is the digest that was signed ("Hashing Session Keys", Platform
    /// SDK). What IIS hashes is not published, so a difference says nothing.
    pub fn has_digest(&self, signed_digest: [u8; 16]) -> bool {
        let mut reversed = self.key.clone();
        reversed.bytes_mut().reverse();
        [&self.key, &reversed]
            .iter()
            .any(|key| md5_of(key).bytes() == signed_digest)
    }

    /// Bits of the key.
    pub fn bits(&self) -> usize {
        self.key.bytes().len().saturating_mul(8)
    }
}

/// What a session key makes of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Property {
    /// The prefix of zeros comes out, and the digest that was signed.
    OpensAsSigned,
    /// The prefix of zeros comes out; the digest is another one or is not known.
    Opens,
    /// No prefix of zeros.
    DoesNotOpen,
}

fn md5_of(secret: &Secret) -> Secret {
    let mut hash = Md5::new();
    hash.update(secret.bytes());
    finish(&mut hash)
}

/// The key in a block of PKCS#1 type 2, most significant byte first: `00 02`, random bytes without zero, `00`, key.
fn key_in(block: &[u8]) -> Option<&[u8]> {
    let padded = block.strip_prefix(&[0x00, 0x02])?;
    let padding = padded.iter().position(|byte| *byte == 0)?;
    let key = padded.get(padding.checked_add(1)?..)?;
    (padding >= PADDING_BYTES_MIN && KEY_BYTES.contains(&key.len())).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::dpapi_blob::tests::unhex;
    use crate::base::bytes::hex;

    fn session_key(key: &[u8]) -> SessionKey {
        SessionKey {
            key: Secret::copy_of(key),
        }
    }

    /// "Building a Simple Key Blob", Platform SDK: the key 74 4f 06 35 3f, and the block as it is stored.
    #[test]
    fn the_published_block_holds_the_published_key() {
        let mut stored = unhex("3f35064f7400");
        stored.extend([0x5a; 56]);
        stored.extend([0x02, 0x00]);
        stored.reverse();
        assert_eq!(key_in(&stored).map(hex).as_deref(), Some("744f06353f"));
    }

    #[test]
    fn a_block_of_another_form_holds_no_key() {
        let good = [&[0, 2][..], &[7; 56], &[0], &[9; 5]].concat();
        assert!(key_in(&good).is_some());
        for (at, byte) in [(0, 1), (1, 1), (5, 0), (58, 7)] {
            let mut block = good.clone();
            block[at] = byte;
            assert_eq!(key_in(&block), None, "byte {at}");
        }
        let long = [&[0, 2][..], &[7; 40], &[0], &[9; 17]].concat();
        assert_eq!(key_in(&long), None);
    }

    /// "Hashing Session Keys", Platform SDK: the key 4a 3a ee 77 37 and its digest.
    #[test]
    fn the_published_session_key_has_the_published_digest() {
        let key = session_key(&unhex("4a3aee7737"));
        let digest: [u8; 16] = unhex("0b15550aa003f93f7582f7e79132bc8c")
            .try_into()
            .unwrap();
        assert!(key.has_digest(digest));
        assert!(!session_key(&unhex("4a3aee7738")).has_digest(digest));
    }

    /// The SessionKey that "IIS 6 Administration" prints, without its first 16 bytes.
    #[test]
    fn the_published_session_key_is_a_simple_blob_of_rc4() {
        let blob = unhex(
            "010200000168000000a400005fd46cd350fbc84e276e6bee11e5a845fd4e693aca95464cd73f2101d96435108a518072\
             05057ede3178af325b6f6aa71f20955d8e13d800d0a1c0597a35e16c",
        );
        let parsed = SimpleBlob::parse(&blob).unwrap();
        assert_eq!(
            (parsed.key_algorithm, parsed.wrapped_for, parsed.block.len()),
            (RC4, RSA_KEYX, 64)
        );
        for at in [0, 1, 2, 3] {
            let mut other = blob.clone();
            other[at] ^= 1;
            assert!(SimpleBlob::parse(&other).is_err(), "byte {at}");
        }
    }

    /// RC4 with the key 0102030405 and with eleven zeros behind it; the key stream is that of RFC 6229 for the first.
    #[test]
    fn a_property_opens_with_and_without_the_salt_of_zeros() {
        let key = session_key(&[1, 2, 3, 4, 5]);
        let stream = unhex("b2396305f03dc027ccc3524a0a1118a8");
        let plain = [&[0; 4][..], b"clear text!!"].concat();
        let encrypted: Vec<u8> = plain.iter().zip(&stream).map(|(a, b)| a ^ b).collect();
        let digest = Md5::digest(&plain).into();
        assert_eq!(
            key.tries(&encrypted, Some(digest)).unwrap(),
            Property::OpensAsSigned
        );
        assert_eq!(
            key.tries(&encrypted, Some([0; 16])).unwrap(),
            Property::Opens
        );
        assert_eq!(key.tries(&encrypted, None).unwrap(), Property::Opens);
        let mut salted = Rc4::new_from_slice(&unhex("01020304050000000000000000000000")).unwrap();
        let mut text = plain.clone();
        salted.apply_keystream(&mut text);
        assert_eq!(
            key.tries(&text, Some(digest)).unwrap(),
            Property::OpensAsSigned
        );
        assert_eq!(
            session_key(&[1, 2, 3, 4, 6])
                .tries(&encrypted, Some(digest))
                .unwrap(),
            Property::DoesNotOpen
        );
    }

    #[test]
    fn the_debug_output_shows_nothing_of_it() {
        let key = session_key(&[1, 2, 3, 4, 5]);
        assert_eq!(format!("{key:?}"), "SessionKey { key: Secret(5 bytes) }");
    }
}
