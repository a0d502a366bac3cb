//! The hashes and ciphers that DPAPI names by their CALG identifiers.
//!
//! What Windows XP to 2003 and Vista write: SHA-1 with triple DES; from Windows 7 on SHA-512 with AES-256. Others can be
//! configured, or are those of Windows 2000; they are named as unsupported and never guessed. Identifiers: "ALG_ID", Platform
//! SDK.

use aes::Aes256;
use cbc::Decryptor;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use des::TdesEde3;
use hmac::{HmacReset, KeyInit, Mac};
use sha1::Sha1;
use sha2::digest::{FixedOutputReset, Output};
use sha2::{Digest, Sha512};
use zeroize::Zeroize;

use crate::error::{Error, ErrorKind, Result};
use crate::proof::secret::Secret;

/// Longest enciphered text that is decrypted; a private key of 4,096 bits has some 2.4 KiB.
pub const CIPHERTEXT_BYTES_MAX: usize = 64 << 10;

/// A hash that DPAPI uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// SHA-1: CALG_SHA1 0x8004, or 0x8009, which is HMAC and means HMAC-SHA-1 here.
    Sha1,
    /// SHA-512: CALG_SHA_512 0x800e.
    Sha512,
}

impl Hash {
    /// The hash of a CALG.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for one that is not used here.
    pub fn of_calg(calg: u32) -> Result<Self> {
        match calg {
            0x8004 | 0x8009 => Ok(Self::Sha1),
            0x800e => Ok(Self::Sha512),
            _ => Err(unsupported("hash", calg)),
        }
    }

    /// Bytes of a block, the length to which HMAC pads a key.
    pub fn block_bytes(self) -> usize {
        match self {
            Self::Sha1 => 64,
            Self::Sha512 => 128,
        }
    }

    /// Bytes of a digest.
    pub fn digest_bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha512 => 64,
        }
    }

    /// The digest of the parts, one behind the other.
    pub fn digest(self, parts: &[&[u8]]) -> Secret {
        fn of<D: Digest + FixedOutputReset>(parts: &[&[u8]]) -> Secret {
            let mut hash = D::new();
            for part in parts {
                Digest::update(&mut hash, part);
            }
            finish(&mut hash)
        }
        match self {
            Self::Sha1 => of::<Sha1>(parts),
            Self::Sha512 => of::<Sha512>(parts),
        }
    }

    /// HMAC with this hash under `key` (RFC 2104).
    pub fn keyed(self, key: &[u8]) -> Keyed {
        // HMAC takes a key of any length, so there is no error to report.
        match self {
            Self::Sha1 => Keyed::Sha1(HmacReset::new_from_slice(key).ok().map(Box::new)),
            Self::Sha512 => Keyed::Sha512(HmacReset::new_from_slice(key).ok().map(Box::new)),
        }
    }
}

/// HMAC that has taken its key; every tag starts anew from there.
#[derive(Clone)]
pub enum Keyed {
    /// HMAC-SHA-1.
    Sha1(Option<Box<HmacReset<Sha1>>>),
    /// HMAC-SHA-512.
    Sha512(Option<Box<HmacReset<Sha512>>>),
}

impl std::fmt::Debug for Keyed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyed(..)")
    }
}

impl Keyed {
    /// The tag of the parts, one behind the other.
    pub fn tag(&self, parts: &[&[u8]]) -> Secret {
        fn of<M: Mac + FixedOutputReset + Clone>(keyed: Option<&M>, parts: &[&[u8]]) -> Secret {
            let Some(keyed) = keyed else {
                return Secret::copy_of(&[]);
            };
            let mut mac = keyed.clone();
            for part in parts {
                Mac::update(&mut mac, part);
            }
            finish(&mut mac)
        }
        match self {
            Self::Sha1(keyed) => of(keyed.as_deref(), parts),
            Self::Sha512(keyed) => of(keyed.as_deref(), parts),
        }
    }
}

/// A cipher that DPAPI uses, in CBC mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cipher {
    /// Triple DES with three keys: CALG_3DES 0x6603.
    TripleDes,
    /// AES with 256 bits: CALG_AES_256 0x6610.
    Aes256,
}

impl Cipher {
    /// The cipher of a CALG.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for one that is not used here.
    pub fn of_calg(calg: u32) -> Result<Self> {
        match calg {
            0x6603 => Ok(Self::TripleDes),
            0x6610 => Ok(Self::Aes256),
            _ => Err(unsupported("cipher", calg)),
        }
    }

    /// Bytes of a key.
    pub fn key_bytes(self) -> usize {
        match self {
            Self::TripleDes => 24,
            Self::Aes256 => 32,
        }
    }

    /// Bytes of a block, and of the first one of CBC.
    pub fn block_bytes(self) -> usize {
        match self {
            Self::TripleDes => 8,
            Self::Aes256 => 16,
        }
    }

    /// Decrypts whole blocks in CBC mode; the padding stays.
    ///
    /// # Errors
    /// A text that is empty, too long or no whole number of blocks; a key or first block of the wrong length.
    pub fn decrypt(self, key: &[u8], first: &[u8], text: &[u8]) -> Result<Secret> {
        let fault = || {
            Error::corrupt(format!(
                "enciphered text: should be whole blocks of {} bytes and at most {CIPHERTEXT_BYTES_MAX}, has {}",
                self.block_bytes(),
                text.len()
            ))
        };
        if text.is_empty() || text.len() > CIPHERTEXT_BYTES_MAX {
            return Err(fault());
        }
        let mut plain = Secret::copy_of(text);
        let done = match self {
            Self::TripleDes => Decryptor::<TdesEde3>::new_from_slices(key, first)
                .ok()
                .and_then(|cbc| {
                    cbc.decrypt_padded::<NoPadding>(plain.bytes_mut())
                        .map(<[u8]>::len)
                        .ok()
                }),
            Self::Aes256 => Decryptor::<Aes256>::new_from_slices(key, first)
                .ok()
                .and_then(|cbc| {
                    cbc.decrypt_padded::<NoPadding>(plain.bytes_mut())
                        .map(<[u8]>::len)
                        .ok()
                }),
        };
        done.filter(|len| *len == text.len()).ok_or_else(fault)?;
        Ok(plain)
    }
}

/// The result of a hash that has taken all its bytes. It stays where it is and is wiped there: one that is moved into the usual
/// function leaves a copy of its last block behind.
pub(crate) fn finish<D: FixedOutputReset>(hash: &mut D) -> Secret {
    let mut result = Output::<D>::default();
    hash.finalize_into_reset(&mut result);
    let secret = Secret::copy_of(&result);
    result.as_mut_slice().zeroize();
    secret
}

/// Takes PKCS#7 padding off; `None` if it is none.
pub fn unpad(plain: &mut Secret, block_bytes: usize) -> Option<()> {
    let len = plain.bytes().len();
    let pad = usize::from(*plain.bytes().last()?);
    if pad == 0 || pad > block_bytes {
        return None;
    }
    let kept = len.checked_sub(pad)?;
    let padding = plain.bytes().get(kept..)?;
    if padding.iter().any(|byte| usize::from(*byte) != pad) {
        return None;
    }
    plain.truncate(kept);
    Some(())
}

/// A private step that the key at hand does not open.
pub(crate) fn does_not_open(what: &str) -> Error {
    Error::new(ErrorKind::Encrypted, what)
}

fn unsupported(what: &str, calg: u32) -> Error {
    Error::unsupported(format!(
        "DPAPI: {what} 0x{calg:04x} is not one that is tested"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::dpapi_blob::tests::unhex;
    use crate::base::bytes::hex;

    #[test]
    fn hmac_gives_the_tags_of_rfc_2202_and_rfc_4231() {
        let sha1 = Hash::Sha1.keyed(&[0x0b; 20]).tag(&[b"Hi ", b"There"]);
        assert_eq!(
            hex(sha1.bytes()),
            "b617318655057264e28bc0b6fb378c8ef146be00"
        );
        let sha512 = Hash::Sha512
            .keyed(b"Jefe")
            .tag(&[b"what do ya want for nothing?"]);
        assert_eq!(
            hex(sha512.bytes()),
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554\
             9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
        );
    }

    /// NIST SP 800-38A, F.2.6 (CBC-AES256.Decrypt), the first block.
    #[test]
    fn aes_in_cbc_mode_decrypts_the_block_of_sp_800_38a() {
        let plain = Cipher::Aes256
            .decrypt(
                &unhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"),
                &unhex("000102030405060708090a0b0c0d0e0f"),
                &unhex("f58c4c04d6e5f1ba779eabfb5f7bfbd6"),
            )
            .unwrap();
        assert_eq!(hex(plain.bytes()), "6bc1bee22e409f96e93d7e117393172a");
    }

    #[test]
    fn a_text_of_no_whole_blocks_is_corrupt() {
        for len in [0, 7, 9, CIPHERTEXT_BYTES_MAX + 8] {
            let error = Cipher::TripleDes
                .decrypt(&[1; 24], &[0; 8], &vec![0; len])
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{len} bytes");
        }
    }

    #[test]
    fn algorithms_that_are_not_tested_are_unsupported() {
        for calg in [0, 0x6601, 0x6801, 0x660e, 0x8003, 0x800c] {
            let cipher = Cipher::of_calg(calg).unwrap_err().kind();
            let hash = Hash::of_calg(calg).unwrap_err().kind();
            assert_eq!(
                (cipher, hash),
                (ErrorKind::Unsupported, ErrorKind::Unsupported)
            );
        }
    }

    #[test]
    fn padding_that_is_none_is_refused() {
        for (bytes, kept) in [
            (&[9, 9, 2, 2][..], Some(2)),
            (&[1, 2, 3, 0], None),
            (&[9, 9, 3, 2], None),
            (&[4, 4, 4, 4], Some(0)),
            (&[5, 5, 5, 5], None),
            (&[], None),
        ] {
            let mut secret = Secret::copy_of(bytes);
            let unpadded = unpad(&mut secret, 4).map(|()| secret.bytes().len());
            assert_eq!(unpadded, kept, "{bytes:?}");
        }
    }
}
