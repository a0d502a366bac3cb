//! Which key signed a blob: RSA with a public key, and the digest that comes out of it.
//!
//! A session key and every encrypted property of a metabase end in a signature made with the AT_SIGNATURE key of IIS's
//! container (\[MS-IMSA\] 3.1.4.1.4). The public half of that key lies in clear in its key file: signature^e mod n is
//! `00 01 FF..FF 00 DigestInfo(MD5)` for the key that signed, and noise for every other one. Some 45 fixed bytes make a
//! match by chance impossible. What was hashed plays no part, and no secret is needed. CryptoAPI stores integers with the
//! least significant byte first ("Signature Sample", Platform SDK); the other order is tried too.
//! Padding: EMSA-PKCS1-v1_5, RFC 8017 section 9.2.

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, MontyForm, MontyMultiplier, Odd};

use crate::artifact::machine_key::RsaPublic;
use crate::error::{Error, ErrorKind, Result};

/// Largest modulus that is computed with, in bits: four times what any release of IIS is known to use.
pub const MODULUS_BITS_MAX: u32 = 4096;

/// DigestInfo of MD5 before the digest (RFC 8017 section 9.2, note 1).
const DIGEST_INFO_MD5: [u8; 18] = [
    0x30, 0x20, 0x30, 0x0c, 0x06, 0x08, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x05, 0x05, 0x00,
    0x04, 0x10,
];
/// Bytes of an MD5 digest.
const DIGEST_BYTES: usize = 16;
/// Fewest bytes of FF in the padding (RFC 8017 section 9.2).
const PADDING_BYTES_MIN: usize = 8;

/// In which order the bytes of a signature stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteOrder {
    /// Least significant first, as CryptoAPI stores them.
    Little,
    /// Most significant first, as everybody else does.
    Big,
}

/// What a signature holds when the key that made it opens it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovered {
    /// The MD5 digest that was signed.
    pub digest: [u8; DIGEST_BYTES],
    /// The order in which the signature stood.
    pub order: ByteOrder,
}

/// A public key that is ready to be computed with.
#[derive(Debug, Clone)]
pub struct PublicKey {
    modulus: BoxedMontyParams,
    exponent: u32,
    len_bytes: usize,
}

impl PublicKey {
    /// Prepares the public half of a key pair.
    ///
    /// # Errors
    /// A modulus above [`MODULUS_BITS_MAX`] or even, and an exponent that no RSA key has (even, or below 3).
    pub fn new(public: &RsaPublic) -> Result<Self> {
        if public.bits > MODULUS_BITS_MAX {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!(
                    "public key: modulus should be at most {MODULUS_BITS_MAX} bits, is {}",
                    public.bits
                ),
            ));
        }
        if public.exponent < 3 || public.exponent.is_multiple_of(2) {
            return Err(Error::corrupt(format!(
                "public key: exponent should be odd and at least 3, is {}",
                public.exponent
            )));
        }
        let modulus = BoxedUint::from_le_slice(&public.modulus_le, precision(public.bits))
            .ok()
            .and_then(|modulus| Option::<Odd<BoxedUint>>::from(Odd::new(modulus)))
            .ok_or_else(|| Error::corrupt("public key: modulus should be odd"))?;
        Ok(Self {
            modulus: BoxedMontyParams::new_vartime(modulus),
            exponent: public.exponent,
            len_bytes: public.modulus_le.len(),
        })
    }

    /// The length of the modulus, and of every signature made with it, in bytes.
    pub fn len_bytes(&self) -> usize {
        self.len_bytes
    }

    /// The digest inside a signature, if this is the key that made it; `None` if it is not.
    pub fn recover(&self, signature: &[u8]) -> Option<Recovered> {
        if signature.len() != self.len_bytes {
            return None;
        }
        let bits = self.modulus.bits_precision();
        let little = BoxedUint::from_le_slice(signature, bits).ok()?;
        if let Some(digest) = self.open(little) {
            let order = ByteOrder::Little;
            return Some(Recovered { digest, order });
        }
        let big = BoxedUint::from_be_slice(signature, bits).ok()?;
        let digest = self.open(big)?;
        let order = ByteOrder::Big;
        Some(Recovered { digest, order })
    }

    /// signature^e mod n, and the digest in it.
    fn open(&self, signature: BoxedUint) -> Option<[u8; DIGEST_BYTES]> {
        if signature >= **self.modulus.modulus() {
            return None;
        }
        let opened = self.power(signature).retrieve().to_be_bytes();
        // Limbs may be wider than the modulus; what stands before it is zero.
        let encoded = opened.get(opened.len().checked_sub(self.len_bytes)?..)?;
        digest_in(encoded)
    }

    /// Left to right square and multiply; the exponent is public, so time need not be constant.
    fn power(&self, base: BoxedUint) -> BoxedMontyForm {
        let base = BoxedMontyForm::new(base, &self.modulus);
        let mut multiplier = <BoxedMontyForm as MontyForm>::Multiplier::from(&self.modulus);
        let mut power = base.clone();
        for bit in (0..self.exponent.ilog2()).rev() {
            multiplier.square_assign(&mut power);
            if self.exponent >> bit & 1 == 1 {
                multiplier.mul_assign(&mut power, &base);
            }
        }
        power
    }
}

/// Bits of whole 64-bit limbs that hold so many bits.
fn precision(bits: u32) -> u32 {
    bits.next_multiple_of(64)
}

/// The MD5 digest of a block that is padded as EMSA-PKCS1-v1_5 demands, to the last bit.
pub fn digest_in(encoded: &[u8]) -> Option<[u8; DIGEST_BYTES]> {
    let padded = encoded.strip_prefix(&[0x00, 0x01])?;
    let padding = padded.iter().take_while(|byte| **byte == 0xff).count();
    if padding < PADDING_BYTES_MIN {
        return None;
    }
    let info = padded.get(padding..)?.strip_prefix(&[0x00])?;
    info.strip_prefix(&DIGEST_INFO_MD5)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use md5::{Digest, Md5};

    use super::*;
    use crate::base::{bytes, utf16};

    /// Keys and signatures made by openssl (scripts/signature_vectors.py).
    const VECTORS: &str = include_str!("../../testdata/proof/signatures.json");

    fn from_hex(digits: &str) -> Vec<u8> {
        (0..digits.len() / 2)
            .map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap())
            .collect()
    }

    struct Vector {
        key: PublicKey,
        signature_be: Vec<u8>,
        sha256_signature_be: Option<Vec<u8>>,
        digest: String,
    }

    impl Vector {
        fn signature_le(&self) -> Vec<u8> {
            self.signature_be.iter().rev().copied().collect()
        }
    }

    fn vectors() -> Vec<Vector> {
        let all: serde_json::Value = serde_json::from_str(VECTORS).unwrap();
        let number = |one: &serde_json::Value, name: &str| {
            u32::try_from(one[name].as_u64().unwrap()).unwrap()
        };
        all.as_array()
            .unwrap()
            .iter()
            .map(|one| {
                let mut modulus_le = from_hex(one["modulus"].as_str().unwrap());
                modulus_le.reverse();
                Vector {
                    key: PublicKey::new(&RsaPublic {
                        bits: number(one, "bits"),
                        exponent: number(one, "exponent"),
                        modulus_le,
                    })
                    .unwrap(),
                    signature_be: from_hex(one["signature"].as_str().unwrap()),
                    sha256_signature_be: one["sha256_signature"].as_str().map(from_hex),
                    digest: one["md5"].as_str().unwrap().to_owned(),
                }
            })
            .collect()
    }

    #[test]
    fn the_key_that_signed_recovers_the_digest_in_both_byte_orders() {
        for vector in vectors() {
            let little = vector.key.recover(&vector.signature_le()).unwrap();
            assert_eq!(bytes::hex(&little.digest), vector.digest);
            assert_eq!(little.order, ByteOrder::Little);
            let big = vector.key.recover(&vector.signature_be).unwrap();
            assert_eq!(bytes::hex(&big.digest), vector.digest);
            assert_eq!(big.order, ByteOrder::Big);
        }
    }

    #[test]
    fn a_foreign_key_recovers_nothing() {
        let vectors = vectors();
        for (signer, key) in [(0, 1), (1, 0), (0, 2), (3, 4)] {
            assert_eq!(
                vectors[key].key.recover(&vectors[signer].signature_le()),
                None
            );
        }
    }

    #[test]
    fn one_flipped_bit_in_any_byte_recovers_nothing() {
        let vector = &vectors()[0];
        for at in 0..vector.signature_be.len() {
            let mut damaged = vector.signature_le();
            damaged[at] ^= 1 << (at % 8);
            assert_eq!(vector.key.recover(&damaged), None, "byte {at}");
        }
    }

    #[test]
    fn a_signature_of_another_length_is_not_of_this_key() {
        let vector = &vectors()[0];
        let mut long = vector.signature_le();
        long.push(0);
        assert_eq!(vector.key.recover(&long), None);
        assert_eq!(vector.key.recover(&long[..63]), None);
        assert_eq!(vector.key.recover(&[]), None);
    }

    #[test]
    fn a_signature_over_another_digest_algorithm_is_not_one_of_iis() {
        let vectors = vectors();
        let vector = vectors.iter().find(|one| one.sha256_signature_be.is_some());
        let vector = vector.unwrap();
        let signature = vector.sha256_signature_be.as_deref().unwrap();
        assert_eq!(vector.key.recover(signature), None);
    }

    #[test]
    fn a_number_that_is_not_below_the_modulus_is_no_signature() {
        let vector = &vectors()[0];
        assert_eq!(vector.key.recover(&[0xff; 64]), None);
    }

    #[test]
    fn keys_that_no_rsa_provider_makes_are_refused() {
        let key = |bits: u32, exponent: u32, low: u8| {
            let mut modulus_le = vec![0xff; usize::try_from(bits / 8).unwrap()];
            modulus_le[0] = low;
            PublicKey::new(&RsaPublic {
                bits,
                exponent,
                modulus_le,
            })
        };
        assert!(key(512, 65537, 1).is_ok());
        for (bits, exponent, low) in [(512, 1, 1), (512, 0, 1), (512, 4, 1), (512, 65537, 2)] {
            assert!(key(bits, exponent, low).is_err(), "{bits} {exponent} {low}");
        }
        let large = key(16384, 65537, 1).unwrap_err();
        assert_eq!(large.kind(), ErrorKind::LimitExceeded);
    }

    /// "Signature Sample" of the Platform SDK: the block of 64 bytes as stored, and the digest with the description.
    #[test]
    fn the_published_block_holds_the_published_digest() {
        let mut data = b"1134-kelp".to_vec();
        assert_eq!(
            bytes::hex(&Md5::digest(&data)),
            "7340e6e274b8ea399395aa29d638b52a"
        );
        data.extend(utf16::encode_le("Test Signature"));
        let digest = Md5::digest(&data);
        assert_eq!(bytes::hex(&digest), "a82bdfc2c9f1bb623878d460face5c2a");
        let mut stored = from_hex("2a5ccefa60d4783862bbf1c9c2df2ba8");
        stored.extend(from_hex("1004000505020df78648862a08060c302030"));
        stored.push(0);
        stored.extend([0xff; 27]);
        stored.extend([0x01, 0x00]);
        assert_eq!(stored.len(), 64);
        stored.reverse();
        assert_eq!(digest_in(&stored), Some(digest.into()));
    }

    #[test]
    fn padding_that_breaks_the_rule_in_any_byte_is_none() {
        let mut block = vec![0x00, 0x01];
        block.extend([0xff; 27]);
        block.push(0);
        block.extend(DIGEST_INFO_MD5);
        let fixed = block.len();
        block.extend([0x5a; 16]);
        assert!(digest_in(&block).is_some());
        for at in 0..fixed {
            let mut damaged = block.clone();
            damaged[at] ^= 0x10;
            assert_eq!(digest_in(&damaged), None, "byte {at}");
        }
        block.push(0);
        assert_eq!(digest_in(&block), None, "bytes behind the digest");
    }
}
