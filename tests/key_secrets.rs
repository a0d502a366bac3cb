//! No secret leaves a proof: not in any output, not in debug output, not in the memory that it leaves behind.
//!
//! The secrets that are looked for are those of sample images with whole synthetic chains, opened here link by link with the
//! library; tests/key_proof.rs holds these links against the generator's manifest.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that fails says where"
)]

#[path = "support/opened_chain.rs"]
mod opened_chain;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Command;

use goldseal::artifact::dpapi_blob::DpapiBlob;
use goldseal::artifact::machine_key::{CapiFile, PairPlaces, RsaPublic};
use goldseal::artifact::master_key_file::MasterKeyFile;
use goldseal::artifact::metabase::{MetabaseBlobs, MetabaseKind};
use goldseal::base::guid::Guid;
use goldseal::base::limits::Limits;
use goldseal::base::win_path::WinPath;
use goldseal::facts::{self, Context, HiveName};
use goldseal::image::{Image, Options, Source};
use goldseal::proof::boot_key::{BootKey, KEY_NAMES};
use goldseal::proof::dpapi;
use goldseal::proof::lsa::{DpapiSystem, LsaKey};
use goldseal::proof::master_key::{MasterKey, RoundsLeft};
use goldseal::proof::opens::Answer;
use goldseal::proof::private_key::PrivateKey;
use opened_chain::{Chain, GENERATIONS};
use rc4::{KeyInit, Rc4, StreamCipher};

/// A secret and what it is.
type Needle = (String, Vec<u8>);

fn case(name: &str, file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata/cases")
        .join(name)
        .join(file)
}

/// A sample of Windows 2000 as it lies there, and one of 2003 unpacked.
fn images(folder: &Path) -> Vec<PathBuf> {
    let packed = fs::File::open(case("w2k3_iis6", "golden.img.zst")).unwrap();
    let mut unpacked = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(packed)
        .unwrap()
        .read_to_end(&mut unpacked)
        .unwrap();
    let raw = folder.join("golden.img");
    fs::write(&raw, unpacked).unwrap();
    vec![case("w2k_kb884872_mismatch", "golden.vhd"), raw]
}

/// Everything secret that a proof of this image opens.
fn needles(image: &Path) -> Vec<Needle> {
    let image = Image::open(&Source::from_path(image), &Options::default()).unwrap();
    let installation = &image.installations[0];
    let context = Context::new(installation, Limits::default());
    let mut needles: Vec<Needle> = Vec::new();
    let mut add = |name: &str, bytes: &[u8]| needles.push((name.to_owned(), bytes.to_vec()));

    let lsa = context.in_control_set("Control\\Lsa").unwrap();
    let names = KEY_NAMES.map(|name| {
        let path = format!("{lsa}\\{name}");
        let found = context.key(HiveName::System, &path).unwrap().unwrap();
        found.key.class_name_bytes().unwrap().unwrap()
    });
    let boot_key = BootKey::from_class_names(names).unwrap();
    add("boot key", boot_key.bytes());
    let value = |path: &str| {
        let found = context.value(HiveName::Security, path, "").unwrap();
        found.unwrap().value.data
    };
    let policy = value("Policy\\PolSecretEncryptionKey");
    let lsa_key = LsaKey::open_nt5(&boot_key, &policy).unwrap();
    add("LSA key", lsa_key.bytes());
    let secret = value("Policy\\Secrets\\DPAPI_SYSTEM\\CurrVal");
    let halves = DpapiSystem::parse(&lsa_key.open_secret(&secret).unwrap()).unwrap();
    add("machine half", halves.machine.bytes());
    add("user half", halves.user.bytes());

    let read = |path: &WinPath| {
        let file = installation.filesystem.read(path, 1 << 20).unwrap();
        file.unwrap()
    };
    let collected = facts::collect(installation, Limits::default());
    let live = &collected.metabases[0];
    let metabase = read(&WinPath::new(&live.path));
    let kind = if live.path.ends_with("xml") {
        MetabaseKind::Xml
    } else {
        MetabaseKind::Binary
    };
    let blobs = MetabaseBlobs::read(kind, &metabase).unwrap();
    for key in &collected.machine_keys {
        if !key.name.starts_with("c2319c42033a5ca7f44e731bfd3fa2b5_") {
            continue;
        }
        let file = read(&WinPath::new(&key.path));
        let capi = CapiFile::parse(&file, file.len() as u64).unwrap();
        let guid: Guid = capi.master_keys.as_ref().unwrap()[0];
        let path = installation
            .windows("system32\\Microsoft\\Protect\\S-1-5-18")
            .child(&guid.to_string());
        let master = read(&path);
        let master = MasterKeyFile::parse(&master).unwrap();
        let master = MasterKey::open(
            &master.master_key,
            halves.machine.bytes(),
            &mut RoundsLeft::default(),
        )
        .unwrap();
        needles.push(("master key".to_owned(), master.bytes().to_vec()));
        for pair in [&capi.signature, &capi.exchange] {
            needles.extend(private_numbers(&file, pair, &master));
        }
        let mut add = |name: &str, bytes: &[u8]| needles.push((name.to_owned(), bytes.to_vec()));
        let part = |place| CapiFile::part(&file, place).unwrap();
        let public = RsaPublic::parse(part(&capi.exchange.public)).unwrap();
        let exchange = PrivateKey::open(part(&capi.exchange.private), None, &public, &master);
        let exchange = exchange.unwrap();
        let wrapped = blobs.session_keys().next().unwrap();
        let block: Vec<u8> = wrapped.encrypted[12..].iter().rev().copied().collect();
        let Some(block) = exchange
            .decrypt(&block)
            .filter(|block| block.bytes()[..2] == [0, 2])
        else {
            continue;
        };
        add("session key block", block.bytes());
        let at = 2 + block.bytes()[2..]
            .iter()
            .position(|byte| *byte == 0)
            .unwrap();
        let session = &block.bytes()[at + 1..];
        add("session key", session);
        let mut salted = session.to_vec();
        salted.resize(16, 0);
        for blob in blobs.data() {
            let mut clear = blob.encrypted.to_vec();
            Rc4::new_from_slice(&salted)
                .unwrap()
                .apply_keystream(&mut clear);
            assert_eq!(clear[..4], [0; 4]);
            if clear.len() >= 12 {
                add("property", &clear[4..]);
            }
        }
    }
    for name in ["session key", "property", "master key", "d"] {
        assert!(needles.iter().any(|(other, _)| other == name), "{name}");
    }
    needles
}

/// Parts of secrets in every form in which an output could show them.
struct Watch {
    /// Parts as bytes, of 8 bytes, and whole secrets that are shorter.
    bytes: BTreeMap<Vec<u8>, String>,
    /// The lengths of those parts.
    lengths: BTreeSet<usize>,
    /// Twelve digits of base64, wherever a secret begins in it.
    base64: BTreeMap<String, String>,
}

impl Watch {
    fn new(needles: &[Needle]) -> Self {
        let (mut bytes, mut coded) = (BTreeMap::new(), BTreeMap::new());
        for (name, secret) in needles {
            // A run of one byte is no secret.
            let windows = secret.windows(secret.len().min(8));
            for window in windows.filter(|window| window.iter().any(|byte| *byte != window[0])) {
                bytes.insert(window.to_vec(), name.clone());
            }
            for start in 0..3 {
                let text = base64(&secret[start..]);
                for at in 0..text.len().saturating_sub(11) {
                    coded.insert(text[at..at + 12].to_owned(), name.clone());
                }
            }
        }
        Self {
            lengths: bytes.keys().map(Vec::len).collect(),
            bytes,
            base64: coded,
        }
    }

    /// Fails if the output shows a part of a secret as bytes, in hexadecimal, as decimal numbers or in base64.
    fn expect_none(&self, output: &[u8], what: &str) {
        self.expect_no_bytes(output, &format!("{what}, as bytes"));
        let text = String::from_utf8_lossy(output);
        let words = |keep: fn(char) -> bool| {
            text.split(move |sign: char| !keep(sign))
                .filter(|word| !word.is_empty())
                .collect::<Vec<_>>()
        };
        for run in words(|sign| sign.is_ascii_hexdigit()) {
            for start in 0..2.min(run.len()) {
                let digits = |at: usize| u8::from_str_radix(&run[at..at + 2], 16).unwrap();
                let bytes: Vec<u8> = (start..run.len() - 1).step_by(2).map(digits).collect();
                self.expect_no_bytes(&bytes, &format!("{what}, in hexadecimal"));
            }
        }
        // Numbers with nothing but signs and spaces between them are one list.
        for list in text.split(|sign: char| sign.is_ascii_alphabetic()) {
            let numbers: Vec<u8> = list
                .split(|sign: char| !sign.is_ascii_digit())
                .filter_map(|number| number.parse().ok())
                .collect();
            self.expect_no_bytes(&numbers, &format!("{what}, as numbers"));
        }
        for run in words(|sign| sign.is_ascii_alphanumeric() || sign == '+' || sign == '/') {
            for at in 0..run.len().saturating_sub(11) {
                let found = self.base64.get(&run[at..at + 12]);
                assert_eq!(found, None, "{what}, in base64");
            }
        }
    }

    fn expect_no_bytes(&self, bytes: &[u8], what: &str) {
        for length in &self.lengths {
            for window in bytes.windows(*length) {
                assert_eq!(self.bytes.get(window), None, "{what}");
            }
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes
        .chunks_exact(3)
        .flat_map(|chunk| {
            let all = u32::from(chunk[0]) << 16 | u32::from(chunk[1]) << 8 | u32::from(chunk[2]);
            [18, 12, 6, 0].map(|shift| char::from(DIGITS[(all >> shift & 0x3f) as usize]))
        })
        .collect()
}

/// A control: every form in which a secret could be shown is seen.
#[test]
fn a_secret_in_any_form_would_be_found() {
    let secret: Vec<u8> = (0..20_u8).map(|at| at.wrapping_mul(37) ^ 0x9d).collect();
    let needles = [
        ("it".to_owned(), secret.clone()),
        ("short".to_owned(), vec![7, 77, 177, 7, 1]),
    ];
    let hex = goldseal::base::bytes::hex(&secret);
    let shown = [
        secret.clone(),
        hex.clone().into_bytes(),
        hex.to_uppercase().into_bytes(),
        format!("x{hex}").into_bytes(),
        format!("{secret:?}").into_bytes(),
        format!("{secret:#?}").into_bytes(),
        format!("AB{}", base64(&secret[1..])).into_bytes(),
        b"073f4d".to_vec(),
        b"a 074db10701".to_vec(),
    ];
    let seen: Vec<bool> = shown
        .iter()
        .map(|output| {
            let watch = Watch::new(&needles);
            std::panic::catch_unwind(|| watch.expect_none(output, "control")).is_err()
        })
        .collect();
    assert_eq!(
        seen,
        [true, true, true, true, true, true, true, false, true]
    );
}

fn run(image: &Path, arguments: &[&str]) -> Vec<u8> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_goldseal"));
    let output = command.args(arguments).arg(image).output().unwrap();
    [output.stdout, output.stderr].concat()
}

#[test]
fn no_output_shows_a_part_of_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    for image in images(folder.path()) {
        let watch = Watch::new(&needles(&image));
        for command in ["check", "keys", "inspect", "diagnose"] {
            for format in ["table", "json"] {
                let arguments = [command, "--prove-keys", "--format", format, "--verbose"];
                let output = run(&image, &arguments);
                let text = String::from_utf8_lossy(&output);
                if command == "keys" {
                    // What is scanned must be a proof that reached its last link.
                    let reached = text.contains("property yes")
                        || text.contains("\"property\": \"yes\"")
                        || text.contains("\"property\":\"yes\"");
                    assert!(reached, "{text}");
                }
                watch.expect_none(&output, &arguments.join(" "));
            }
        }
    }
}

#[test]
fn errors_and_debug_output_show_no_part_of_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let image_path = &images(folder.path())[1];
    let watch = Watch::new(&needles(image_path));
    let image = Image::open(&Source::from_path(image_path), &Options::default()).unwrap();
    let installation = &image.installations[0];
    let collected = facts::collect_proving_keys(installation, Limits::default());
    watch.expect_none(format!("{collected:?}").as_bytes(), "debug output");
    // A damaged SECURITY hive beside the image: every link fails at another place.
    let security = WinPath::new("WINDOWS\\system32\\config\\SECURITY");
    let hive = installation
        .filesystem
        .read(&security, 1 << 24)
        .unwrap()
        .unwrap();
    let damaged = folder.path().join("SECURITY");
    for at in (4096..hive.len()).step_by(331) {
        let mut bytes = hive.clone();
        bytes[at] ^= 0x41;
        fs::write(&damaged, bytes).unwrap();
        let source = Source {
            image: Some(image_path.clone()),
            loose: goldseal::image::source::LooseArtifacts {
                security: Some(damaged.clone()),
                ..Default::default()
            },
        };
        let Ok(image) = Image::open(&source, &Options::default()) else {
            continue;
        };
        let collected = facts::collect_proving_keys(&image.installations[0], Limits::default());
        let shown: Vec<String> = collected
            .machine_keys
            .iter()
            .filter_map(|key| key.proof.opens.as_ref()?.reason.clone())
            .collect();
        watch.expect_none(shown.join("\n").as_bytes(), "a reason");
    }
}

/// What hides the secrets that are looked for from the search itself.
const MASK: u8 = 0x5a;
const PROBE: &str = "GOLDSEAL_MEMORY_PROBE";

/// Writable memory of this process.
fn regions() -> Vec<(u64, u64)> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (range, rights) = (words.next()?, words.next()?);
            let (start, end) = range.split_once('-')?;
            let start = u64::from_str_radix(start, 16).ok()?;
            let end = u64::from_str_radix(end, 16).ok()?;
            rights.starts_with("rw").then_some((start, end))
        })
        .collect()
}

/// The masked needles of 16 bytes at most that stand in memory, by their numbers.
fn search(masked: &[Vec<u8>]) -> Vec<usize> {
    const CHUNK: usize = 1 << 20;
    let mut first = vec![Vec::new(); 1 << 16];
    for (number, needle) in masked.iter().enumerate() {
        first[usize::from(needle[0]) << 8 | usize::from(needle[1])].push(number);
    }
    let mut memory = fs::File::open("/proc/self/mem").unwrap();
    let mut buffer = vec![0; CHUNK + 64];
    let mut found = Vec::new();
    for (start, end) in regions() {
        let mut at = start;
        while at < end {
            let len = usize::try_from(end - at).unwrap().min(buffer.len());
            memory.seek(SeekFrom::Start(at)).unwrap();
            if memory.read_exact(&mut buffer[..len]).is_err() {
                break;
            }
            // Byte by byte: a copy that is unmasked would be found where it lies.
            for (place, pair) in buffer[..len].windows(2).enumerate() {
                let key = usize::from(pair[0] ^ MASK) << 8 | usize::from(pair[1] ^ MASK);
                for number in &first[key] {
                    let needle = &masked[*number];
                    let here = &buffer[place..len.min(place + needle.len())];
                    if here.len() == needle.len()
                        && here
                            .iter()
                            .zip(needle)
                            .all(|(byte, other)| byte ^ MASK == *other)
                    {
                        found.push(*number);
                    }
                }
            }
            at += CHUNK as u64;
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// What a process of its own does before it searches its memory.
#[derive(Clone, Copy, serde::Serialize, serde::Deserialize)]
enum Work {
    /// The links one after the other on a chain of testdata/keys.
    Chain(usize),
    /// All facts of an image.
    Facts,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Orders {
    work: Work,
    image: PathBuf,
    masked: Vec<Vec<u8>>,
    out: PathBuf,
}

/// Runs in a process of its own: proves, and writes which needles are left.
#[test]
fn probe_of_the_memory_of_a_proof() {
    let Ok(orders) = std::env::var(PROBE) else {
        return;
    };
    let orders: Orders = serde_json::from_slice(&fs::read(orders).unwrap()).unwrap();
    match orders.work {
        Work::Chain(number) => {
            let opens = Chain::open(GENERATIONS[number]).prove("own");
            assert_eq!(opens.property, Answer::Yes);
        }
        Work::Facts => {
            let source = Source::from_path(&orders.image);
            let image = Image::open(&source, &Options::default()).unwrap();
            let collected = facts::collect_proving_keys(&image.installations[0], Limits::default());
            assert!(collected.machine_keys.iter().any(|key| {
                let opens = key.proof.opens.as_ref();
                opens.is_some_and(|opens| opens.property == Answer::Yes)
            }));
        }
    }
    let left = search(&orders.masked);
    // A control: a needle that is put into memory is found.
    let planted: Vec<u8> = orders.masked[0].iter().map(|byte| byte ^ MASK).collect();
    let control = search(&orders.masked[..1]);
    assert!(control.contains(&0), "the search finds what is there");
    drop(planted);
    fs::write(orders.out, serde_json::to_vec(&left).unwrap()).unwrap();
}

/// The names of the secrets of which 16 bytes, or all of a shorter one, are left in the memory of a process that did the work.
fn left_in_memory(work: Work, image: &Path, needles: &[Needle]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let parts: Vec<(&str, &[u8])> = needles
        .iter()
        .flat_map(|(name, secret)| {
            secret
                .chunks_exact(secret.len().min(16))
                // The made-up access list counts upwards, and so does the state that RC4 begins with.
                .filter(|part| {
                    !part
                        .windows(2)
                        .skip(4)
                        .all(|pair| pair[1] == pair[0].wrapping_add(1))
                })
                .map(|part| (name.as_str(), part))
        })
        .collect();
    let orders = Orders {
        work,
        image: image.to_owned(),
        masked: parts
            .iter()
            .map(|(_, part)| part.iter().map(|byte| byte ^ MASK).collect())
            .collect(),
        out: folder.path().join("out"),
    };
    let place = folder.path().join("orders");
    fs::write(&place, serde_json::to_vec(&orders).unwrap()).unwrap();
    let status = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "probe_of_the_memory_of_a_proof",
            "--test-threads",
            "1",
        ])
        .env(PROBE, &place)
        .status()
        .unwrap();
    assert!(status.success());
    let left: Vec<usize> = serde_json::from_slice(&fs::read(&orders.out).unwrap()).unwrap();
    let names: BTreeSet<String> = left
        .iter()
        .map(|number| parts[*number].0.to_owned())
        .collect();
    names.into_iter().collect()
}

fn shows_memory() -> bool {
    let shows = Path::new("/proc/self/mem").exists();
    if !shows {
        eprintln!("skipped: this system does not show a process its own memory");
    }
    shows
}

#[test]
fn the_memory_of_each_chain_holds_no_secret_afterwards() {
    if !shows_memory() {
        return;
    }
    for (number, generation) in GENERATIONS.iter().enumerate() {
        let needles = chain_needles(&Chain::open(generation));
        let left = left_in_memory(Work::Chain(number), Path::new(""), &needles);
        assert!(left.is_empty(), "{generation}: {left:?} is left in memory");
    }
}

#[test]
fn the_memory_of_a_proof_of_an_image_holds_no_secret_afterwards() {
    if !shows_memory() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for image in images(folder.path()) {
        let left = left_in_memory(Work::Facts, &image, &needles(&image));
        assert!(left.is_empty(), "{left:?} is left in memory");
    }
}

fn unhex(text: &serde_json::Value) -> Vec<u8> {
    let text = text.as_str().unwrap();
    (0..text.len() / 2)
        .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
        .collect()
}

/// The secrets of a chain on the way of its own key: those of the manifest, and the numbers of the private keys.
fn chain_needles(chain: &Chain) -> Vec<Needle> {
    let manifest = &chain.manifest;
    let mut needles: Vec<Needle> = Vec::new();
    for name in ["boot_key", "lsa_key", "machine", "user"] {
        needles.push((name.to_owned(), unhex(&manifest["secrets"][name])));
    }
    needles.push(("session key".to_owned(), unhex(&manifest["session_key"])));
    for property in manifest["properties"].as_array().unwrap() {
        let clear = unhex(&property["clear"]);
        if clear.len() >= 8 {
            needles.push(("property".to_owned(), clear));
        }
    }
    let master = &manifest["master_keys"][0];
    needles.push(("master key".to_owned(), unhex(&master["key"])));
    let master = MasterKey::from_bytes(&unhex(&master["key"]));
    let file = chain.read(manifest["key_files"][0]["path"].as_str().unwrap());
    let capi = CapiFile::parse(&file, file.len() as u64).unwrap();
    for pair in [&capi.signature, &capi.exchange] {
        needles.extend(private_numbers(&file, pair, &master));
    }
    needles
}

/// The primes and the private exponent of a pair, in both orders of their bytes.
fn private_numbers(file: &[u8], pair: &PairPlaces, master: &MasterKey) -> Vec<Needle> {
    let part = |place| CapiFile::part(file, place).unwrap();
    let used = RsaPublic::parse(part(&pair.public))
        .unwrap()
        .modulus_le
        .len();
    let blob = DpapiBlob::parse(part(&pair.private)).unwrap();
    let plain = dpapi::open(&blob, master, b"").unwrap().plain;
    // RSA2: 20 bytes of head, the modulus and 8 zeros, five fields of half of that, the private exponent.
    let (field, half) = (used + 8, used / 2 + 4);
    let places = [
        ("p", 20 + field, used / 2),
        ("q", 20 + field + half, used / 2),
        ("d", 20 + field + 5 * half, used),
    ];
    places
        .into_iter()
        .flat_map(|(name, at, len)| {
            let number = plain.bytes()[at..at + len].to_vec();
            let reversed = number.iter().rev().copied().collect();
            [
                (name.to_owned(), number),
                (format!("{name} reversed"), reversed),
            ]
        })
        .collect()
}
