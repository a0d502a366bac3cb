//! CloneTag: sysprep.clone_tag and sysprep.user_sealed.
//!
//! Sysprep of NT 4.0 to 2003 writes `SYSTEM\Setup!CloneTag` (Q180962), so that there its presence is a seal. From Vista
//! on the image on the install media was itself sealed: every machine has the tag of its media, and only a younger one
//! is a seal by the operator. The date of the media is known offline in two ways: a table of tags measured on hives, and
//! the creation time of the account domain in SAM (`Account!F` at 8), which generalizing keeps and which on a measured
//! Windows 7 is that of the media. An upgraded installation has the tag of its newest media and maybe a SAM of an older
//! one, so there only the table decides.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};

use crate::artifact::registry::{KeyValue, ValueKind};
use crate::base::filetime::FileTime;
use crate::base::{bytes, utf16};
use crate::evidence::{Evidence, Fact, Unknown, UnknownReason, Value};
use crate::facts::sysprep::generation::{self, Generation};
use crate::facts::{Context, Facts, HiveName};

const KEY: &str = "Setup";
const VALUE: &str = "CloneTag";
const ACCOUNT: &str = "SAM\\Domains\\Account";
/// Offset of the creation time in the value F of a SAM domain.
const DOMAIN_CREATED: usize = 8;
/// The text has local time of the sealing machine, SAM has UTC, and both are written some hours apart.
const SLACK: TimeDelta = TimeDelta::days(2);

/// Tags of install media, measured: Windows 7 RTM, 8.1 with Update, 10 1709, 10 1903, 10 2004 to 22H2.
const MEDIA_TAGS: [&str; 5] = [
    "Mon Jul 13 21:55:53 2009",
    "Tue Mar 18 03:20:53 2014",
    "Fri Sep 29 06:49:45 2017",
    "Mon Mar 18 21:56:38 2019",
    "Sat Dec 07 09:18:25 2019",
];

/// Collects sysprep.clone_tag and sysprep.user_sealed; setup.upgraded must be there.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    let tag = context.value_fact(HiveName::System, KEY, VALUE, |value| {
        text(value).map(Value::Text)
    });
    let sealed = user_sealed(context, facts, &tag);
    facts.put("sysprep.clone_tag", tag);
    facts.put("sysprep.user_sealed", sealed);
}

/// The tag as text: REG_MULTI_SZ from 2000 on, other types are accepted; bytes that are no text are shown in hexadecimal.
fn text(value: &KeyValue) -> Option<String> {
    if let Some(strings) = value.strings() {
        return Some(strings.first().map_or("", |first| first.trim()).to_owned());
    }
    if value.kind() != ValueKind::Binary {
        return None;
    }
    let printable =
        |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() || c == ' ');
    let wide = utf16::decode_le_z(&value.data).trim().to_owned();
    if printable(&wide) {
        return Some(wide);
    }
    let narrow: String = value
        .data
        .iter()
        .take_while(|byte| **byte != 0)
        .map(|byte| char::from(*byte))
        .collect();
    if printable(narrow.trim()) {
        return Some(narrow.trim().to_owned());
    }
    Some(bytes::hex(&value.data))
}

fn user_sealed(context: &Context<'_>, facts: &Facts, tag: &Fact) -> Result<Fact, Unknown> {
    let generation = generation::of(facts)?;
    let Some((Value::Text(text), evidence)) = tag.get()? else {
        return match (generation, tag) {
            (Generation::Embedded, _) => Err(undecided(
                context,
                "no CloneTag is there, and fbreseal is not known to write one",
            )),
            (_, Fact::Absent(evidence)) => Ok(Fact::found(false, evidence.clone())),
            _ => Err(undecided(context, "CloneTag is no text")),
        };
    };
    let evidence = evidence.clone().raw(text.clone());
    match generation {
        Generation::BeforeVista | Generation::Embedded => Ok(Fact::found(true, evidence)),
        Generation::Vista => younger_than_media(context, facts, text, evidence),
    }
}

fn younger_than_media(
    context: &Context<'_>,
    facts: &Facts,
    text: &str,
    evidence: Evidence,
) -> Result<Fact, Unknown> {
    if MEDIA_TAGS.contains(&text) {
        return Ok(Fact::found(false, evidence));
    }
    let sealed = NaiveDateTime::parse_from_str(text, "%a %b %d %H:%M:%S %Y")
        .map_err(|_| {
            undecided(
                context,
                "CloneTag is no date of the form Www Mmm dd hh:mm:ss yyyy",
            )
        })?
        .and_utc();
    let upgraded = match facts.get("setup.upgraded") {
        Some(fact) => matches!(fact.get()?, Some((Value::Bool(true), _))),
        None => return Err(undecided(context, "setup.upgraded was not collected")),
    };
    if upgraded {
        return Err(undecided(
            context,
            "the installation was upgraded, so SAM need not have the date of the media of this CloneTag",
        ));
    }
    let (media, media_evidence) = media_date(context)?;
    let later = sealed.signed_duration_since(media);
    if later < -SLACK {
        return Err(undecided(
            context,
            "CloneTag is older than the account domain in SAM",
        ));
    }
    Ok(Fact::found_in(later > SLACK, evidence, [media_evidence]))
}

/// When the account domain was made: on the machine that made the media.
fn media_date(context: &Context<'_>) -> Result<(DateTime<Utc>, Evidence), Unknown> {
    let found = context
        .typed(HiveName::Sam, ACCOUNT, "F", |value| {
            FileTime(bytes::u64_le(&value.data, DOMAIN_CREATED)?).to_utc()
        })?
        .ok_or_else(|| {
            undecided(
                context,
                "SAM has no account domain whose date could be compared",
            )
        })?;
    Ok((found.value, found.evidence))
}

fn undecided(context: &Context<'_>, detail: &str) -> Unknown {
    Unknown::new(
        UnknownReason::Unsupported,
        detail,
        context.place(HiveName::System, KEY, Some(VALUE)),
    )
}
