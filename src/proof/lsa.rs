//! The LSA key and the secrets it opens, above all DPAPI_SYSTEM.
//!
//! Two generations. Windows XP and 2003: `SECURITY\Policy\PolSecretEncryptionKey`, RC4 under MD5 of the boot key and a salt
//! repeated 1,000 times; secrets in DES with a window of seven bytes that moves over the key ([MS-LSAD] 5.1.3 describes that
//! cipher). Vista and later: `SECURITY\Policy\PolEKList`, AES-256 under SHA-256 of the key and a salt repeated 1,000 times,
//! each block by itself; secrets in the same form. Places and offsets: impacket's secretsdump and dissect.target in agreement.

use std::fmt;

use aes::Aes256;
use des::Des;
use des::cipher::{Block, BlockCipherDecrypt, KeyInit};
use md5::Md5;
use rc4::{Rc4, StreamCipher};
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

use crate::base::bytes;
use crate::error::{Error, Result};
use crate::proof::algorithms::{does_not_open, finish};
use crate::proof::boot_key::BootKey;
use crate::proof::secret::Secret;

/// How often the salt is hashed.
const ROUNDS: usize = 1000;
/// Length of PolSecretEncryptionKey.
const NT5_POLICY_BYTES: usize = 76;
/// Bytes of the head of a value from Vista on: revision, GUID of the key, algorithm, flags.
const NT6_HEAD_BYTES: usize = 28;
/// Bytes of the salt behind that head.
const NT6_SALT_BYTES: usize = 32;
/// Bytes of the GUID that follows the revision in that head: the key that opens the value.
const NT6_GUID: (usize, usize) = (4, 16);
/// Where the key lies in a decrypted PolEKList of one key.
const NT6_KEY_OFFSET: usize = 68;
/// Where the number of keys and the first of them lie in the secret of a PolEKList.
const NT6_COUNT_OFFSET: usize = 24;
const NT6_KEYS_OFFSET: usize = 28;
/// Bytes of a key: its GUID, the algorithm (3), the length (32) and the key itself.
const NT6_ENTRY_BYTES: usize = 56;
const NT6_KEY_HEAD: [u8; 8] = [3, 0, 0, 0, 32, 0, 0, 0];
/// Where a secret begins in its decrypted value from Vista on.
const NT6_SECRET_OFFSET: usize = 16;
/// Longest value that is decrypted; DPAPI_SYSTEM has 124 bytes, PolEKList 172 a key.
const VALUE_BYTES_MAX: usize = 64 << 10;
/// Length of the secret DPAPI_SYSTEM: a version and two keys.
const DPAPI_SYSTEM_BYTES: usize = 44;

/// Which generation of the LSA wrote a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// Windows 2000, XP and 2003.
    Nt5,
    /// Vista and later.
    Nt6,
}

/// The key that opens the LSA's secrets.
#[derive(Clone)]
pub struct LsaKey {
    generation: Generation,
    key: Secret,
    /// From Vista on, all keys with their GUIDs; empty where the boot key did not open the list.
    named: Vec<([u8; 16], Secret)>,
}

impl fmt::Debug for LsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LsaKey({:?})", self.generation)
    }
}

impl LsaKey {
    /// Opens the default value of `SECURITY\Policy\PolSecretEncryptionKey` (Windows 2000, XP, 2003). Nothing in it tells
    /// whether the boot key was the right one; the first secret does.
    ///
    /// # Errors
    /// A value of another length.
    pub fn open_nt5(boot_key: &BootKey, value: &[u8]) -> Result<Self> {
        if value.len() != NT5_POLICY_BYTES {
            return Err(Error::corrupt(format!(
                "PolSecretEncryptionKey: should have {NT5_POLICY_BYTES} bytes, has {}",
                value.len()
            )));
        }
        let (salt, text) = (part(value, 60, 16)?, part(value, 12, 48)?);
        let mut hash = Md5::new();
        hash.update(boot_key.bytes());
        for _ in 0..ROUNDS {
            hash.update(salt);
        }
        let key = finish(&mut hash);
        let mut plain = Secret::copy_of(text);
        let mut cipher = Rc4::new_from_slice(key.bytes())
            .map_err(|_| Error::corrupt("RC4 takes a key of 16 bytes"))?;
        cipher.apply_keystream(plain.bytes_mut());
        Ok(Self {
            generation: Generation::Nt5,
            key: Secret::copy_of(part(plain.bytes(), 16, 16)?),
            named: Vec::new(),
        })
    }

    /// Opens the default value of `SECURITY\Policy\PolEKList` (Vista and later).
    ///
    /// # Errors
    /// A value that is too short, too long or no whole number of blocks; [`crate::ErrorKind::Unsupported`] for a list that
    /// opens and is laid out in another way.
    pub fn open_nt6(boot_key: &BootKey, value: &[u8]) -> Result<Self> {
        let plain = decrypt_nt6(boot_key.bytes(), value, "PolEKList")?;
        Ok(Self {
            generation: Generation::Nt6,
            key: Secret::copy_of(part(plain.bytes(), NT6_KEY_OFFSET, 32)?),
            named: match unwrapped(plain.bytes(), NT6_SECRET_OFFSET) {
                Some(list) => keys_of(list).ok_or_else(|| {
                    Error::unsupported(
                        "PolEKList: its keys are laid out in a way that is not known",
                    )
                })?,
                // The first secret tells that the boot key was not the right one.
                None => Vec::new(),
            },
        })
    }

    /// The generation of this key.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// The bytes of the key: 16, or 32 from Vista on.
    pub fn bytes(&self) -> &[u8] {
        self.key.bytes()
    }

    /// Decrypts the default value of `SECURITY\Policy\Secrets\NAME\CurrVal` or `OldVal`: the length of the secret in its
    /// first four bytes, the secret behind 8 bytes, or behind 16 from Vista on.
    ///
    /// # Errors
    /// A value whose length is not that of an encrypted secret; [`crate::ErrorKind::Encrypted`] where what comes out has not
    /// the form of one, so that this key does not open it.
    pub fn open_secret(&self, value: &[u8]) -> Result<Secret> {
        let (plain, offset) = match self.generation {
            Generation::Nt5 => (decrypt_nt5(self.key.bytes(), value)?, 8),
            Generation::Nt6 => (
                decrypt_nt6(self.key_for(value)?.bytes(), value, "LSA secret")?,
                NT6_SECRET_OFFSET,
            ),
        };
        let wrong = || does_not_open("the LSA key of this image does not open the secret");
        unwrapped(plain.bytes(), offset)
            .map(Secret::copy_of)
            .ok_or_else(wrong)
    }

    /// The key that the head of the value names.
    fn key_for(&self, value: &[u8]) -> Result<&Secret> {
        if self.named.is_empty() {
            return Ok(&self.key);
        }
        let (offset, len) = NT6_GUID;
        let wanted = part(value, offset, len)?;
        self.named
            .iter()
            .find(|(guid, _)| guid == wanted)
            .map(|(_, key)| key)
            .ok_or_else(|| {
                Error::unsupported("LSA secret: PolEKList does not hold the key that it names")
            })
    }
}

/// What follows the length in the first four bytes, behind `offset`; `None` where the length does not fit, so that the bytes
/// were not decrypted with the right key.
fn unwrapped(plain: &[u8], offset: usize) -> Option<&[u8]> {
    let len = usize::try_from(bytes::u32_le(plain, 0)?).ok()?;
    let padding = plain.len().checked_sub(offset)?.checked_sub(len)?;
    (padding <= 16).then(|| bytes::slice(plain, offset, len))?
}

/// The keys of a decrypted PolEKList: a revision, the GUID of the present key, flags, and so many keys.
fn keys_of(list: &[u8]) -> Option<Vec<([u8; 16], Secret)>> {
    let count = usize::try_from(bytes::u32_le(list, NT6_COUNT_OFFSET)?).ok()?;
    let entries = list.get(NT6_KEYS_OFFSET..)?;
    if count == 0 || count > entries.len() / NT6_ENTRY_BYTES {
        return None;
    }
    entries
        .chunks_exact(NT6_ENTRY_BYTES)
        .take(count)
        .map(|entry| {
            let is_known = entry.get(16..24)? == NT6_KEY_HEAD;
            let key = Secret::copy_of(entry.get(24..)?);
            is_known.then_some((bytes::array(entry, 0)?, key))
        })
        .collect()
}

/// The secret DPAPI_SYSTEM: the keys under which the master keys of LocalSystem are enciphered.
#[derive(Clone, Debug)]
pub struct DpapiSystem {
    /// For the master keys of the machine (`S-1-5-18`).
    pub machine: Secret,
    /// For the master keys of LocalSystem as a user (`S-1-5-18\User`).
    pub user: Secret,
}

impl DpapiSystem {
    /// Takes the decrypted secret apart: a version of 1 and two keys of 20 bytes.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Encrypted`] where it has another length or version: the key that decrypted it was not the right
    /// one.
    pub fn parse(secret: &Secret) -> Result<Self> {
        let secret = secret.bytes();
        if secret.len() != DPAPI_SYSTEM_BYTES || bytes::u32_le(secret, 0) != Some(1) {
            return Err(does_not_open(
                "the LSA key of this image does not open DPAPI_SYSTEM",
            ));
        }
        Ok(Self {
            machine: Secret::copy_of(part(secret, 4, 20)?),
            user: Secret::copy_of(part(secret, 24, 20)?),
        })
    }
}

fn part(value: &[u8], offset: usize, len: usize) -> Result<&[u8]> {
    bytes::slice(value, offset, len).ok_or_else(|| {
        Error::corrupt(format!(
            "LSA value at 0x{offset:08x}: should go on for {len} bytes, ends at 0x{:08x}",
            value.len()
        ))
    })
}

/// AES-256, each block by itself, under SHA-256 of the key and the salt.
fn decrypt_nt6(key: &[u8], value: &[u8], what: &str) -> Result<Secret> {
    let salt = part(value, NT6_HEAD_BYTES, NT6_SALT_BYTES)?;
    let text = value
        .get(NT6_HEAD_BYTES + NT6_SALT_BYTES..)
        .unwrap_or_default();
    if text.is_empty() || !text.len().is_multiple_of(16) || text.len() > VALUE_BYTES_MAX {
        return Err(Error::corrupt(format!(
            "{what}: should hold whole blocks of 16 bytes, at most {VALUE_BYTES_MAX}, holds {}",
            text.len()
        )));
    }
    let mut hash = Sha256::new();
    hash.update(key);
    for _ in 0..ROUNDS {
        hash.update(salt);
    }
    let key = finish(&mut hash);
    let cipher = Aes256::new_from_slice(key.bytes())
        .map_err(|_| Error::corrupt("AES-256 takes a key of 32 bytes"))?;
    let mut plain = Secret::copy_of(text);
    decrypt_blocks(&cipher, plain.bytes_mut());
    Ok(plain)
}

/// DES, each block by itself, under the next seven bytes of the key.
fn decrypt_nt5(key: &[u8], value: &[u8]) -> Result<Secret> {
    let wrong = || {
        Error::corrupt(format!(
            "LSA secret: should hold whole blocks of 8 bytes, at most {VALUE_BYTES_MAX}, value has {} bytes",
            value.len()
        ))
    };
    let len = bytes::u32_le(value, 0)
        .and_then(|len| usize::try_from(len).ok())
        .filter(|len| *len > 0 && len.is_multiple_of(8) && *len <= VALUE_BYTES_MAX)
        .ok_or_else(wrong)?;
    // The first four bytes are the length itself.
    let start = value.len().checked_sub(len).filter(|start| *start >= 4);
    let text = start
        .and_then(|start| value.get(start..))
        .ok_or_else(wrong)?;
    let mut plain = Secret::copy_of(text);
    let mut place = 0;
    for block in plain.bytes_mut().chunks_exact_mut(8) {
        let window = part(key, place, 7)?;
        let mut spread = spread_des_key(window);
        let cipher = Des::new_from_slice(&spread);
        spread.zeroize();
        let cipher = cipher.map_err(|_| Error::corrupt("DES takes a key of 8 bytes"))?;
        decrypt_blocks(&cipher, block);
        place = next_window(place, key.len());
    }
    Ok(plain)
}

fn decrypt_blocks<C: BlockCipherDecrypt>(cipher: &C, bytes: &mut [u8]) {
    for block in bytes.chunks_exact_mut(C::block_size()) {
        if let Ok(block) = <&mut Block<C>>::try_from(block) {
            cipher.decrypt_block(block);
        }
    }
}

/// Moves the window on; where fewer than seven bytes are left, as many as are left are skipped at the start ([MS-LSAD] 5.1.4).
fn next_window(place: usize, key_len: usize) -> usize {
    let next = place.saturating_add(7);
    let left = key_len.saturating_sub(next);
    if left < 7 { left } else { next }
}

/// Spreads 56 bits over the upper seven of eight bytes each; DES does not look at the lowest bit, its parity.
fn spread_des_key(window: &[u8]) -> [u8; 8] {
    let mut bits = [0_u8; 8];
    for (place, byte) in bits.iter_mut().skip(1).zip(window) {
        *place = *byte;
    }
    let mut all = u64::from_be_bytes(bits);
    bits.zeroize();
    let mut spread = [0_u8; 8];
    for byte in spread.iter_mut().rev() {
        *byte = u8::try_from(all & 0x7f).unwrap_or(0) << 1;
        all >>= 7;
    }
    spread
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::artifact::dpapi_blob::tests::unhex;
    use crate::base::bytes::hex;
    use crate::error::ErrorKind;
    use crate::proof::boot_key::tests::{WINDOWS_10, WINDOWS_XP, boot_key};

    // All values are those of dissect.target, tests/plugins/os/windows/test_lsa.py.
    pub(crate) const XP_POLICY: &str = "0100000001000000000000003e4253c6ab72f73306ffe45a33a4ec5d47d21483\
        85be6036b4c5bab2666d7f5793f23fed8513577b79abddb40eaa92c7a19b34ab\
        b9c134e88bf5dd2b2fbf6356";
    pub(crate) const XP_SECRET: &str = "3800000038000020acb90c00a26440bdf0382bdbcb5d51a743cb4cca01cfecb3\
        202848e00dfae25f8f0f3f4710ff37828532b5f600e97f6a00528fd8e0137f49\
        6fd2d905";
    const TEN_POLICY: &str = "00000001ecffe17b2a997440aa939adbff26f1fc030000000000000061f61040\
        72b7b9117289a891bc1edb9fa83fafae5d8648b8674825dc9bdcf1bf5ffbe591\
        27fd3a1baca6c5447530574c27a41ab721b13e54a9af857e682b8458859c0fab\
        55461a8f1b2b8c12d8f186a80991012e2d3ede5b1167554c726e404ed0eb96f6\
        488b90ece5b0b3ef9bf244f35dd65a30b2b450c4e227838810b631564b89300e\
        d4355040f23890f8b6b8eab8";
    const TEN_SECRET: &str = "00000001001f9b85984f68a8ed3e9d44dbd5b79c0300000000000000835b4ff6\
        6e74154ffab75afd31a2860616c87411bc97d368a068fca62d1564ae1396f88e\
        06de87b5e5632c668538ee36c75f67cee98d49ebc1e88fa7e9be16144af31e8e\
        5fd78329279e50d792e8a6b35a59cb55016748ecd8e12f148b1d32b3";

    fn xp() -> LsaKey {
        LsaKey::open_nt5(&boot_key(WINDOWS_XP).unwrap(), &unhex(XP_POLICY)).unwrap()
    }

    fn ten() -> LsaKey {
        LsaKey::open_nt6(&boot_key(WINDOWS_10).unwrap(), &unhex(TEN_POLICY)).unwrap()
    }

    #[test]
    fn the_policies_of_dissect_target_give_its_lsa_keys() {
        assert_eq!(hex(xp().bytes()), "e32851688cf1e05b1da350682a2e07d2");
        assert_eq!(
            hex(ten().bytes()),
            "26c34326a9f1d8db4f465487857d47d1481f0040c6becc8c65862c0cfb210631"
        );
    }

    #[test]
    fn the_secrets_of_dissect_target_give_both_halves_of_dpapi_system() {
        for (key, value, machine, user) in [
            (
                xp(),
                XP_SECRET,
                "0307e7679d5bc2d7a2212e216d527af1687f7183",
                "333dac1af5cc9d33ccd97238f3a25ebfaec94ac6",
            ),
            (
                ten(),
                TEN_SECRET,
                "3ac5746c27b424489300a781ba237676da760508",
                "3e7947c67271c16fc84cc567870148931cf29eb8",
            ),
        ] {
            let secret = key.open_secret(&unhex(value)).unwrap();
            let keys = DpapiSystem::parse(&secret).unwrap();
            assert_eq!(hex(keys.machine.bytes()), machine);
            assert_eq!(hex(keys.user.bytes()), user);
        }
    }

    /// `test_DPAPI_SYSTEM` of impacket, tests/misc/test_dpapi.py.
    #[test]
    fn dpapi_system_of_impacket_has_its_two_keys() {
        let secret = Secret::copy_of(&unhex(
            "010000002bb2109db472825bfa7660fdbed62c981f08587b458dc597034d8801fc6fe3b342817caabb81a0cb",
        ));
        let keys = DpapiSystem::parse(&secret).unwrap();
        assert_eq!(
            hex(keys.machine.bytes()),
            "2bb2109db472825bfa7660fdbed62c981f08587b"
        );
        assert_eq!(
            hex(keys.user.bytes()),
            "458dc597034d8801fc6fe3b342817caabb81a0cb"
        );
    }

    fn does_not_open(key: &LsaKey, value: &str) {
        let opened = key
            .open_secret(&unhex(value))
            .and_then(|secret| DpapiSystem::parse(&secret));
        assert_eq!(opened.unwrap_err().kind(), ErrorKind::Encrypted);
    }

    #[test]
    fn the_boot_key_of_another_system_does_not_open_the_secret() {
        let xp = LsaKey::open_nt5(&boot_key(WINDOWS_10).unwrap(), &unhex(XP_POLICY)).unwrap();
        does_not_open(&xp, XP_SECRET);
        let ten = LsaKey::open_nt6(&boot_key(WINDOWS_XP).unwrap(), &unhex(TEN_POLICY)).unwrap();
        does_not_open(&ten, TEN_SECRET);
    }

    #[test]
    fn values_of_another_length_are_corrupt() {
        let key = boot_key(WINDOWS_XP).unwrap();
        let (nt5, nt6) = (unhex(XP_POLICY), unhex(TEN_POLICY));
        for len in 0..nt5.len() {
            assert!(LsaKey::open_nt5(&key, &nt5[..len]).is_err(), "{len} bytes");
        }
        for len in 0..60 + NT6_KEY_OFFSET {
            assert!(LsaKey::open_nt6(&key, &nt6[..len]).is_err(), "{len} bytes");
        }
        for (key, value) in [(xp(), unhex(XP_SECRET)), (ten(), unhex(TEN_SECRET))] {
            for len in 0..value.len() - 1 {
                assert!(key.open_secret(&value[..len]).is_err(), "{len} bytes");
            }
        }
    }

    #[test]
    fn the_window_over_the_key_moves_as_ms_lsad_says() {
        let mut places = vec![0];
        for _ in 0..5 {
            places.push(next_window(*places.last().unwrap(), 16));
        }
        assert_eq!(places, [0, 7, 2, 9, 0, 7]);
    }

    #[test]
    fn the_debug_output_shows_nothing_of_it() {
        let keys = DpapiSystem::parse(&ten().open_secret(&unhex(TEN_SECRET)).unwrap()).unwrap();
        assert_eq!(format!("{:?}", ten()), "LsaKey(Nt6)");
        assert_eq!(
            format!("{keys:?}"),
            "DpapiSystem { machine: Secret(20 bytes), user: Secret(20 bytes) }"
        );
    }

    /// A value in the form of Vista: a head that names the key, a salt, and the text encrypted under `key`.
    fn sealed_nt6(key: &[u8], guid: [u8; 16], secret: &[u8]) -> Vec<u8> {
        use des::cipher::BlockCipherEncrypt;
        let mut plain = u32::try_from(secret.len()).unwrap().to_le_bytes().to_vec();
        plain.resize(NT6_SECRET_OFFSET, 0);
        plain.extend(secret);
        plain.resize(plain.len().next_multiple_of(16), 0);
        let salt = [7_u8; NT6_SALT_BYTES];
        let mut hash = Sha256::new();
        hash.update(key);
        for _ in 0..ROUNDS {
            hash.update(salt);
        }
        let cipher = Aes256::new_from_slice(&hash.finalize()).unwrap();
        for block in plain.chunks_exact_mut(16) {
            cipher.encrypt_block(<&mut Block<Aes256>>::try_from(block).unwrap());
        }
        let head = [&[1, 0, 0, 0][..], &guid, &[3, 0, 0, 0, 0, 0, 0, 0], &salt];
        [head.concat(), plain].concat()
    }

    fn list(keys: &[([u8; 16], [u8; 32])]) -> Vec<u8> {
        let count = u8::try_from(keys.len()).unwrap();
        let mut list = vec![1, 0, 0, 0];
        list.extend(keys[0].0);
        list.extend([0, 0, 0, 0, count, 0, 0, 0]);
        for (guid, key) in keys {
            list.extend(guid);
            list.extend(NT6_KEY_HEAD);
            list.extend(key);
        }
        sealed_nt6(boot_key(WINDOWS_10).unwrap().bytes(), [9; 16], &list)
    }

    #[test]
    fn the_key_that_a_secret_names_opens_it_wherever_it_stands_in_the_list() {
        let (old, new) = (([1; 16], [11; 32]), ([2; 16], [22; 32]));
        let policy = list(&[new, old]);
        let key = LsaKey::open_nt6(&boot_key(WINDOWS_10).unwrap(), &policy).unwrap();
        for (guid, bytes) in [old, new] {
            let value = sealed_nt6(&bytes, guid, b"secret");
            assert_eq!(key.open_secret(&value).unwrap().bytes(), b"secret");
        }
    }

    #[test]
    fn a_secret_of_a_key_that_is_not_in_the_list_is_not_tested_and_not_refused() {
        let policy = list(&[([1; 16], [11; 32])]);
        let key = LsaKey::open_nt6(&boot_key(WINDOWS_10).unwrap(), &policy).unwrap();
        let value = sealed_nt6(&[33; 32], [3; 16], b"secret");
        let error = key.open_secret(&value).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }

    #[test]
    fn a_list_that_opens_and_is_laid_out_otherwise_is_unsupported() {
        let boot_key = boot_key(WINDOWS_10).unwrap();
        let policy = sealed_nt6(boot_key.bytes(), [9; 16], &[5; 90]);
        let error = LsaKey::open_nt6(&boot_key, &policy).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
}
