//! The pairing of 2,000 key files with a metabase of 30 MB and 10,000 encrypted properties, and the carving of blobs.
//!
//! `cargo bench --bench prove_keys`. Bars: the pairing, from the bytes of the files on, in at most 1 s of processor time;
//! carving at 1 GB a second or better, beside a bare search for two letters in the same bytes. The first key is that of
//! `testdata/keys/sizes` and signed the session key; the properties carry the same signature, which costs the same to open.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a benchmark prints what it measured"
)]

#[path = "support/cpu_time.rs"]
mod cpu_time;

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use cpu_time::cpu_time;
use goldseal::artifact::crypto_blob::CryptoBlob;
use goldseal::artifact::metabase::MetabaseBlobs;
use goldseal::proof::key_file;
use goldseal::proof::pairing::{Effort, Outcome, pair};
use goldseal::proof::signature::PublicKey;

const KEY_FILES: usize = 2000;
const PROPERTIES: usize = 10_000;
const METABASE_BYTES: usize = 30_000_000;
const CARVED_BYTES: usize = 256 << 20;
const ROUNDS: u32 = 5;

fn main() {
    for bits in [512, 1024, 2048] {
        prove(bits);
    }
    carve();
}

fn sample(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/keys/sizes");
    fs::read(folder.join(name)).unwrap()
}

fn prove(bits: usize) {
    let key = sample(&format!("{bits}.key"));
    let session_key = sample(&format!("{bits}.ickb"));
    let files: Vec<Vec<u8>> = (0..KEY_FILES)
        .map(|number| another(&key, bits, number))
        .collect();
    let metabase = metabase(&session_key);
    let mut best = [Duration::MAX; 3];
    for _ in 0..ROUNDS {
        let (keys, read) = timed(|| {
            files
                .iter()
                .map(|file| {
                    let key = key_file::signature_key(file).unwrap().unwrap();
                    PublicKey::new(&key).unwrap()
                })
                .collect::<Vec<_>>()
        });
        let (blobs, parsed) = timed(|| MetabaseBlobs::of_xml(&metabase).unwrap());
        assert_eq!(blobs.data().len(), PROPERTIES);
        let (signed, proved) = timed(|| pair(&keys, &blobs, &mut Effort::default()));
        let paired = signed
            .iter()
            .filter(|signed| signed.outcome == Outcome::Paired)
            .count();
        assert_eq!(paired, 1);
        for (best, time) in best.iter_mut().zip([read, parsed, proved]) {
            *best = time.min(*best);
        }
    }
    let [read, parsed, proved] = best.map(|time| time.as_secs_f64() * 1e3);
    println!(
        "{KEY_FILES} key files of {bits} bits, {PROPERTIES} properties: keys {read:.0} ms, metabase of {:.0} MB {parsed:.0} ms, \
         signatures {proved:.0} ms, together {:.0} ms of processor time (bar 1000)",
        metabase.len() as f64 / 1e6,
        read + parsed + proved
    );
}

/// The file as it is for the last number, and with another modulus for every other one.
fn another(key: &[u8], bits: usize, number: usize) -> Vec<u8> {
    let mut file = key.to_vec();
    if number + 1 < KEY_FILES {
        let start = file.windows(4).position(|bytes| bytes == b"RSA1").unwrap() + 20;
        for (index, byte) in file[start + 1..start + bits / 8 - 1].iter_mut().enumerate() {
            *byte ^= ((number + 1).wrapping_mul(2_654_435_761) >> (index % 24)) as u8;
        }
    }
    file
}

fn hex(bytes: &[u8]) -> String {
    goldseal::base::bytes::hex(bytes)
}

/// A property that ends in the signature of the session key.
fn data_blob(session_key: &[u8]) -> Vec<u8> {
    let signature = CryptoBlob::parse(session_key).unwrap().signed_hash;
    let mut blob = b"IcDb".to_vec();
    for word in [8 + 24 + signature.len(), 24, signature.len()] {
        blob.extend((word as u32).to_le_bytes());
    }
    blob.extend([0x5a; 24]);
    blob.extend(signature);
    blob
}

fn metabase(session_key: &[u8]) -> Vec<u8> {
    let property = hex(&data_blob(session_key));
    let mut text = format!(
        "<?xml version =\"1.0\"?>\r\n<configuration xmlns=\"urn:microsoft-catalog:XML_Metabase_V64_0\">\r\n<MBProperty>\r\n\
         <IIS_Global\tLocation =\".\"\r\n\t\tSessionKey=\"{}\"\r\n\t>\r\n</IIS_Global>\r\n",
        hex(session_key)
    );
    let filler = "x".repeat((METABASE_BYTES / PROPERTIES).saturating_sub(property.len() + 160));
    for number in 0..PROPERTIES {
        text.push_str(&format!(
            "<IIsWebVirtualDir\tLocation =\"/LM/W3SVC/{number}/ROOT\"\r\n\t\tDefaultDoc=\"{filler}\"\r\n\
             \t\tUNCPassword=\"{property}\"\r\n\t>\r\n</IIsWebVirtualDir>\r\n"
        ));
    }
    text.push_str("</MBProperty>\r\n</configuration>\r\n");
    text.into_bytes()
}

fn carve() {
    let blob = data_blob(&sample("512.ickb"));
    let mut text: Vec<u8> = "LM W3SVC 1 ROOT AnonymousUserName Ic "
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    text.extend(&blob);
    text.resize(4096, 0x49);
    let ordinary = text.repeat(CARVED_BYTES / text.len());
    let hostile = b"IcDb\x58\0\0\0".repeat(CARVED_BYTES / 8);
    for (what, file, expected) in [
        (
            "a file with a blob every 4 KiB",
            &ordinary,
            ordinary.len() / 4096,
        ),
        ("a file full of heads of blobs", &hostile, 0),
    ] {
        let mut best = [Duration::MAX; 2];
        for _ in 0..ROUNDS {
            let (found, carved) = timed(|| MetabaseBlobs::carve(black_box(file)).data().len());
            assert_eq!(found, expected);
            let (_, searched) = timed(|| memchr::memmem::find_iter(black_box(file), b"Ic").count());
            best = [best[0].min(carved), best[1].min(searched)];
        }
        let speed = best.map(|time| file.len() as f64 / 1e9 / time.as_secs_f64());
        println!(
            "carving {what}: {:.2} GB/s (bar 1), a bare search for two letters {:.2} GB/s, ratio {:.2}",
            speed[0],
            speed[1],
            speed[0] / speed[1]
        );
    }
}

/// The result and the processor time that it took.
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let before = cpu_time();
    let result = black_box(work());
    (result, cpu_time().saturating_sub(before))
}
