//! Which file is the metabase that IIS reads when it starts.
//!
//! It follows from the version and not from what lies there: IIS 6 leaves a `MetaBase.bin` behind that holds nothing
//! (KB332106). Its folder is `InetStp!InstallPath`; `INetMgr\Parameters!MetadataFile` may name another place (IIS 4.0 SDK,
//! "Metabase Security"). From IIS 7 on a metabase is there for the IIS 6 management compatibility only.

use crate::artifact::metabase::MetabaseKind;
use crate::base::win_path::{WinPath, eq_name};
use crate::evidence::{Evidence, Fact, Unknown, UnknownReason, Value, Version};
use crate::facts::machine_keys::volume_path::on_volume;
use crate::facts::read::{earlier, earlier_version};
use crate::facts::{Context, Facts, HiveName};

/// What IIS is installed, as far as the stores go.
#[derive(Debug)]
pub(crate) struct Iis {
    version: Version,
    /// What shows it.
    pub(crate) evidence: Evidence,
}

impl Iis {
    /// The first number of the version.
    pub(crate) fn major(&self) -> u64 {
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

/// The live metabase, or the evidence that IIS uses none.
pub(crate) type Live = Result<Result<LiveMetabase, Evidence>, Unknown>;

/// The live metabase of this installation.
pub(crate) fn find(context: &Context<'_>, facts: &Facts) -> Live {
    match installed(facts)? {
        Ok(iis) => live_metabase(context, &iis),
        Err(absent) => Ok(Err(absent)),
    }
}

/// The IIS that is installed, or the evidence that none is.
pub(crate) fn installed(facts: &Facts) -> Result<Result<Iis, Evidence>, Unknown> {
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
pub(crate) struct LiveMetabase {
    /// Its place.
    pub(crate) path: WinPath,
    /// Its form, by the version.
    pub(crate) kind: MetabaseKind,
    /// What shows that it is used.
    pub(crate) evidence: Evidence,
}

fn live_metabase(context: &Context<'_>, iis: &Iis) -> Live {
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
    is_the_named_one(context, &path)?;
    Ok(Ok(LiveMetabase {
        path,
        kind,
        evidence,
    }))
}

/// Whether the live metabase is the one that was named by option, if one was: that one is to be judged.
fn is_the_named_one(context: &Context<'_>, path: &WinPath) -> Result<(), Unknown> {
    let named = context.installation.filesystem.named_files();
    let is_metabase = |file: &&WinPath| {
        let name = file.file_name().unwrap_or("");
        eq_name(name, "MetaBase.xml") || eq_name(name, "MetaBase.bin")
    };
    if named.iter().any(|file| file.eq_ignore_case(path)) {
        return Ok(());
    }
    match named.iter().find(is_metabase) {
        None => Ok(()),
        Some(file) => Err(Unknown::new(
            UnknownReason::NotProvided,
            format!(
                "IIS reads {path}, and the metabase that was named is not of that form or place"
            ),
            context.installation.place(file),
        )),
    }
}

/// The folder of IIS.
pub(crate) fn inetsrv(context: &Context<'_>) -> Result<WinPath, Unknown> {
    match context.text(HiveName::Software, "Microsoft\\InetStp", "InstallPath")? {
        Some(found) if !found.value.is_empty() => {
            on_volume(context, &found.value, &found.evidence.locator)
        }
        _ => Ok(context.installation.windows("system32\\inetsrv")),
    }
}

/// `iis.metabase_in_use`: IIS 4 to 6, or the IIS 6 management compatibility, whether its metabase is there or not.
pub(crate) fn in_use(live: &Live) -> Fact {
    let live = match live {
        Err(unknown) => return Fact::Unknown(unknown.clone()),
        Ok(Err(absent)) => return Fact::found(false, absent.clone()),
        Ok(Ok(live)) => live,
    };
    Fact::found(true, live.evidence.clone())
}
