//! The stores of IIS that need machine keys: the metabase of 4 to 6 and the `.config` files of 7 on.
//!
//! Which file is the metabase follows from the version and not from what lies there: IIS 6 leaves a `MetaBase.bin` behind
//! that holds nothing (KB332106). Its folder is `InetStp!InstallPath`; `INetMgr\Parameters!MetadataFile` may name another
//! place (IIS 4.0 SDK, "Metabase Security"). From IIS 7 on a metabase is there for the IIS 6 management compatibility only.

use crate::artifact::metabase::{
    Content, EncryptedValue, MetabaseKind, content, encrypted_values, is_redirected,
};
use crate::base::win_path::WinPath;
use crate::evidence::{Evidence, Fact, Unknown, UnknownReason, Value, Version};
use crate::facts::machine_keys::volume_path::on_volume;
use crate::facts::read::{earlier, earlier_version};
use crate::facts::{Context, Facts, HiveName};

/// The configuration files of IIS 7 on, below `inetsrv\config`; every such IIS has the first.
const CONFIG_FILES: [&str; 3] = [
    APPLICATION_HOST,
    "administration.config",
    "redirection.config",
];
const APPLICATION_HOST: &str = "applicationHost.config";
/// What XP SP2 leaves behind (KB889073).
const IISCHEMA_UPDATE: &str = "system32\\inetsrv\\MetaBack\\Iischema-update.md0";

/// A metabase file that IIS reads when it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metabase {
    /// Its path inside the image.
    pub path: String,
    /// Its form.
    pub kind: MetabaseKind,
}

/// What IIS is installed, as far as the stores go.
#[derive(Debug)]
struct Iis {
    version: Version,
    evidence: Evidence,
}

impl Iis {
    fn major(&self) -> u64 {
        self.version.parts().first().copied().unwrap_or(0)
    }

    fn metabase_kind(&self) -> MetabaseKind {
        if self.major() >= 6 {
            MetabaseKind::Xml
        } else {
            MetabaseKind::Binary
        }
    }
}

/// Collects the facts of the stores and names the live metabase.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) -> Vec<Metabase> {
    let iis = installed(facts);
    let live = match &iis {
        Ok(Ok(iis)) => live_metabase(context, iis),
        Ok(Err(absent)) => Ok(Err(absent.clone())),
        Err(unknown) => Err(unknown.clone()),
    };
    facts.put("iis.metabase_in_use", in_use(&live));
    facts.put("iis.metabase_state", state(context, &live));
    let encrypted = match &iis {
        Ok(Ok(iis)) if iis.major() >= 7 => config_encrypted(context),
        Ok(Ok(iis)) => Fact::Absent(iis.evidence.clone()),
        Ok(Err(absent)) => Fact::Absent(absent.clone()),
        Err(unknown) => Fact::Unknown(unknown.clone()),
    };
    facts.put("iis.config_encrypted", encrypted);
    facts.put("iis.iischema_update_backup", iischema_update(context));
    match live {
        Ok(Ok(live)) if matches!(context.metadata(&live.path), Ok(Some(_))) => vec![Metabase {
            path: live.path.to_string(),
            kind: live.kind,
        }],
        _ => Vec::new(),
    }
}

/// The IIS that is installed, or the evidence that none is.
fn installed(facts: &Facts) -> Result<Result<Iis, Evidence>, Unknown> {
    let nowhere = || Evidence::at(crate::evidence::Locator::new("iis.installed"));
    match earlier(facts, "iis.installed")? {
        Some((Value::Bool(true), evidence)) => Ok(earlier_version(facts, "iis.major_minor")?
            .map(|(version, evidence)| Iis { version, evidence })
            .ok_or_else(|| evidence.clone())),
        Some((_, evidence)) => Ok(Err(evidence.clone())),
        None => Ok(Err(facts
            .get("iis.installed")
            .and_then(|fact| fact.evidence().first())
            .cloned()
            .unwrap_or_else(nowhere))),
    }
}

/// The metabase that IIS reads when it starts.
#[derive(Debug)]
struct LiveMetabase {
    path: WinPath,
    kind: MetabaseKind,
    /// What shows that it is used.
    evidence: Evidence,
}

/// The live metabase, or the evidence that IIS uses none.
fn live_metabase(
    context: &Context<'_>,
    iis: &Iis,
) -> Result<Result<LiveMetabase, Evidence>, Unknown> {
    const PARAMETERS: &str = "Microsoft\\INetMgr\\Parameters";
    let evidence = match iis.major() {
        0..=3 => return Ok(Err(iis.evidence.clone())),
        4..=6 => iis.evidence.clone(),
        _ => {
            let service = context.in_control_set("Services\\IISADMIN")?;
            match context.text(HiveName::System, &service, "ImagePath")? {
                Some(image_path) if !image_path.value.is_empty() => image_path.evidence,
                _ => {
                    return Ok(Err(context.absent_evidence(
                        HiveName::System,
                        &service,
                        Some("ImagePath"),
                    )));
                }
            }
        }
    };
    let kind = iis.metabase_kind();
    let named = context.text(HiveName::Software, PARAMETERS, "MetadataFile")?;
    let path = match named {
        Some(named) if !named.value.is_empty() => {
            on_volume(context, &named.value, &named.evidence.locator)?
        }
        _ => inetsrv(context)?.child(match kind {
            MetabaseKind::Binary => "MetaBase.bin",
            MetabaseKind::Xml => "MetaBase.xml",
        }),
    };
    Ok(Ok(LiveMetabase {
        path,
        kind,
        evidence,
    }))
}

/// The folder of IIS.
fn inetsrv(context: &Context<'_>) -> Result<WinPath, Unknown> {
    match context.text(HiveName::Software, "Microsoft\\InetStp", "InstallPath")? {
        Some(found) if !found.value.is_empty() => {
            on_volume(context, &found.value, &found.evidence.locator)
        }
        _ => Ok(context.installation.windows("system32\\inetsrv")),
    }
}

type Live = Result<Result<LiveMetabase, Evidence>, Unknown>;

/// `iis.metabase_in_use`: IIS 4 to 6, or the IIS 6 management compatibility, whether its metabase is there or not.
fn in_use(live: &Live) -> Fact {
    let live = match live {
        Err(unknown) => return Fact::Unknown(unknown.clone()),
        Ok(Err(absent)) => return Fact::found(false, absent.clone()),
        Ok(Ok(live)) => live,
    };
    Fact::found(true, live.evidence.clone())
}

/// `iis.metabase_state`: `ok`, `missing`, `empty` or `unreadable`; absent where IIS uses no metabase.
fn state(context: &Context<'_>, live: &Live) -> Fact {
    let live = match live {
        Err(unknown) => return Fact::Unknown(unknown.clone()),
        Ok(Err(absent)) => return Fact::Absent(absent.clone()),
        Ok(Ok(live)) => live,
    };
    let judge = || -> Result<Fact, Unknown> {
        let metadata = context.metadata(&live.path)?;
        let evidence = context.file_evidence(&live.path, metadata.as_ref());
        let Some(bytes) = context.read(&live.path)? else {
            let place = context.installation.place(&live.path).to_string();
            return Ok(Fact::found(
                Value::text("missing"),
                evidence.searched(vec![place]),
            ));
        };
        let (word, evidence) = match content(live.kind, &bytes) {
            Content::Ok => ("ok", evidence),
            Content::Empty => ("empty", evidence),
            Content::Malformed(how) => ("unreadable", evidence.raw(how)),
        };
        Ok(Fact::found_in(
            Value::text(word),
            evidence,
            [live.evidence.clone()],
        ))
    };
    judge().into()
}

/// `iis.config_encrypted`: whether a configuration file holds an encrypted value; a finding in one outweighs an unread other.
fn config_encrypted(context: &Context<'_>) -> Fact {
    let folder = match inetsrv(context) {
        Ok(inetsrv) => inetsrv.child("config"),
        Err(unknown) => return Fact::Unknown(unknown),
    };
    let mut searched = Vec::new();
    let mut unread = None;
    for name in CONFIG_FILES {
        let path = folder.child(name);
        let place = context.installation.place(&path);
        match context.read(&path) {
            Err(unknown) => unread = unread.or(Some(unknown)),
            Ok(None) if name == APPLICATION_HOST => {
                unread = unread.or(Some(Unknown::new(
                    UnknownReason::NotProvided,
                    "IIS is installed and its configuration is not there",
                    place.clone(),
                )));
            }
            Ok(None) => {}
            Ok(Some(bytes)) => match encrypted_values(&bytes) {
                Err(error) => {
                    unread = unread.or(Some(Unknown::from_error(&error, place.clone())));
                }
                Ok(values) => {
                    if let Some(first) = values.first() {
                        let metadata = context.metadata(&path).ok().flatten();
                        let evidence = context.file_evidence(&path, metadata.as_ref());
                        return Fact::found(true, evidence.raw(shown(first, values.len())));
                    }
                    if matches!(is_redirected(&bytes), Ok(true)) {
                        unread = unread.or(Some(Unknown::new(
                            UnknownReason::NotProvided,
                            "the configuration that is used lies at another place",
                            place.clone(),
                        )));
                    }
                }
            },
        }
        searched.push(place.to_string());
    }
    match unread {
        Some(unknown) => Fact::Unknown(unknown),
        None => Fact::found(
            false,
            Evidence::at(context.installation.place(&folder)).searched(searched),
        ),
    }
}

/// Where the first value stands and how many there are; never what it holds.
fn shown(first: &EncryptedValue, count: usize) -> String {
    format!(
        "{count} encrypted values, the first is {}!{} of {}",
        first.element, first.attribute, first.provider
    )
}

fn iischema_update(context: &Context<'_>) -> Fact {
    let path = context.installation.windows(IISCHEMA_UPDATE);
    match context.metadata(&path) {
        Err(unknown) => Fact::Unknown(unknown),
        Ok(metadata) => {
            let mut evidence = context.file_evidence(&path, metadata.as_ref());
            if metadata.is_none() {
                evidence = evidence.searched(vec![context.installation.place(&path).to_string()]);
            }
            Fact::found(metadata.is_some(), evidence)
        }
    }
}
