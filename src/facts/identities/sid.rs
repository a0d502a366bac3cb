//! The SID of the machine in SAM, in SECURITY, and in the profiles: id.machine_sid, id.sid_match, id.foreign_sids; those of
//! owners and access lists are in `acl_sids`.
//!
//! `SAM\Domains\Account!V` begins with four entries of offset, length and a number; the second is the machine's SID and
//! its offset counts from the end of the table (measured on NT 4.0, 2008 and 7; from 2000 on the SID is also the end of
//! the value, on NT 4.0 a name follows). The default value of `Policy\PolAcDmS` in
//! SECURITY is the same SID in full, and that of `Policy\PolPrDmS` is the SID of the domain, empty in a workgroup
//! (measured). Two different SIDs are a change of the SID that broke off.

use crate::base::bytes;
use crate::evidence::{Evidence, Fact, Unknown, Value};
use crate::facts::gather::Gather;
use crate::facts::identities::acl_sids;
use crate::facts::image::profiles;
use crate::facts::read::missing;
use crate::facts::{Context, Facts, HiveName};

const ACCOUNT: &str = "SAM\\Domains\\Account";
const ACCOUNT_DOMAIN: &str = "Policy\\PolAcDmS";
const PRIMARY_DOMAIN: &str = "Policy\\PolPrDmS";
/// What every SID of a machine or domain begins with.
const PREFIX: &str = "S-1-5-21";
/// Header of such a SID: revision 1, four numbers, authority 5, first number 21.
const HEADER: [u8; 12] = [1, 4, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0];
/// Bytes of its last three numbers.
const NUMBERS_LEN: usize = 12;
/// Where the entry of the SID lies in the value V: an offset, then a length.
const SID_ENTRY: usize = 12;
/// Length of the table; offsets count from its end.
const TABLE_LEN: usize = 48;

/// The SID of a machine or domain, in the form `S-1-5-21-a-b-c`.
#[derive(Debug, Clone)]
pub(crate) struct DomainSid {
    pub(crate) text: String,
    pub(crate) evidence: Evidence,
}

/// Whose accounts are no traces of another identity.
#[derive(Debug)]
pub(crate) struct Own {
    /// The SID of the machine.
    pub(crate) machine: Result<DomainSid, Unknown>,
    /// The SID of its domain; `None` in a workgroup.
    pub(crate) domain: Result<Option<DomainSid>, Unknown>,
}

/// Collects the facts of this file.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    let own = Own {
        machine: in_sam(context),
        domain: in_policy(context, PRIMARY_DOMAIN),
    };
    facts.put(
        "id.machine_sid",
        own.machine
            .clone()
            .map(|sid| Fact::found(Value::Text(sid.text), sid.evidence)),
    );
    facts.put("id.sid_match", matches_security(context, &own.machine));
    facts.put("id.foreign_sids", foreign(context, &own));
    acl_sids::collect(context, facts, &own);
}

fn sid_text(numbers: &[u8]) -> Option<String> {
    let number = |offset| bytes::u32_le(numbers, offset);
    Some(format!(
        "{PREFIX}-{}-{}-{}",
        number(0)?,
        number(4)?,
        number(8)?
    ))
}

/// The last three numbers of the SID in the value V of the account domain. A value whose table names no SID has them at
/// its end.
fn account_sid_numbers(data: &[u8]) -> Option<&[u8]> {
    let word = |offset| bytes::u32_le(data, offset).and_then(|word| usize::try_from(word).ok());
    match (word(SID_ENTRY)?, word(SID_ENTRY + 4)?) {
        (0, 0) => data.get(data.len().checked_sub(NUMBERS_LEN)?..),
        (offset, length) => {
            bytes::slice(data, TABLE_LEN.checked_add(offset)?, length)?.strip_prefix(&HEADER)
        }
    }
}

fn in_sam(context: &Context<'_>) -> Result<DomainSid, Unknown> {
    let found = context
        .typed(HiveName::Sam, ACCOUNT, "V", |value| {
            sid_text(account_sid_numbers(&value.data)?)
        })?
        .ok_or_else(|| missing(context, HiveName::Sam, ACCOUNT, "V"))?;
    Ok(DomainSid {
        text: found.value,
        evidence: found.evidence,
    })
}

/// A domain SID of the policy; `None` for an empty value.
fn in_policy(context: &Context<'_>, path: &str) -> Result<Option<DomainSid>, Unknown> {
    let found = context.typed(HiveName::Security, path, "", |value| {
        if value.data.is_empty() {
            return Some(None);
        }
        sid_text(value.data.strip_prefix(&HEADER)?).map(Some)
    })?;
    Ok(found.and_then(|found| {
        Some(DomainSid {
            text: found.value?,
            evidence: found.evidence,
        })
    }))
}

fn matches_security(
    context: &Context<'_>,
    sam: &Result<DomainSid, Unknown>,
) -> Result<Fact, Unknown> {
    let sam = sam.clone()?;
    let security = in_policy(context, ACCOUNT_DOMAIN)?
        .ok_or_else(|| missing(context, HiveName::Security, ACCOUNT_DOMAIN, ""))?;
    Ok(Fact::found_in(
        sam.text == security.text,
        sam.evidence.raw(sam.text),
        [security.evidence.raw(security.text)],
    ))
}

/// SIDs of profiles that belong neither to this machine nor to its domain, each with its place.
fn foreign(context: &Context<'_>, own: &Own) -> Result<Fact, Unknown> {
    let place = context.place(HiveName::Software, profiles::KEY, None);
    let mut gather = Gather::default();
    for profile in profiles::all(context)? {
        if !profile.is_account() {
            gather.nothing(profile.evidence);
            continue;
        }
        // Own accounts are told by the machine's SID; without it nothing can be said of any.
        let machine = own.machine.as_ref().map_err(Clone::clone)?;
        let prefix = profile
            .sid
            .rsplit_once('-')
            .map_or("", |(prefix, _)| prefix);
        if prefix.eq_ignore_ascii_case(&machine.text) {
            gather.nothing(profile.evidence);
            continue;
        }
        match &own.domain {
            Err(unknown) => gather.unseen(unknown.clone()),
            Ok(Some(domain)) if prefix.eq_ignore_ascii_case(&domain.text) => {
                gather.nothing(profile.evidence);
            }
            Ok(_) => gather.found(profile.sid, profile.evidence),
        }
    }
    Ok(gather.list(&place))
}
