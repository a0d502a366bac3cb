//! Identities that installations of several images share: what no single image can tell of clones.
//!
//! Every installation is compared with those of all other images. Images that share an identity are one machine at two
//! times, or clones that were not made different: a proof of the latter only where both run as machines of their own. Two
//! images whose registry is the same byte for byte are one image twice, or a copy of which neither side was started since:
//! what they share proves nothing, and they are named apart. A domain controller has the SID of its domain in the place of
//! a machine SID, so that is not compared, nor where it is unknown whether the installation is one.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::evidence::{Fact, Value};
use crate::facts::Facts;

/// Most other installations that one entry names; their number is always told.
const NAMED_MAX: usize = 32;

/// An identity that no two machines that run may share.
#[derive(Debug)]
struct Identity {
    fact: &'static str,
    name: &'static str,
}

/// What is compared, in the order of reports.
const IDENTITIES: [Identity; 8] = [
    Identity {
        fact: "crypto.machine_guid",
        name: "MachineGuid",
    },
    Identity {
        fact: MACHINE_SID,
        name: "machine SID",
    },
    Identity {
        fact: "id.computer_name",
        name: "computer name",
    },
    Identity {
        fact: "msdtc.cid",
        name: "MSDTC CID",
    },
    Identity {
        fact: "msmq.qmid",
        name: "MSMQ QMId",
    },
    Identity {
        fact: "id.dhcpv6_duid",
        name: "DHCPv6 DUID",
    },
    Identity {
        fact: "wsus.client_id",
        name: "SusClientId",
    },
    Identity {
        fact: "id.sqm_machine_id",
        name: "SQM MachineId",
    },
];
const MACHINE_SID: &str = "id.machine_sid";
/// The table of further identities: name to values.
const STORED: Identity = Identity {
    fact: "id.stored",
    name: "further identities",
};

/// An installation that is compared with others.
#[derive(Debug)]
pub struct Subject<'f> {
    /// The number of its image on the command line.
    pub image: usize,
    /// The image as typed.
    pub source: String,
    /// The number of the installation in its image.
    pub index: usize,
    /// What tells the file or directory of the host apart from others, such as device and inode.
    pub host: Option<(u64, u64)>,
    /// A digest of its registry ([`crate::facts::Context::registry_digest`]).
    pub registry: Option<String>,
    /// What was read from it.
    pub facts: &'f Facts,
}

/// What a comparison with the other images shows of one installation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AcrossImages {
    /// Number of installations of other images that it was compared with.
    pub compared_with: usize,
    /// Those that are the same image, or an untouched copy of it.
    pub same_image: Others,
    /// The identities that it shares with others.
    pub shared_identities: Vec<SharedIdentity>,
    /// The identities of this installation that could not be compared.
    pub not_compared: Vec<NotCompared>,
    /// Equal for images that are the same; what the number is depends on the order of the images, so no report shows it.
    #[serde(skip)]
    pub image_class: usize,
}

/// An identity that is the same in other images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SharedIdentity {
    /// The id of the fact.
    pub fact: String,
    /// The name of the identity.
    pub identity: String,
    /// What it is.
    pub value: String,
    /// Who has it too.
    #[serde(flatten)]
    pub others: Others,
}

/// Other installations, in the order of source and index.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Others {
    /// How many.
    pub others: usize,
    /// The first of them.
    pub with: Vec<Other>,
}

/// An installation of another image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Other {
    /// The image as typed.
    pub source: String,
    /// The number of the installation in its image.
    pub index: usize,
    /// Whether it is sealed, so that its copies get new identities where sealing renews them; `None` where that is unknown.
    pub sealed: Option<bool>,
}

/// An identity that could not be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotCompared {
    /// The id of the fact.
    pub fact: String,
    /// The name of the identity.
    pub identity: String,
    /// The reason of the unknown fact, or `by_design`.
    pub reason: String,
}

/// Compares all installations, each with those of the other images; one answer for each, in their order.
pub fn compare(subjects: &[Subject<'_>]) -> Vec<AcrossImages> {
    compare_by(subjects, &mut Other::of)
}

/// What [`compare`] does. `other` names an installation: that is the work that grows with the number of images, so everything
/// that equal installations are told is made once.
fn compare_by<'s, 'f>(
    subjects: &'s [Subject<'f>],
    other: &mut dyn FnMut(&'s Subject<'f>) -> Other,
) -> Vec<AcrossImages> {
    let classes = image_classes(subjects);
    let mut members: Vec<Member<'s, 'f>> = subjects
        .iter()
        .zip(&classes)
        .map(|(subject, class)| Member {
            subject,
            class: *class,
        })
        .collect();
    members.sort_by(|one, two| one.name().cmp(&two.name()));
    let shared: BTreeMap<GroupKey<'s>, BTreeMap<usize, Others>> = groups(&members)
        .into_iter()
        .map(|(key, group)| (key, outside(&group, other)))
        .collect();
    let mut same: BTreeMap<(usize, usize), Vec<Member<'s, 'f>>> = BTreeMap::new();
    let mut of_image: BTreeMap<usize, usize> = BTreeMap::new();
    for member in &members {
        let key = (member.class, member.subject.index);
        same.entry(key).or_default().push(*member);
        let count = of_image.entry(member.subject.image).or_default();
        *count = count.saturating_add(1);
    }
    let answers = subjects.iter().zip(classes).map(|(subject, class)| {
        let shared = own(subject).into_iter().filter_map(|own| {
            let others = shared.get(&own.key())?.get(&class)?;
            (others.others > 0).then(|| SharedIdentity {
                fact: own.fact.to_owned(),
                identity: own.name.to_owned(),
                value: own.value.to_owned(),
                others: others.clone(),
            })
        });
        let shared_identities = shared.collect();
        let own_image = of_image.get(&subject.image).copied().unwrap_or_default();
        let copies = same.get(&(class, subject.index));
        AcrossImages {
            compared_with: subjects.len().saturating_sub(own_image),
            same_image: copies.map_or_else(Others::default, |copies| {
                Others::of(
                    copies,
                    |member| !std::ptr::eq(member.subject, subject),
                    1,
                    other,
                )
            }),
            shared_identities,
            not_compared: not_compared(subject.facts),
            image_class: class,
        }
    });
    answers.collect()
}

/// An installation and what tells its image apart from others.
#[derive(Clone, Copy)]
struct Member<'s, 'f> {
    subject: &'s Subject<'f>,
    class: usize,
}

impl<'s> Member<'s, '_> {
    /// What lists are ordered by.
    fn name(&self) -> (&'s str, usize) {
        (&self.subject.source, self.subject.index)
    }
}

/// For each image of a group, those of the group that are of other images.
fn outside<'s, 'f>(
    group: &[Member<'s, 'f>],
    other: &mut dyn FnMut(&'s Subject<'f>) -> Other,
) -> BTreeMap<usize, Others> {
    let mut own: BTreeMap<usize, usize> = BTreeMap::new();
    for member in group {
        let count = own.entry(member.class).or_default();
        *count = count.saturating_add(1);
    }
    own.into_iter()
        .map(|(class, own)| {
            let is_other = |member: &Member<'_, '_>| member.class != class;
            (class, Others::of(group, is_other, own, other))
        })
        .collect()
}

impl Others {
    /// Those of a group that `is_other` picks, which are all but `own`; the first are named.
    fn of<'s, 'f>(
        group: &[Member<'s, 'f>],
        is_other: impl Fn(&Member<'_, '_>) -> bool,
        own: usize,
        other: &mut dyn FnMut(&'s Subject<'f>) -> Other,
    ) -> Self {
        let others = group.len().saturating_sub(own);
        let picked = group.iter().filter(|member| is_other(member));
        let first = picked.take(others.min(NAMED_MAX));
        Self {
            others,
            with: first.map(|member| other(member.subject)).collect(),
        }
    }
}

impl Other {
    fn of(subject: &Subject<'_>) -> Self {
        Self {
            source: subject.source.clone(),
            index: subject.index,
            sealed: is_sealed(subject.facts),
        }
    }
}

/// The place of an identity in the order of reports.
pub(crate) fn rank(fact: &str) -> usize {
    IDENTITIES
        .iter()
        .position(|identity| identity.fact == fact)
        .unwrap_or(IDENTITIES.len())
}

/// Whether an installation is sealed; `None` where that is unknown.
pub fn is_sealed(facts: &Facts) -> Option<bool> {
    match facts.get("sysprep.sealed") {
        Some(Fact::Found {
            value: Value::Bool(sealed),
            ..
        }) => Some(*sealed),
        _ => None,
    }
}

/// For each installation the number of the first image that is the same as its own: the same file of the host, or the same
/// registry in all installations.
fn image_classes(subjects: &[Subject<'_>]) -> Vec<usize> {
    let mut contents: BTreeMap<usize, Vec<Option<&str>>> = BTreeMap::new();
    for subject in subjects {
        let content = contents.entry(subject.image).or_default();
        content.push(subject.registry.as_deref());
    }
    let mut by_host = BTreeMap::new();
    let mut by_content = BTreeMap::new();
    let mut classes: BTreeMap<usize, usize> = BTreeMap::new();
    for subject in subjects {
        if classes.contains_key(&subject.image) {
            continue;
        }
        let known = contents
            .get(&subject.image)
            .filter(|content| content.iter().all(Option::is_some));
        let same = subject
            .host
            .and_then(|host| by_host.get(&host))
            .or_else(|| known.and_then(|content| by_content.get(content)))
            .copied()
            .unwrap_or(subject.image);
        classes.insert(subject.image, same);
        if let Some(host) = subject.host {
            by_host.entry(host).or_insert(same);
        }
        if let Some(content) = known {
            by_content.entry(content).or_insert(same);
        }
    }
    subjects
        .iter()
        .filter_map(|subject| classes.get(&subject.image).copied())
        .collect()
}

/// Who has which value of which identity, each once.
fn groups<'s, 'f>(members: &[Member<'s, 'f>]) -> BTreeMap<GroupKey<'s>, Vec<Member<'s, 'f>>> {
    let mut groups: BTreeMap<_, Vec<Member<'s, 'f>>> = BTreeMap::new();
    for member in members {
        for own in own(member.subject) {
            let group = groups.entry(own.key()).or_default();
            let is_there = |last: &Member<'_, '_>| std::ptr::eq(last.subject, member.subject);
            if !group.last().is_some_and(is_there) {
                group.push(*member);
            }
        }
    }
    groups
}

/// Fact, name and folded value.
type GroupKey<'s> = (&'static str, &'s str, String);

/// An identity of an installation.
struct Own<'s> {
    fact: &'static str,
    name: &'s str,
    value: &'s str,
}

impl<'s> Own<'s> {
    fn key(&self) -> GroupKey<'s> {
        (self.fact, self.name, folded(self.value))
    }
}

/// The identities of an installation, in the order of reports.
fn own<'s>(subject: &'s Subject<'_>) -> Vec<Own<'s>> {
    let mut all: Vec<Own<'s>> = IDENTITIES
        .iter()
        .filter_map(|identity| {
            Some(Own {
                fact: identity.fact,
                name: identity.name,
                value: own_value(subject, identity)?,
            })
        })
        .collect();
    if let Some(Fact::Found {
        value: Value::Map(stored),
        ..
    }) = subject.facts.get(STORED.fact)
    {
        for (name, values) in stored {
            let Value::List(values) = values else {
                continue;
            };
            all.extend(values.iter().filter_map(|value| match value {
                Value::Text(value) => Some(Own {
                    fact: STORED.fact,
                    name,
                    value,
                }),
                _ => None,
            }));
        }
    }
    all
}

/// The value in the form that is compared: GUIDs are written with and without braces, names in any case.
pub(crate) fn folded(value: &str) -> String {
    value.trim_matches(['{', '}']).to_lowercase()
}

/// The value of an identity, where it was found, says something and may be compared.
fn own_value<'s>(subject: &'s Subject<'_>, identity: &Identity) -> Option<&'s str> {
    if identity.fact == MACHINE_SID && sid_hindrance(subject.facts).is_some() {
        return None;
    }
    match subject.facts.get(identity.fact) {
        Some(Fact::Found {
            value: Value::Text(text),
            asserted: false,
            ..
        }) if !folded(text).is_empty() => Some(text),
        _ => None,
    }
}

/// Why a SID found in SAM is not compared: a domain controller has that of its domain, by design, and whether this is one
/// may be unknown.
fn sid_hindrance(facts: &Facts) -> Option<&'static str> {
    match facts.get("os.product_type") {
        Some(Fact::Found {
            value: Value::Text(kind),
            ..
        }) => kind.eq_ignore_ascii_case("LanmanNT").then_some("by_design"),
        Some(Fact::Unknown(unknown)) => Some(unknown.reason.as_str()),
        _ => Some("not_provided"),
    }
}

fn not_compared(facts: &Facts) -> Vec<NotCompared> {
    let of = |identity: &Identity| {
        let incomplete = facts.incomplete(identity.fact);
        let reason = match facts.get(identity.fact) {
            Some(Fact::Found { .. }) if incomplete.is_some() => incomplete?.reason.as_str(),
            None => "not_provided",
            Some(Fact::Unknown(unknown)) => unknown.reason.as_str(),
            Some(Fact::Found { .. }) if identity.fact == MACHINE_SID => sid_hindrance(facts)?,
            _ => return None,
        };
        Some(NotCompared {
            fact: identity.fact.to_owned(),
            identity: identity.name.to_owned(),
            reason: reason.to_owned(),
        })
    };
    IDENTITIES.iter().chain([&STORED]).filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Evidence, Locator, Unknown, UnknownReason};

    const GUID: &str = "crypto.machine_guid";

    fn facts(known: &[(&str, &str)]) -> Facts {
        let mut facts = Facts::new();
        for (id, value) in known {
            facts.put(id, Fact::found(*value, Evidence::at(Locator::new("test"))));
        }
        facts
    }

    fn subject<'f>(image: usize, registry: &str, facts: &'f Facts) -> Subject<'f> {
        Subject {
            image,
            source: format!("{image}.vhd"),
            index: 0,
            host: Some((1, u64::try_from(image).unwrap())),
            registry: Some(registry.to_owned()),
            facts,
        }
    }

    fn names(others: &Others) -> Vec<&str> {
        others
            .with
            .iter()
            .map(|other| other.source.as_str())
            .collect()
    }

    #[test]
    fn an_identity_of_two_images_is_shared_whatever_its_braces_and_case() {
        let (one, two) = (
            facts(&[(GUID, "1b2162a0")]),
            facts(&[(GUID, "{1B2162A0}"), ("msdtc.cid", "ab")]),
        );
        let answers = compare(&[subject(0, "x", &one), subject(1, "y", &two)]);
        let shared = &answers[0].shared_identities;
        assert_eq!(shared.len(), 1);
        assert_eq!(
            (shared[0].identity.as_str(), shared[0].value.as_str()),
            ("MachineGuid", "1b2162a0")
        );
        assert_eq!(names(&shared[0].others), ["1.vhd"]);
        assert_eq!(answers[1].compared_with, 1);
    }

    /// How often an installation is named when `count` images are compared that share two identities.
    fn named(count: usize, registry: impl Fn(usize) -> String) -> usize {
        let known = facts(&[(GUID, "a"), ("msdtc.cid", "b")]);
        let subjects: Vec<Subject<'_>> = (0..count)
            .map(|image| subject(image, &registry(image), &known))
            .collect();
        let mut named = 0;
        let answers = compare_by(&subjects, &mut |subject| {
            named += 1;
            Other::of(subject)
        });
        assert_eq!(answers.len(), count);
        named
    }

    /// Each with each would be 16 times the work for four times the images.
    #[test]
    fn four_times_the_images_take_four_times_the_work() {
        let clones = |count| named(count, |image| image.to_string());
        let copies = |count| named(count, |_| "x".to_owned());
        let two_images = |count| named(count, |image| (image % 2).to_string());
        for work in [clones, copies, two_images] as [fn(usize) -> usize; 3] {
            let (few, many) = (work(100), work(400));
            assert!(few > 0 && many <= 4 * few, "{few} and {many}");
        }
    }

    #[test]
    fn a_value_that_is_stored_twice_is_shared_once() {
        let known = || {
            let mut facts = facts(&[]);
            let stored = Value::Map([("agent".to_owned(), Value::texts(["A", "{a}"]))].into());
            facts.put(
                "id.stored",
                Fact::found(stored, Evidence::at(Locator::new("test"))),
            );
            facts
        };
        let (one, two) = (known(), known());
        let answers = compare(&[subject(0, "x", &one), subject(1, "y", &two)]);
        assert!(!answers[0].shared_identities.is_empty());
        assert!(
            answers[0]
                .shared_identities
                .iter()
                .all(|shared| shared.others.others == 1)
        );
    }

    #[test]
    fn an_image_given_twice_and_its_copy_are_told_and_share_nothing_with_each_other() {
        let known = facts(&[(GUID, "a")]);
        let mut twice = subject(1, "unread", &known);
        twice.host = Some((1, 0));
        let copy = subject(2, "x", &known);
        let clone = subject(3, "y", &known);
        let answers = compare(&[subject(0, "x", &known), twice, copy, clone]);
        assert_eq!(names(&answers[0].same_image), ["1.vhd", "2.vhd"]);
        assert_eq!(
            names(&answers[0].shared_identities[0].others),
            ["3.vhd"],
            "only the clone shares"
        );
        assert_eq!(names(&answers[3].same_image), [""; 0]);
        assert_eq!(answers[3].shared_identities[0].others.others, 3);
    }

    #[test]
    fn installations_of_one_image_are_not_compared_with_each_other() {
        let known = facts(&[(GUID, "a")]);
        let second = |image| Subject {
            index: 1,
            registry: Some("y".to_owned()),
            ..subject(image, "", &known)
        };
        let answers = compare(&[subject(0, "x", &known), second(0)]);
        assert_eq!(
            (
                answers[0].compared_with,
                answers[0].shared_identities.as_slice()
            ),
            (0, &[][..])
        );
        let copies = [
            subject(0, "x", &known),
            second(0),
            subject(1, "x", &known),
            second(1),
        ];
        let answers = compare(&copies);
        assert_eq!(names(&answers[0].same_image), ["1.vhd"]);
        assert_eq!(answers[0].shared_identities, []);
    }

    #[test]
    fn the_sid_of_a_domain_is_no_machine_sid_and_what_is_unknown_is_said() {
        let mut controller = facts(&[(MACHINE_SID, "S-1"), ("os.product_type", "LanmanNT")]);
        let unknown = Unknown::new(UnknownReason::Corrupt, "cut", Locator::new("test"));
        controller.put(GUID, Fact::Unknown(unknown));
        let other = facts(&[
            (MACHINE_SID, "S-1"),
            (GUID, "a"),
            ("os.product_type", "ServerNT"),
        ]);
        let answers = compare(&[subject(0, "x", &controller), subject(1, "y", &other)]);
        assert_eq!(answers[1].shared_identities, []);
        let reasons: Vec<_> = answers[0]
            .not_compared
            .iter()
            .take(2)
            .map(|item| (item.fact.as_str(), item.reason.as_str()))
            .collect();
        assert_eq!(reasons, [(GUID, "corrupt"), (MACHINE_SID, "by_design")]);
    }

    #[test]
    fn a_sid_is_compared_only_where_the_installation_is_known_to_be_no_domain_controller() {
        let unsure = facts(&[(MACHINE_SID, "S-1")]);
        let server = facts(&[(MACHINE_SID, "S-1"), ("os.product_type", "ServerNT")]);
        let answers = compare(&[subject(0, "x", &unsure), subject(1, "y", &server)]);
        assert_eq!(answers[1].shared_identities, []);
        let sid = |answer: &AcrossImages| {
            let mut of = answer.not_compared.iter();
            of.find(|item| item.fact == MACHINE_SID)
                .map(|item| item.reason.clone())
        };
        assert_eq!(sid(&answers[0]).as_deref(), Some("not_provided"));
        assert_eq!(sid(&answers[1]), None);
        let answers = compare(&[subject(0, "x", &server), subject(1, "y", &server)]);
        assert_eq!(answers[0].shared_identities.len(), 1);
    }

    #[test]
    fn identities_of_the_table_are_compared_by_name_and_value() {
        let stored = |values: &[(&str, &str)]| {
            let map = values
                .iter()
                .map(|(name, value)| ((*name).to_owned(), Value::texts([*value])));
            let mut facts = Facts::new();
            let place = Evidence::at(Locator::new("test"));
            facts.put("id.stored", Fact::found(Value::Map(map.collect()), place));
            facts
        };
        let one = stored(&[("agent", "A"), ("other agent", "b")]);
        let two = stored(&[("agent", "a"), ("third agent", "b")]);
        let answers = compare(&[subject(0, "x", &one), subject(1, "y", &two)]);
        let shared: Vec<&str> = answers[0]
            .shared_identities
            .iter()
            .map(|shared| shared.identity.as_str())
            .collect();
        assert_eq!(shared, ["agent"]);
    }

    #[test]
    fn what_an_operator_vouched_for_is_shared_by_nobody() {
        let mut one = Facts::new();
        let word = Evidence::at(Locator::new("--assert"));
        assert!(one.assert(GUID, Value::text("a"), word));
        let answers = compare(&[subject(0, "x", &one), subject(1, "y", &one)]);
        assert_eq!(answers[0].shared_identities, []);
    }

    #[test]
    fn the_order_of_images_changes_no_answer() {
        let known = facts(&[(GUID, "a")]);
        let images = |order: [usize; 3]| {
            let subjects =
                order.map(|image| subject(image, if image == 2 { "y" } else { "x" }, &known));
            compare(&subjects)
        };
        let shown = |answer: &AcrossImages| serde_json::to_string(answer).unwrap();
        let forth: Vec<String> = images([0, 1, 2]).iter().rev().map(shown).collect();
        let back: Vec<String> = images([2, 1, 0]).iter().map(shown).collect();
        assert_eq!(forth, back);
    }

    #[test]
    fn of_many_others_the_first_are_named_and_all_are_counted() {
        let known = facts(&[(GUID, "a")]);
        let contents: Vec<String> = (0..40).map(|image| image.to_string()).collect();
        let subjects: Vec<_> = contents
            .iter()
            .enumerate()
            .map(|(image, content)| subject(image, content, &known))
            .collect();
        let shared = &compare(&subjects)[0].shared_identities[0];
        assert_eq!(
            (shared.others.others, shared.others.with.len()),
            (39, NAMED_MAX)
        );
    }
}
