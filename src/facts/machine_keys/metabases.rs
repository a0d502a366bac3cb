//! The metabase files of an installation: the live one, its copies, and which keys here signed each.
//!
//! A copy matters where the live file cannot be opened: it may be one that this machine can open. Copies are what IIS 6
//! keeps in `History`, backups in `MetaBack`, and what administrators leave beside the live file (Q234429). The form of a
//! copy is told by its content. Files are read one after the other and not kept.

use crate::artifact::metabase::{Content, MetabaseBlobs, MetabaseKind, content_of, kind_of};
use crate::base::win_path::{WinPath, eq_name};
use crate::evidence::{Evidence, Fact, Unknown, UnknownReason, Value};
use crate::facts::Context;
use crate::facts::machine_keys::live_metabase::{self, Live, LiveMetabase};
use crate::proof::pairing::{Effort, Outcome, Signed, Why, pair, without_keys};
use crate::proof::signature::PublicKey;

/// Most copies that are read.
const COPIES_MAX: usize = 256;
/// Most bytes of copies that are read in all.
const COPIES_BYTES_MAX: u64 = 512 << 20;
/// Most session keys of a file that are kept; there should be one.
const WRAPPED_MAX: usize = 16;
/// Longest wrapped session key that is kept: a SIMPLEBLOB for 16384 bits.
const WRAPPED_BYTES_MAX: usize = 4096;
/// Files beside the live metabase that can be copies of it.
const BESIDE: [&str; 6] = [
    "MetaBase.xml",
    "MetaBase.bin",
    "MetaBase.bak",
    "MetaBase.bin.bak",
    "MetaBase.xml.bak",
    "MetaBase.xml.tmp",
];

/// A metabase file and what was proved of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metabase {
    /// Its path inside the image.
    pub path: String,
    /// Its form.
    pub kind: MetabaseKind,
    /// Whether IIS reads it when it starts.
    pub is_live: bool,
    /// Whether IIS may read it when it starts: which one it reads is not known, and this has a name of it.
    pub may_be_live: bool,
    /// Number of session keys in it; `None` if it could not be read.
    pub session_key_blobs: Option<u64>,
    /// Number of encrypted properties in it; `None` if it could not be read.
    pub data_blobs: Option<u64>,
    /// The key files that signed it whole.
    pub signed_by: Vec<Signer>,
    /// What holds for the file: the best that holds for a key, or what it says without one.
    pub outcome: &'static str,
    /// Why it could not be tested, where it could not.
    pub fault: Option<String>,
    /// Whether this rests on blobs carved from a binary file.
    pub by_inference: bool,
}

/// A key file that signed a metabase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// The name of the key file.
    pub name: String,
    /// Its path inside the image.
    pub path: String,
}

/// A metabase file as it was tried, with the answers in the order of the keys.
#[derive(Debug)]
pub(crate) struct Tried {
    /// Its place.
    pub(crate) path: WinPath,
    /// Its form.
    pub(crate) kind: MetabaseKind,
    /// Whether IIS reads it when it starts.
    pub(crate) is_live: bool,
    /// Whether IIS may read it when it starts: which one it reads is not known, and this has a name of it.
    pub(crate) may_be_live: bool,
    /// Its evidence.
    pub(crate) evidence: Evidence,
    /// What came out.
    pub(crate) result: Result<Pairings, Unknown>,
}

/// What came out of a metabase that could be read.
#[derive(Debug)]
pub(crate) struct Pairings {
    /// Numbers of session keys and of properties.
    pub(crate) session_keys: usize,
    /// The wrapped session keys, at most [`WRAPPED_MAX`]; one that is too long for a session key is empty.
    pub(crate) wrapped: Vec<Vec<u8>>,
    /// Encrypted properties.
    pub(crate) properties: usize,
    /// What holds whatever the key; `None` if it depends on the key.
    pub(crate) without_keys: Option<Outcome>,
    /// The answer for each key.
    pub(crate) signed: Vec<Signed>,
    /// Whether the blobs were carved.
    pub(crate) by_inference: bool,
}

/// All metabase files, the live one first.
#[derive(Debug, Default)]
pub(crate) struct Metabases {
    /// The files that are there.
    pub(crate) tried: Vec<Tried>,
    /// Places of copies that could not be seen, and copies that were left out.
    pub(crate) notes: Vec<String>,
    /// `iis.metabase_state`.
    pub(crate) state: Option<Fact>,
    /// Why it is not known which metabase IIS reads, if it is not.
    pub(crate) in_use_unknown: Option<Unknown>,
}

impl Metabases {
    /// The live one, if it is there.
    pub(crate) fn live(&self) -> Option<&Tried> {
        self.tried.iter().find(|tried| tried.is_live)
    }
}

/// Reads the metabase files and tries the keys on them.
pub(crate) fn collect(context: &Context<'_>, live: &Live, keys: &[PublicKey]) -> Metabases {
    let mut found = Metabases::default();
    let mut effort = Effort::default();
    match live {
        // IIS uses no metabase: what lies there is left over from one.
        Ok(Err(absent)) => {
            found.state = Some(Fact::Absent(absent.clone()));
            return found;
        }
        Err(unknown) => {
            found.state = Some(Fact::Unknown(unknown.clone()));
            found.in_use_unknown = Some(unknown.clone());
        }
        Ok(Ok(live)) => add_live(context, live, keys, &mut effort, &mut found),
    }
    let live_path = live.as_ref().ok().and_then(|live| live.as_ref().ok());
    add_copies(
        context,
        live_path.map(|live| &live.path),
        keys,
        &mut effort,
        &mut found,
    );
    found
}

fn add_live(
    context: &Context<'_>,
    live: &LiveMetabase,
    keys: &[PublicKey],
    effort: &mut Effort,
    found: &mut Metabases,
) {
    let read = context
        .metadata(&live.path)
        .and_then(|metadata| Ok((metadata, context.read(&live.path)?)));
    let (metadata, bytes) = match read {
        Ok((metadata, Some(bytes))) => (metadata, bytes),
        Ok((metadata, None)) => {
            let place = context.installation.place(&live.path).to_string();
            let evidence = context
                .file_evidence(&live.path, metadata.as_ref())
                .searched(vec![place]);
            found.state = Some(Fact::found(Value::text("missing"), evidence));
            return;
        }
        Err(unknown) => {
            found.state = Some(Fact::Unknown(unknown.clone()));
            found.tried.push(Tried {
                path: live.path.clone(),
                kind: live.kind,
                is_live: true,
                may_be_live: true,
                evidence: unknown.evidence.clone(),
                result: Err(unknown),
            });
            return;
        }
    };
    let evidence = context.file_evidence(&live.path, metadata.as_ref());
    let blobs = MetabaseBlobs::read(live.kind, &bytes);
    let word = |word: &str, shown: Evidence| {
        Fact::found_in(Value::text(word), shown, [live.evidence.clone()])
    };
    found.state = Some(match (content_of(&bytes, &blobs), live.kind) {
        (Content::Ok, _) => word("ok", evidence.clone()),
        (Content::Empty, _) => word("empty", evidence.clone()),
        (Content::Malformed(how), MetabaseKind::Xml) => {
            word("unreadable", evidence.clone().raw(how))
        }
        // What a whole one looks like is described nowhere, so that it is damaged is not certain.
        (Content::Malformed(how), MetabaseKind::Binary) => Fact::Unknown(Unknown {
            reason: UnknownReason::Corrupt,
            detail: how,
            evidence: evidence.clone(),
        }),
    });
    found.tried.push(Tried {
        path: live.path.clone(),
        kind: live.kind,
        is_live: true,
        may_be_live: true,
        result: tried(context, &live.path, blobs, keys, effort),
        evidence,
    });
}

fn tried(
    context: &Context<'_>,
    path: &WinPath,
    blobs: crate::error::Result<MetabaseBlobs<'_>>,
    keys: &[PublicKey],
    effort: &mut Effort,
) -> Result<Pairings, Unknown> {
    let blobs =
        blobs.map_err(|error| Unknown::from_error(&error, context.installation.place(path)))?;
    Ok(Pairings {
        session_keys: blobs.session_keys().len(),
        wrapped: blobs
            .session_keys()
            .take(WRAPPED_MAX)
            .map(|blob| match blob.encrypted.len() {
                ..=WRAPPED_BYTES_MAX => blob.encrypted.to_vec(),
                _ => Vec::new(),
            })
            .collect(),
        properties: blobs.data().len(),
        without_keys: without_keys(&blobs),
        signed: pair(keys, &blobs, effort),
        by_inference: blobs.by_inference,
    })
}

fn add_copies(
    context: &Context<'_>,
    live: Option<&WinPath>,
    keys: &[PublicKey],
    effort: &mut Effort,
    found: &mut Metabases,
) {
    let folder = match live_metabase::inetsrv(context) {
        Ok(folder) => folder,
        Err(unknown) => {
            found.notes.push(format!(
                "copies of the metabase were not looked for: {}",
                unknown.detail
            ));
            return;
        }
    };
    let mut bytes_left = COPIES_BYTES_MAX;
    let mut copies_left = COPIES_MAX;
    for path in copies(context, &folder, &mut found.notes) {
        if live.is_some_and(|live| live.eq_ignore_case(&path)) {
            continue;
        }
        if copies_left == 0 || bytes_left == 0 {
            found.notes.push(format!(
                "{path}: this copy of the metabase and later ones were not read, there are very many"
            ));
            return;
        }
        copies_left = copies_left.saturating_sub(1);
        let Some(mut copy) = try_copy(context, path, keys, effort, &mut bytes_left) else {
            continue;
        };
        copy.may_be_live = found.in_use_unknown.is_some() && is_live_name(&copy.path);
        found.tried.push(copy);
    }
}

/// The copy at `path`; nothing if it is not there, is empty, or is a schema without a blob.
fn try_copy(
    context: &Context<'_>,
    path: WinPath,
    keys: &[PublicKey],
    effort: &mut Effort,
    bytes_left: &mut u64,
) -> Option<Tried> {
    let bytes = match context.read(&path) {
        Ok(bytes) => bytes?,
        Err(unknown) => {
            return Some(Tried {
                path,
                kind: MetabaseKind::Binary,
                is_live: false,
                may_be_live: false,
                evidence: unknown.evidence.clone(),
                result: Err(unknown),
            });
        }
    };
    *bytes_left = bytes_left.saturating_sub(bytes.len() as u64);
    if bytes.iter().all(|byte| *byte == 0) {
        return None;
    }
    let kind = kind_of(&bytes);
    let metadata = context.metadata(&path).ok().flatten();
    let result = tried(
        context,
        &path,
        MetabaseBlobs::read(kind, &bytes),
        keys,
        effort,
    );
    let is_bare = result
        .as_ref()
        .is_ok_and(|pairings| pairings.without_keys == Some(Outcome::NoBlob));
    if is_bare && is_schema(path.file_name().unwrap_or("")) {
        return None;
    }
    Some(Tried {
        evidence: context.file_evidence(&path, metadata.as_ref()),
        path,
        kind,
        is_live: false,
        may_be_live: false,
        result,
    })
}

/// Paths of the files that can be copies, in the order of their places and names.
fn copies(context: &Context<'_>, folder: &WinPath, notes: &mut Vec<String>) -> Vec<WinPath> {
    let mut paths: Vec<WinPath> = BESIDE.iter().map(|name| folder.child(name)).collect();
    let is_history: fn(&str) -> bool = |name| has_affixes(name, "metabase_", ".xml");
    let folders = [
        ("History", is_history),
        ("MetaBack", is_backup as fn(&str) -> bool),
    ];
    for (name, is_copy) in folders {
        let place = folder.child(name);
        match context.installation.filesystem.read_dir(&place) {
            Ok(entries) => paths.extend(
                entries
                    .unwrap_or_default()
                    .iter()
                    .filter(|entry| !entry.is_dir && is_copy(&entry.name))
                    .map(|entry| place.child(&entry.name)),
            ),
            Err(error) => notes.push(format!(
                "{}: {}",
                context.installation.place(&place),
                error.chain()
            )),
        }
    }
    paths
}

/// Whether the file has the name of a metabase that IIS reads.
fn is_live_name(path: &WinPath) -> bool {
    let name = path.file_name().unwrap_or("");
    eq_name(name, "MetaBase.xml") || eq_name(name, "MetaBase.bin")
}

fn has_affixes(name: &str, start: &str, end: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with(start) && name.ends_with(end)
}

/// `NAME.MD0`, `NAME.MD1` and so on, and the schemas `NAME.SC0` beside them.
fn is_backup(name: &str) -> bool {
    let extension = extension(name);
    ["md", "sc"].iter().any(|kind| {
        extension.strip_prefix(kind).is_some_and(|number| {
            !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())
        })
    })
}

fn is_schema(name: &str) -> bool {
    extension(name).starts_with("sc")
}

fn extension(name: &str) -> String {
    name.rsplit_once('.')
        .map(|(_, extension)| extension.to_ascii_lowercase())
        .unwrap_or_default()
}

/// Why a pairing is not decided, in words.
pub(crate) fn why(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Paired => "the key signed it",
        Outcome::NotPaired => "the key did not sign it",
        Outcome::NoBlob => "it holds no signed blob, so no key can be tried on it",
        Outcome::ClearText => "its values are in clear text, so no key can be tried on it",
        Outcome::Portable => {
            "its session key is wrapped by a password and not by a key of a machine"
        }
        Outcome::Unknown(Why::SomeSessionKeys) => {
            "it holds several session keys and no key signed all of them"
        }
        Outcome::Unknown(Why::SomeProperties) => {
            "the key that signed its session key did not sign all of its properties, or some are damaged"
        }
        Outcome::Unknown(Why::NoSessionKey) => {
            "it holds encrypted properties and no session key that can be read"
        }
        Outcome::Unknown(Why::TooMuch) => "more signatures than the limit would have to be tried",
    }
}
