//! Opens a DPAPI blob with its master key; the signature in the blob decides whether it did.
//!
//! Two forms of the session key and of the signature exist. The older, of Windows 2000 to 2003, appends the entropy and the
//! signed bytes to the outer hash of an HMAC; the newer puts them into the HMAC. Both are tried, and that one is taken whose
//! signature matches. Descriptions: "DPAPI Secrets" (Passcape); the readers of dpapick3 (both forms) and impacket.

use zeroize::Zeroize;

use crate::artifact::dpapi_blob::DpapiBlob;
use crate::error::Result;
use crate::proof::algorithms::{Cipher, Hash, does_not_open, unpad};
use crate::proof::master_key::MasterKey;
use crate::proof::secret::Secret;

/// The entropy of the export flag of a key file: its text and a NUL (mimikatz and dpapick3).
pub const EXPORT_FLAG_ENTROPY: &[u8; 17] = b"Hj1diQ6kpUx7VC4m\0";

/// How entropy and signed bytes enter the hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Windows 2000 to 2003: appended to the outer hash of the HMAC ("type 1").
    OuterHash,
    /// Later, and already on some systems of that time: part of what the HMAC hashes ("type 2").
    Hmac,
}

/// What a blob holds, and in which form it was signed.
#[derive(Debug, Clone)]
pub struct OpenedBlob {
    /// The decrypted bytes.
    pub plain: Secret,
    /// The form whose signature matched.
    pub form: Form,
}

/// Opens a blob.
///
/// # Errors
/// [`crate::ErrorKind::Encrypted`] if no form of the signature matches, so that this master key or entropy does not open it;
/// [`crate::ErrorKind::Unsupported`] for other algorithms; a blob of impossible lengths.
pub fn open(blob: &DpapiBlob<'_>, master_key: &MasterKey, entropy: &[u8]) -> Result<OpenedBlob> {
    let cipher = Cipher::of_calg(blob.cipher)?;
    let hash = Hash::of_calg(blob.hash)?;
    let key = Hash::Sha1.digest(&[master_key.bytes()]);
    let form = [Form::Hmac, Form::OuterHash]
        .into_iter()
        .find(|form| {
            let sign = hashed(
                *form,
                hash,
                &key,
                blob.sign_salt,
                &[entropy, blob.strong, blob.signed],
            );
            !blob.sign.is_empty() && sign.bytes() == blob.sign
        })
        .ok_or_else(|| does_not_open("the signature of the DPAPI blob does not match"))?;
    let session = hashed(form, hash, &key, blob.salt, &[entropy, blob.strong]);
    let session = expand(hash, cipher, session);
    let key = session
        .bytes()
        .get(..cipher.key_bytes())
        .unwrap_or_default();
    let zeros = [0_u8; 16];
    let first = zeros.get(..cipher.block_bytes()).unwrap_or_default();
    let mut plain = cipher.decrypt(key, first, blob.data)?;
    unpad(&mut plain, cipher.block_bytes())
        .ok_or_else(|| does_not_open("the padding of the DPAPI blob is none"))?;
    Ok(OpenedBlob { plain, form })
}

/// The HMAC of a salt and further parts, in one of the two forms.
fn hashed(form: Form, hash: Hash, key: &Secret, salt: &[u8], parts: &[&[u8]]) -> Secret {
    match form {
        Form::Hmac => {
            let all: Vec<&[u8]> = std::iter::once(salt).chain(parts.iter().copied()).collect();
            hash.keyed(key.bytes()).tag(&all)
        }
        Form::OuterHash => {
            let (inner, outer) = pads(hash, key.bytes());
            let inner = hash.digest(&[inner.bytes(), salt]);
            let all: Vec<&[u8]> = [outer.bytes(), inner.bytes()]
                .into_iter()
                .chain(parts.iter().copied())
                .collect();
            hash.digest(&all)
        }
    }
}

/// A key padded to the block of the hash, combined with the two constants of RFC 2104; no key here is longer than a block.
fn pads(hash: Hash, key: &[u8]) -> (Secret, Secret) {
    let padded = |pad: u8| {
        let mut block = vec![pad; hash.block_bytes()];
        for (byte, key) in block.iter_mut().zip(key) {
            *byte ^= key;
        }
        let secret = Secret::copy_of(&block);
        block.zeroize();
        secret
    };
    (padded(0x36), padded(0x5c))
}

/// Makes a session key long enough for the cipher, as CryptDeriveKey does.
fn expand(hash: Hash, cipher: Cipher, session: Secret) -> Secret {
    if session.bytes().len() >= cipher.key_bytes() {
        return session;
    }
    let (inner, outer) = pads(hash, session.bytes());
    Secret::joined(&[
        hash.digest(&[inner.bytes()]).bytes(),
        hash.digest(&[outer.bytes()]).bytes(),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::dpapi_blob::tests::unhex;
    use crate::base::utf16;
    use crate::error::ErrorKind;

    // impacket, tests/misc/test_dpapi.py. test_decryptCredential: adminMasterKey and the blob in credentialFile, 3DES and
    // SHA-1; test_unprotect_with_entropy and _without_entropy: AES-256 and SHA-512.
    const CREDENTIAL: &str = "01000000d08c9ddf0115d1118c7a00c04fc297eb0100000071ac433ad152154b84cb01a5e7f06350000000203a000000\
        45006e00740065007200700072006900730065002000430072006500640065006e007400690061006c00200044006100\
        740061000d000a00000003660000c0000000100000005887dbebc037d8efb5a39f692323214c0000000004800000a000\
        00001000000092be1f37a580e5110a73086c72ecf7fca800000092594ccd3443d8e75bd8447dac9a5f0adce7f29a7284\
        1f438719b9e8799c074c443ef3d39701b0faf26ea3d9555fd36ed480a513b92413e20297b02ad6cfa11e19f19cea2e74\
        71f3b4892a4cd2d5913b4437bdf01e468213b9659b9a867730b2b7628fb609befb3e769f895310e3e70f7d3ad3dde342\
        1863f7856ae4fb343d1e1897a12c2b69e58bdf6e38c53e9e7973516585fb0b01d820b2812a8ecd20af459f8ccb978996\
        97dd14000000b7e525fd432a52f90d640b7ff047e943f3d3708c";
    const ADMIN_KEY: &str = "4c4a398169cc9ecc6eae0e1a70ba1dc58bfec785c4b35bd1afdf2aeb06753bca0ea3491989cb626990973f8370fd576a\
        46c0ce2a85d995a01af6d727ff41969c";
    const PLAIN: &str = "01000000d08c9ddf0115d1118c7a00c04fc297eb0100000033f19f5ee340be4a8a2e2b4e62bd0cc60000000002000000\
        00001066000000010000200000000d1af96e5e102266fd36d96ac7d1595552e5a4e972463f77e6e227f22d5fc8df0000\
        00000e8000000002000020000000834f3c5710c8a7474f7dbcea8ba28ab8e4d4443f50a0c63ff4eba1cce485295f2000\
        0000b61d7576c0c6caf3690edb247bde3f7edaa59580e3b4be1265ea78e8c1b8a61d400000001c03ab807147742649b6\
        bdfd1c1344d178bb163842d70abacfd51233af909cb81a677ec05d8db996f587ef5ac410dc189beda756eb0d1b6ee376\
        823e80968538";
    const PLAIN_KEY: &str = "9828d9873735439e823dbd216205ff88266d28ad685a413970c640d5ee943154bbade31fada673d542c72d707a163bb3\
        d1bceb0c50465b359ae06998481b0ce3";
    const ENTROPY: &str = "01000000d08c9ddf0115d1118c7a00c04fc297eb0100000033f19f5ee340be4a8a2e2b4e62bd0cc60000000002000000\
        0000106600000001000020000000f239c0018e71b33bef9a6299675c7e209eef1f6447bd578d19c79735487375450000\
        00000e80000000020000200000009d9ef33e15ffb1b310a13ecec39b1c02adc39e8d40a7162f9f9bb3170c699a812000\
        000040e820259332c47af42e5f9de629e109d1504641aad853f3818c40ac311cf24a4000000010f01a84a5cc0393d3ea\
        44cc3a8ff00ca4d02fcabc7c353a6823c53e4e719c9b398282a06b8878250205160ed79fef8b026093ad5a467594953d\
        6de28d71f8c9";
    const ENTROPY_KEY: &str = "9828d9873735439e823dbd216205ff88266d28ad685a413970c640d5ee943154bbade31fada673d542c72d707a163bb3\
        d1bceb0c50465b359ae06998481b0ce3";

    fn opened(blob: &str, key: &str, entropy: &[u8]) -> Result<OpenedBlob> {
        let bytes = unhex(blob);
        let blob = DpapiBlob::parse(&bytes)?;
        open(&blob, &MasterKey::from_bytes(&unhex(key)), entropy)
    }

    #[test]
    fn the_credential_of_impacket_opens_with_triple_des() {
        let opened = opened(CREDENTIAL, ADMIN_KEY, b"").unwrap();
        let user = utf16::encode_le("david.bowie");
        assert!(
            opened
                .plain
                .bytes()
                .windows(user.len())
                .any(|part| part == user)
        );
    }

    #[test]
    fn the_blobs_of_impacket_open_with_aes_with_and_without_entropy() {
        let plain = opened(PLAIN, PLAIN_KEY, b"").unwrap();
        assert_eq!(plain.plain.bytes(), b"Some test string");
        let with = opened(ENTROPY, ENTROPY_KEY, b"Some entropy").unwrap();
        assert_eq!(with.plain.bytes(), b"Some test string");
        assert_eq!((plain.form, with.form), (Form::Hmac, Form::Hmac));
    }

    #[test]
    fn another_entropy_or_master_key_does_not_open() {
        for (blob, key, entropy) in [
            (ENTROPY, ENTROPY_KEY, &b""[..]),
            (ENTROPY, ENTROPY_KEY, b"Some entropx"),
            (PLAIN, PLAIN_KEY, b"Some entropy"),
            (PLAIN, ADMIN_KEY, b""),
        ] {
            let error = opened(blob, key, entropy).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Encrypted);
        }
    }

    #[test]
    fn a_flipped_bit_in_any_byte_opens_nothing() {
        let whole = unhex(CREDENTIAL);
        let key = MasterKey::from_bytes(&unhex(ADMIN_KEY));
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            let opened = DpapiBlob::parse(&bytes).and_then(|blob| open(&blob, &key, b""));
            // The provider and the first version are not signed; the parser refuses those.
            assert!(opened.is_err(), "byte {at}");
        }
    }

    #[test]
    fn the_debug_output_shows_nothing_of_it() {
        let opened = opened(PLAIN, PLAIN_KEY, b"").unwrap();
        assert_eq!(
            format!("{opened:?}"),
            "OpenedBlob { plain: Secret(16 bytes), form: Hmac }"
        );
    }
}
