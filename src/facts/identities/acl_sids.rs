//! Accounts of other machines and domains in owners and access lists of the volume: id.foreign_acl_sids.
//!
//! `$Secure` keeps every descriptor that a file ever had, so that a former SID of the machine stays there after all files
//! got the new one. It tells neither when nor why: a domain, files of another machine and the files that a maker of Windows
//! built leave the same. So each is a former identity or a domain and no more, and no seal is counted by it.
//!
//! FAT keeps no descriptors at all; NTFS before 3.0 keeps them with each file, where they are not looked for. Nor is a
//! descriptor that a file of NTFS 3 keeps in its own record.

use std::collections::{BTreeMap, BTreeSet};

use crate::artifact::descriptor_accounts::{Role, named_sids};
use crate::base::win_path::WinPath;
use crate::evidence::{Evidence, Fact, Unknown, UnknownReason, Value};
use crate::facts::identities::sid::Own;
use crate::facts::{Context, Facts};
use crate::image::filesystem::ntfs::NtfsVolume;
use crate::image::filesystem::ntfs::security_stream::{StoredDescriptor, Walked};

const FACT: &str = "id.foreign_acl_sids";
/// The stream, as evidence names it.
const STREAM: &str = "$Secure:$SDS";
/// The MFT record of `$Secure`.
const SECURE_RECORD: u64 = 9;
/// Most machines and domains that are told apart.
const DOMAINS_MAX: usize = 64;
/// Most accounts of one of them that are named.
const ACCOUNTS_MAX: usize = 16;
/// The machine part of SIDs that claims put into access lists (S-1-5-21-0-0-0-496 and -497, [MS-DTYP] 2.4.2.4).
const OF_NO_MACHINE: [u32; 3] = [0, 0, 0];

/// What the descriptors show of one machine or domain.
#[derive(Debug, Default)]
struct Trace {
    descriptors: i64,
    owner_of: i64,
    accounts: BTreeSet<u32>,
    has_more: bool,
    first: Option<Place>,
}

/// Where an account was met first.
#[derive(Debug)]
struct Place {
    id: u32,
    offset: u64,
    is_copy: bool,
    role: Role,
    rid: Option<u32>,
}

/// All that the descriptors show.
#[derive(Debug, Default)]
struct Traces {
    domains: BTreeMap<[u32; 3], Trace>,
    broken: u64,
    is_full: bool,
}

/// Collects id.foreign_acl_sids.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts, own: &Own) {
    let (fact, incomplete) = match read(context) {
        Err(fact) => (fact, None),
        Ok((traces, walked)) => judge(context, &traces, walked, own),
    };
    facts.put(FACT, fact);
    if let Some(unknown) = incomplete {
        facts.mark_incomplete(FACT, unknown);
    }
}

/// The accounts in all descriptors, or the fact where there are none to read.
fn read(context: &Context<'_>) -> Result<(Traces, Walked), Fact> {
    let filesystem = &context.installation.filesystem;
    let layer = filesystem.layer();
    let place = context.installation.locator.clone();
    if layer.starts_with("fat:") {
        let text = format!("{layer} keeps no owners and no access lists");
        return Err(Fact::found(
            Value::Map(BTreeMap::new()),
            Evidence::at(place).raw(text),
        ));
    }
    let volume: &NtfsVolume = filesystem.as_ntfs().ok_or_else(|| {
        Fact::Unknown(Unknown::new(
            UnknownReason::NotProvided,
            format!("a tree of kind {layer} shows no {STREAM}"),
            place,
        ))
    })?;
    let mut traces = Traces::default();
    let limit = context.limits.security_descriptor_bytes_max;
    let walked = volume
        .stored_descriptors(limit, &mut |stored| traces.add(stored))
        .map_err(|error| {
            let place = context.installation.place(&WinPath::new(STREAM));
            let mut unknown = Unknown::from_error(&error, place);
            if unknown.reason == UnknownReason::LimitExceeded {
                unknown.detail.push_str("; `goldseal inspect` reads more");
            }
            Fact::Unknown(unknown)
        })?;
    Ok((traces, walked))
}

impl Traces {
    fn add(&mut self, stored: &StoredDescriptor<'_>) {
        let Ok(sids) = named_sids(stored.bytes) else {
            self.broken = self.broken.saturating_add(1);
            return;
        };
        let mut met: BTreeSet<[u32; 3]> = BTreeSet::new();
        for (role, sid) in sids {
            let Some((domain, rid)) = sid.account() else {
                continue;
            };
            if domain == OF_NO_MACHINE {
                continue;
            }
            if !self.domains.contains_key(&domain) && self.domains.len() >= DOMAINS_MAX {
                self.is_full = true;
                continue;
            }
            let trace = self.domains.entry(domain).or_default();
            if met.insert(domain) {
                trace.descriptors = trace.descriptors.saturating_add(1);
            }
            if role == Role::Owner {
                trace.owner_of = trace.owner_of.saturating_add(1);
            }
            if let Some(rid) = rid {
                if trace.accounts.len() < ACCOUNTS_MAX {
                    trace.accounts.insert(rid);
                } else if !trace.accounts.contains(&rid) {
                    trace.has_more = true;
                }
            }
            trace.first.get_or_insert(Place {
                id: stored.id,
                offset: stored.offset,
                is_copy: stored.is_copy,
                role,
                rid,
            });
        }
    }
}

/// The fact, and why more may belong to it.
fn judge(
    context: &Context<'_>,
    traces: &Traces,
    walked: Walked,
    own: &Own,
) -> (Fact, Option<Unknown>) {
    let mut place = Evidence::at(context.installation.place(&WinPath::new(STREAM)));
    place.mft_record = Some(SECURE_RECORD);
    let gap = gap(traces, walked).map(|(reason, detail)| Unknown {
        reason,
        detail,
        evidence: place.clone(),
    });
    let mut found = BTreeMap::new();
    let mut evidence = Vec::new();
    let mut unseen = None;
    for (domain, trace) in &traces.domains {
        let text = text(*domain);
        match is_own(&text, own) {
            Ok(true) => {}
            Ok(false) => {
                evidence.push(trace.evidence(&text, &place));
                found.insert(text, trace.value());
            }
            Err(unknown) => unseen = unseen.or(Some(unknown)),
        }
    }
    let gap = unseen.or(gap);
    let mut evidence = evidence.into_iter();
    match (evidence.next(), gap) {
        (Some(first), gap) => (Fact::found_in(Value::Map(found), first, evidence), gap),
        (None, Some(unknown)) => (Fact::Unknown(unknown), None),
        (None, None) => {
            let place = place.raw(format!(
                "{} descriptors{}, none names an account of another machine or domain",
                walked.descriptors,
                from_copy(walked)
            ));
            (Fact::found(Value::Map(found), place), None)
        }
    }
}

fn from_copy(walked: Walked) -> String {
    match walked.from_copy {
        0 => String::new(),
        count => format!(" ({count} of them read from the second copy)"),
    }
}

/// What of the stream could not be seen.
fn gap(traces: &Traces, walked: Walked) -> Option<(UnknownReason, String)> {
    if let Some(first) = walked.first_damaged {
        let detail = format!(
            "{} places are damaged in both copies, the first at 0x{first:08x}",
            walked.damaged
        );
        return Some((UnknownReason::Corrupt, detail));
    }
    if traces.broken > 0 {
        let detail = format!("{} descriptors can't be read", traces.broken);
        return Some((UnknownReason::Corrupt, detail));
    }
    traces.is_full.then(|| {
        let detail = format!("more than {DOMAINS_MAX} machines and domains are named");
        (UnknownReason::LimitExceeded, detail)
    })
}

/// Whether accounts are those of this machine or of its domain.
fn is_own(domain: &str, own: &Own) -> Result<bool, Unknown> {
    let machine = own.machine.as_ref().map_err(Clone::clone)?;
    if machine.text == domain {
        return Ok(true);
    }
    let joined = own.domain.as_ref().map_err(Clone::clone)?;
    Ok(joined.as_ref().is_some_and(|joined| joined.text == domain))
}

fn text([a, b, c]: [u32; 3]) -> String {
    format!("S-1-5-21-{a}-{b}-{c}")
}

impl Trace {
    fn value(&self) -> Value {
        let mut accounts: Vec<String> = self.accounts.iter().map(ToString::to_string).collect();
        if self.has_more {
            accounts.push("...".to_owned());
        }
        Value::Map(BTreeMap::from([
            ("accounts".to_owned(), Value::texts(accounts)),
            ("descriptors".to_owned(), Value::Int(self.descriptors)),
            ("owner_of".to_owned(), Value::Int(self.owner_of)),
        ]))
    }

    fn evidence(&self, domain: &str, place: &Evidence) -> Evidence {
        let mut evidence = place.clone();
        let Some(first) = &self.first else {
            return evidence;
        };
        evidence.offset = Some(first.offset);
        let role = match first.role {
            Role::Owner => "owner",
            Role::Group => "group",
            Role::Entry => "entry",
        };
        let rid = first.rid.map_or_else(String::new, |rid| format!("-{rid}"));
        let copy = if first.is_copy {
            ", second copy since the first is damaged"
        } else {
            ""
        };
        evidence.raw(format!(
            "{domain}{rid} as {role} of security id {}{copy}; in {} descriptors",
            first.id, self.descriptors
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::security_descriptor::tests::{SYSTEM, descriptor};
    use crate::evidence::Locator;
    use crate::facts::identities::sid::DomainSid;
    use crate::facts::test_image::TestImage;

    /// S-1-5-21-a-b-c-1000.
    fn account(domain: [u32; 3]) -> Vec<u8> {
        let mut sid = vec![1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0];
        for part in domain.into_iter().chain([1000]) {
            sid.extend(part.to_le_bytes());
        }
        sid
    }

    fn domain(text: &str) -> DomainSid {
        DomainSid {
            text: text.to_owned(),
            evidence: Evidence::at(Locator::new("test")),
        }
    }

    fn unseen() -> Unknown {
        Unknown::new(
            UnknownReason::NotProvided,
            "no hive",
            Locator::new("SECURITY"),
        )
    }

    /// Machine 1-1-1, in the domain 2-2-2.
    fn member() -> Own {
        Own {
            machine: Ok(domain("S-1-5-21-1-1-1")),
            domain: Ok(Some(domain("S-1-5-21-2-2-2"))),
        }
    }

    /// What is said of descriptors with these owners, and whether it is incomplete.
    fn judged(owners: &[[u32; 3]], damaged: u64, own: &Own) -> (Fact, bool) {
        let mut traces = Traces::default();
        for (id, owner) in (256..).zip(owners) {
            let raw = descriptor(&account(*owner), Some(&[(0, 0, 1, SYSTEM)]));
            traces.add(&StoredDescriptor {
                id,
                offset: 0x100,
                is_copy: false,
                bytes: &raw,
            });
        }
        let walked = Walked {
            damaged,
            first_damaged: (damaged > 0).then_some(0x200),
            ..Walked::default()
        };
        let mut answer = None;
        TestImage::new("5.1", "none").with(|context, _| {
            answer = Some(judge(context, &traces, walked, own));
        });
        let (fact, incomplete) = answer.unwrap();
        (fact, incomplete.is_some())
    }

    fn shown(fact: &Fact) -> String {
        match fact {
            Fact::Found {
                value: Value::Map(map),
                ..
            } => map.keys().cloned().collect::<Vec<_>>().join(" "),
            Fact::Unknown(unknown) => format!("unknown:{}", unknown.reason.as_str()),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn accounts_of_the_machine_its_domain_and_of_no_machine_are_not_foreign() {
        let (fact, _) = judged(&[[1, 1, 1], [2, 2, 2], [3, 3, 3], [0, 0, 0]], 0, &member());
        assert_eq!(shown(&fact), "S-1-5-21-3-3-3");
    }

    #[test]
    fn without_the_domain_another_sid_may_be_that_of_the_domain() {
        let own = Own {
            domain: Err(unseen()),
            ..member()
        };
        assert_eq!(shown(&judged(&[[1, 1, 1]], 0, &own).0), "");
        let (fact, _) = judged(&[[1, 1, 1], [3, 3, 3]], 0, &own);
        assert_eq!(shown(&fact), "unknown:not_provided");
    }

    #[test]
    fn without_the_machine_no_account_is_called_foreign() {
        let own = Own {
            machine: Err(unseen()),
            ..member()
        };
        assert_eq!(shown(&judged(&[], 0, &own).0), "");
        let (fact, _) = judged(&[[1, 1, 1]], 0, &own);
        assert_eq!(shown(&fact), "unknown:not_provided");
    }

    #[test]
    fn damage_leaves_nothing_unknown_and_something_incomplete() {
        let (fact, _) = judged(&[[1, 1, 1]], 2, &member());
        assert_eq!(shown(&fact), "unknown:corrupt");
        let (fact, is_incomplete) = judged(&[[3, 3, 3]], 2, &member());
        assert_eq!(
            (shown(&fact).as_str(), is_incomplete),
            ("S-1-5-21-3-3-3", true)
        );
    }

    #[test]
    fn more_machines_than_are_told_apart_leave_the_rest_unsaid_but_not_unnoticed() {
        let owners: Vec<[u32; 3]> = (3..100).map(|part| [part; 3]).collect();
        let (fact, is_incomplete) = judged(&owners, 0, &member());
        assert_eq!(shown(&fact).split(' ').count(), DOMAINS_MAX);
        assert!(is_incomplete);
    }
}
