//! A private RSA key as CryptoAPI keeps it (RSA2), held against the public half that lies beside it in clear.
//!
//! That it decrypts is shown by the signature of its DPAPI blob; that it is the key of this file is shown here: its modulus is
//! that of the public half, its primes multiply to it, and its private exponent undoes the public one. Layout: PRIVATEKEYBLOB
//! ("Sample Private Key Blob", Platform SDK) with the longer fields of a key file, as mimikatz and dpapick3 read it.

use std::fmt;

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};
use zeroize::{Zeroize, Zeroizing};

use crate::artifact::dpapi_blob::DpapiBlob;
use crate::artifact::machine_key::RsaPublic;
use crate::base::bytes;
use crate::error::{Error, ErrorKind, Result};
use crate::proof::algorithms::does_not_open;
use crate::proof::dpapi::{self, EXPORT_FLAG_ENTROPY};
use crate::proof::master_key::MasterKey;
use crate::proof::secret::Secret;
use crate::proof::signature::MODULUS_BITS_MAX;

/// Bytes of the head: RSA2, length, bits, length of data, exponent.
const HEAD_BYTES: usize = 20;
/// Bytes of the decrypted export flag.
const FLAG_BYTES: usize = 4;

/// A private key that belongs to its public half.
#[derive(Clone)]
pub struct PrivateKey {
    modulus: BoxedMontyParams,
    len_bytes: usize,
    exponent: Secret,
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({} bits)", self.len_bytes.saturating_mul(8))
    }
}

impl PrivateKey {
    /// Opens the private part of a key pair: without entropy, as Windows writes it, then with the bytes of the pair's own
    /// export flag, which a reader of such files names as well.
    ///
    /// # Errors
    /// [`ErrorKind::Encrypted`] if the master key does not open it or what it holds is not the private half of `public`;
    /// parts that are no DPAPI blobs, and algorithms that are not tested.
    pub fn open(
        private: &[u8],
        export_flag: Option<&[u8]>,
        public: &RsaPublic,
        master_key: &MasterKey,
    ) -> Result<Self> {
        let blob = DpapiBlob::parse(private)?;
        let plain = match dpapi::open(&blob, master_key, &[]) {
            Ok(opened) => opened.plain,
            Err(error) if error.kind() == ErrorKind::Encrypted => {
                let flag = export_flag.and_then(|part| open_flag(part, master_key).ok());
                let flag = flag.ok_or(error)?;
                dpapi::open(&blob, master_key, flag.bytes())?.plain
            }
            Err(error) => return Err(error),
        };
        Self::parse(&plain, public)
    }

    /// Takes a decrypted private key apart and holds it against its public half.
    ///
    /// # Errors
    /// [`ErrorKind::Encrypted`] if it is not the private half of `public`; [`ErrorKind::LimitExceeded`] for a modulus above
    /// [`MODULUS_BITS_MAX`].
    pub fn parse(plain: &Secret, public: &RsaPublic) -> Result<Self> {
        if public.bits > MODULUS_BITS_MAX {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!(
                    "private key: modulus should be at most {MODULUS_BITS_MAX} bits, is {}",
                    public.bits
                ),
            ));
        }
        let other =
            || does_not_open("what the private part holds is not the key of its public half");
        let parts = Parts::parse(plain.bytes(), public).ok_or_else(other)?;
        let key = parts.join(public).ok_or_else(other)?;
        if key.undoes(public.exponent) {
            Ok(key)
        } else {
            Err(other())
        }
    }

    /// Bytes of the modulus.
    pub fn len_bytes(&self) -> usize {
        self.len_bytes
    }

    /// block^d mod n, both most significant byte first; `None` if the block is not below the modulus.
    pub fn decrypt(&self, block: &[u8]) -> Option<Secret> {
        let bits = self.modulus.bits_precision();
        let base = BoxedUint::from_be_slice(block, bits).ok()?;
        if base >= **self.modulus.modulus() {
            return None;
        }
        let mut exponent = BoxedUint::from_le_slice(self.exponent.bytes(), bits).ok()?;
        let base = BoxedMontyForm::new(base, &self.modulus);
        let mut power = base.pow(&exponent);
        exponent.zeroize();
        let mut plain = power.retrieve();
        power.zeroize();
        let whole = Zeroizing::new(plain.to_be_bytes().into_vec());
        plain.zeroize();
        // Limbs may be wider than the modulus; what stands before it is zero.
        let start = whole.len().checked_sub(self.len_bytes)?;
        Some(Secret::copy_of(whole.get(start..)?))
    }

    /// Whether the private exponent undoes the public one, tried on the number 2.
    fn undoes(&self, public_exponent: u32) -> bool {
        let bits = self.modulus.bits_precision();
        let two = BoxedUint::from_le_slice(&[2], bits).ok();
        let exponent = BoxedUint::from_le_slice(&public_exponent.to_le_bytes(), bits).ok();
        let (Some(two), Some(exponent)) = (two, exponent) else {
            return false;
        };
        let raised = BoxedMontyForm::new(two, &self.modulus).pow(&exponent);
        let raised = raised.retrieve().to_be_bytes();
        let start = raised.len().saturating_sub(self.len_bytes);
        let block = raised.get(start..).unwrap_or_default();
        self.decrypt(block).is_some_and(|plain| {
            plain
                .bytes()
                .split_last()
                .is_some_and(|(last, rest)| *last == 2 && rest.iter().all(|byte| *byte == 0))
        })
    }
}

/// The fields of RSA2, borrowed from the decrypted bytes, least significant byte first.
struct Parts<'b> {
    p: &'b [u8],
    q: &'b [u8],
    exponent: &'b [u8],
}

impl<'b> Parts<'b> {
    /// The fields, if the head, the exponent and the modulus are those of `public`.
    fn parse(plain: &'b [u8], public: &RsaPublic) -> Option<Self> {
        let word = |at| bytes::u32_le(plain, at);
        if plain.get(..4)? != b"RSA2" || word(8)? != public.bits || word(16)? != public.exponent {
            return None;
        }
        let len = usize::try_from(word(4)?).ok()?;
        let used = usize::try_from(public.bits / 8).ok()?;
        // A field is as long as its number and some zeros; the smaller ones are half as long.
        let half = len.checked_div(2)?;
        if len < used || len > used.checked_add(64)? || used != public.modulus_le.len() {
            return None;
        }
        let modulus = bytes::slice(plain, HEAD_BYTES, len)?;
        let (number, zeros) = modulus.split_at_checked(used)?;
        if number != public.modulus_le.as_slice() || zeros.iter().any(|byte| *byte != 0) {
            return None;
        }
        let p_at = HEAD_BYTES.checked_add(len)?;
        let q_at = p_at.checked_add(half)?;
        let exponent_at = p_at.checked_add(half.checked_mul(5)?)?;
        Some(Self {
            p: bytes::slice(plain, p_at, used / 2)?,
            q: bytes::slice(plain, q_at, used / 2)?,
            exponent: bytes::slice(plain, exponent_at, used)?,
        })
    }

    /// The key, if the primes multiply to the modulus.
    fn join(&self, public: &RsaPublic) -> Option<PrivateKey> {
        let bits = public.bits.next_multiple_of(64);
        let modulus = BoxedUint::from_le_slice(&public.modulus_le, bits).ok()?;
        let mut p = BoxedUint::from_le_slice(self.p, bits).ok()?;
        let mut q = BoxedUint::from_le_slice(self.q, bits).ok()?;
        // Each is at most half as long as the modulus, so the product cannot overflow.
        let mut product = p.wrapping_mul(&q);
        let whole = product == modulus;
        for number in [&mut p, &mut q, &mut product] {
            number.zeroize();
        }
        if !whole {
            return None;
        }
        let odd = Option::<Odd<BoxedUint>>::from(Odd::new(modulus))?;
        Some(PrivateKey {
            modulus: BoxedMontyParams::new_vartime(odd),
            len_bytes: public.modulus_le.len(),
            exponent: Secret::copy_of(self.exponent),
        })
    }
}

/// The decrypted export flag of a pair.
///
/// # Errors
/// As [`dpapi::open`]; a flag of another length.
pub fn open_flag(part: &[u8], master_key: &MasterKey) -> Result<Secret> {
    let blob = DpapiBlob::parse(part)?;
    let flag = dpapi::open(&blob, master_key, EXPORT_FLAG_ENTROPY)?.plain;
    if flag.bytes().len() == FLAG_BYTES {
        Ok(flag)
    } else {
        Err(does_not_open("the export flag should have 4 bytes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::dpapi_blob::tests::unhex;
    use crate::base::bytes::hex;

    /// "Sample Private Key Blob", Platform SDK: 512 bits, behind its BLOBHEADER; here from the modulus on.
    const SAMPLE: &str = "6bdf51efdb6f105c32bf871cd14c247ee72a14106deb2cd58c0b957bc75dc687\
        12eaa9cd577d3ecbe96a46d0e1ae2f86d950f99871dd39fc0e60a9d3f238bb8d\
        5d2cbc1ec338fe005ecacfcdb4138916d207bc9be120310b8128170cc77394ee\
        67be7b784ec79173a8345a249d920de8916124dcb5ebdf7166dce177d4781498\
        7944b019f6f07d63cf626778d07b10ae6bdb40b3b2eb2e9f31342dcbbfa26aa6\
        1fe90342f2639bb733d0fe2083261f56a824f56d1951a59231e42bbc11c82675\
        a051e983caee4bf059eba481d61f49422b7589a79f847f1fc38f70b67e065e8b\
        c9536580b716f25e5ede0b574743868\
        58afb37ac6634ba091ab1210baafa6cb775a73e2318589590b529a41e15765256\
        bb3d6b1d2ad19f5c8ac055eac329a21e";

    /// The fields of the sample, in the order of RSA2.
    fn fields() -> Vec<Vec<u8>> {
        let sample = unhex(SAMPLE);
        assert_eq!(sample.len(), 308 - 20);
        let mut rest = sample.as_slice();
        [64, 32, 32, 32, 32, 32, 64]
            .iter()
            .map(|len| {
                let (field, behind) = rest.split_at(*len);
                rest = behind;
                field.to_vec()
            })
            .collect()
    }

    fn public() -> RsaPublic {
        RsaPublic {
            bits: 512,
            exponent: 65537,
            modulus_le: fields()[0].clone(),
        }
    }

    /// RSA2 as a key file holds it: the length of the modulus is 8 bytes more, that of the others 4.
    fn rsa2(fields: &[Vec<u8>]) -> Secret {
        let mut plain = b"RSA2".to_vec();
        for word in [72_u32, 512, 63, 65537] {
            plain.extend(word.to_le_bytes());
        }
        for field in fields {
            plain.extend(field);
            plain.resize(plain.len() + field.len() / 8, 0);
        }
        Secret::copy_of(&plain)
    }

    #[test]
    fn the_published_private_key_is_that_of_its_public_half() {
        let key = PrivateKey::parse(&rsa2(&fields()), &public()).unwrap();
        assert_eq!(key.len_bytes(), 64);
        assert_eq!(format!("{key:?}"), "PrivateKey(512 bits)");
    }

    /// `pow(3, d, n)` of Python with the published numbers.
    #[test]
    fn the_private_operation_gives_what_python_computes() {
        let key = PrivateKey::parse(&rsa2(&fields()), &public()).unwrap();
        let mut three = [0; 64];
        three[63] = 3;
        let plain = key.decrypt(&three).unwrap();
        assert_eq!(
            hex(plain.bytes()),
            "6c4b56ba28b4d5f2b08914780a00201aed9b4f4cb60d3152374606f5bbc85b17c3a9d9d0ddb64671efd2c620534034719a948c5698f3c73798500758480e8209"
        );
        assert!(key.decrypt(&[0xff; 64]).is_none());
    }

    #[test]
    fn a_flipped_bit_in_modulus_primes_or_exponent_is_another_key() {
        for field in [0, 1, 2, 6] {
            let mut fields = fields();
            fields[field][5] ^= 4;
            let error = PrivateKey::parse(&rsa2(&fields), &public()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Encrypted, "field {field}");
        }
    }

    #[test]
    fn a_public_half_of_another_key_is_not_opened() {
        for change in [
            |public: &mut RsaPublic| public.modulus_le[0] ^= 2,
            |public: &mut RsaPublic| public.exponent = 3,
            |public: &mut RsaPublic| public.bits = 1024,
        ] {
            let mut public = public();
            change(&mut public);
            assert!(PrivateKey::parse(&rsa2(&fields()), &public).is_err());
        }
    }

    #[test]
    fn a_truncated_private_key_is_refused_at_every_length() {
        let whole = rsa2(&fields());
        // The zeros behind the private exponent are not needed.
        for len in 0..whole.bytes().len() - 8 {
            let part = Secret::copy_of(&whole.bytes()[..len]);
            assert!(PrivateKey::parse(&part, &public()).is_err(), "{len} bytes");
        }
    }
}
