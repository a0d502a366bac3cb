//! A DPAPI master key: opened with a half of DPAPI_SYSTEM, and proved by the tag inside.
//!
//! The cipher's key is derived by many rounds of HMAC. That derivation is not PBKDF2 of RFC 2898: each round hashes the sum so
//! far and not the last block. What is decrypted holds a salt, a tag and, in its last 64 bytes, the key; the tag decides.
//! Described in "DPAPI Secrets" (Passcape) and read alike by impacket, dpapick3 and dissect.target.

use std::fmt;

use zeroize::Zeroizing;

use crate::artifact::master_key_file::Section;
use crate::error::{Error, ErrorKind, Result};
use crate::proof::algorithms::{Cipher, Hash, does_not_open};
use crate::proof::secret::Secret;

/// Most rounds that one file may ask for; Windows writes 4,000 to 17,400.
pub const ROUNDS_MAX: u32 = 200_000;
/// Most rounds that all files of one image may ask for together.
pub const ROUNDS_TOTAL_MAX: u32 = 2_000_000;

/// Bytes of the salt before the tag.
const TAG_SALT_BYTES: usize = 16;
/// Bytes of a master key.
const KEY_BYTES: usize = 64;

/// The rounds that may still be computed.
#[derive(Debug, Clone)]
pub struct RoundsLeft(u32);

impl Default for RoundsLeft {
    fn default() -> Self {
        Self(ROUNDS_TOTAL_MAX)
    }
}

impl RoundsLeft {
    fn take(&mut self, rounds: u32) -> Result<()> {
        let left = self.0.checked_sub(rounds).filter(|_| rounds <= ROUNDS_MAX);
        self.0 = left.ok_or_else(|| {
            Error::new(
                ErrorKind::LimitExceeded,
                format!(
                    "master key: rounds should be at most {ROUNDS_MAX} and {} are left for this image, are {rounds}",
                    self.0
                ),
            )
        })?;
        Ok(())
    }
}

/// A master key.
#[derive(Clone)]
pub struct MasterKey(Secret);

impl MasterKey {
    /// Takes the 64 bytes of a master key.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(Secret::copy_of(bytes))
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    /// Opens a section with `secret`: a half of DPAPI_SYSTEM.
    ///
    /// # Errors
    /// [`ErrorKind::Encrypted`] if the tag shows that this secret does not open it; [`ErrorKind::Unsupported`] for other
    /// algorithms; [`ErrorKind::LimitExceeded`] for too many rounds; a section of impossible lengths.
    pub fn open(section: &Section<'_>, secret: &[u8], rounds: &mut RoundsLeft) -> Result<Self> {
        let cipher = Cipher::of_calg(section.cipher)?;
        let hash = Hash::of_calg(section.hash)?;
        if section.rounds == 0 {
            return Err(Error::corrupt(
                "master key: rounds should be at least 1, are 0",
            ));
        }
        rounds.take(section.rounds)?;
        let wanted = cipher.key_bytes().saturating_add(cipher.block_bytes());
        let derived = derive(hash, secret, &section.salt, section.rounds, wanted);
        let (key, first) = derived
            .split_at_checked(cipher.key_bytes())
            .unwrap_or_default();
        let plain = cipher.decrypt(key, first, section.data)?;
        let (salt, rest) = plain
            .bytes()
            .split_at_checked(TAG_SALT_BYTES)
            .unwrap_or_default();
        let stored = rest.get(..hash.digest_bytes()).unwrap_or_default();
        let key_at = rest.len().checked_sub(KEY_BYTES);
        let key = key_at
            .filter(|at| *at >= hash.digest_bytes())
            .and_then(|at| rest.get(at..))
            .ok_or_else(|| {
                Error::corrupt(format!(
                    "master key: should hold a salt, a tag and {KEY_BYTES} bytes of key, holds {} bytes",
                    plain.bytes().len()
                ))
            })?;
        let inner = hash.keyed(secret).tag(&[salt]);
        if hash.keyed(inner.bytes()).tag(&[key]).bytes() != stored {
            return Err(does_not_open("the tag of the master key does not match"));
        }
        Ok(Self(Secret::copy_of(key)))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(..)")
    }
}

/// The derivation of DPAPI: `wanted` bytes, one or more blocks of the hash.
fn derive(
    hash: Hash,
    secret: &[u8],
    salt: &[u8],
    rounds: u32,
    wanted: usize,
) -> Zeroizing<Vec<u8>> {
    let keyed = hash.keyed(secret);
    let mut derived = Zeroizing::new(Vec::with_capacity(
        wanted.saturating_add(hash.digest_bytes()),
    ));
    let mut block = 1_u32;
    while derived.len() < wanted {
        let mut sum = keyed.tag(&[salt, &block.to_be_bytes()]);
        for _ in 1..rounds {
            let next = keyed.tag(&[sum.bytes()]);
            for (byte, other) in sum.bytes_mut().iter_mut().zip(next.bytes()) {
                *byte ^= other;
            }
        }
        derived.extend_from_slice(sum.bytes());
        block = block.saturating_add(1);
        if sum.bytes().is_empty() {
            break;
        }
    }
    derived.truncate(wanted);
    derived
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::dpapi_blob::tests::unhex;
    use crate::artifact::master_key_file::MasterKeyFile;
    use crate::artifact::master_key_file::tests::impacket_system_file;
    use crate::base::bytes::hex;

    // impacket, tests/misc/test_dpapi.py: machineKey, userKey and systemMasterKey.
    const MACHINE: &str = "2bb2109db472825bfa7660fdbed62c981f08587b";
    const USER: &str = "458dc597034d8801fc6fe3b342817caabb81a0cb";
    const KEY: &str = "682a9b8923ff4ca7ce0ef7e4cee061f0ff942cd31c7703ec60792740b2e7d0b1\
        b5115d1ff77e10b77e189e0d6e99d5b668190ecd44fa84e82e049f406e2c2a59";

    fn open(bytes: &[u8], secret: &str) -> Result<MasterKey> {
        let file = MasterKeyFile::parse(bytes)?;
        MasterKey::open(&file.master_key, &unhex(secret), &mut RoundsLeft::default())
    }

    #[test]
    fn the_system_master_key_of_impacket_opens_with_its_user_key() {
        let key = open(&impacket_system_file(), USER).unwrap();
        assert_eq!(hex(key.bytes()), KEY);
        assert_eq!(format!("{key:?}"), "MasterKey(..)");
    }

    #[test]
    fn the_other_half_of_dpapi_system_does_not_open_it() {
        let error = open(&impacket_system_file(), MACHINE).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Encrypted);
    }

    #[test]
    fn a_flipped_bit_in_salt_or_text_does_not_open() {
        // Salt, tag salt, tag and key; the bytes between tag and key have no meaning.
        for at in [132, 160, 180, 128 + 32 + 143] {
            let mut bytes = impacket_system_file();
            bytes[at] ^= 0x10;
            let error = open(&bytes, USER).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Encrypted, "byte {at}");
        }
    }

    #[test]
    fn rounds_without_end_are_refused_before_they_are_computed() {
        let mut bytes = impacket_system_file();
        bytes[148..152].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(
            open(&bytes, USER).unwrap_err().kind(),
            ErrorKind::LimitExceeded
        );
        bytes[148..152].fill(0);
        assert_eq!(open(&bytes, USER).unwrap_err().kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn the_rounds_of_all_files_together_are_bounded() {
        let mut left = RoundsLeft(ROUNDS_MAX + 1);
        assert!(left.take(ROUNDS_MAX).is_ok());
        assert!(left.take(2).is_err());
        assert!(left.take(1).is_ok());
    }
}
