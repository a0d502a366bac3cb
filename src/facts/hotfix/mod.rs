//! Whether an image has the hotfix of KB884872: hotfix.kb884872, hotfix.kb884872_files and hotfix.registry_disagrees.
//!
//! The files decide and the registry does not: its records age, and service packs delete them (KB888535, KB300039). Each
//! file is compared with its own row only; a version at or above the row is fixed, whatever package brought it. The hotfix
//! prevents a new loss of MachineGuid and repairs nothing. Copies in dllcache and ServicePackFiles do not count.
//!
//! What each file of the table shows is a fact of its own, one entry a file whatever the verdict is: one file that could not be
//! read leaves the verdict open and hides nothing of the others.

mod markers;
mod table;

use std::collections::BTreeMap;

use crate::artifact::pe_version::FileVersion;
use crate::evidence::{Evidence, Fact, Locator, Unknown, UnknownReason, Value, Version};
use crate::facts::programs::{self, Program};
use crate::facts::read::{earlier, is_version, windows_version};
use crate::facts::{Context, Facts};
use table::{FILES, FixedFile, Role};

/// The first service pack that the hotfix can be installed on.
const SERVICE_PACK_MIN: i64 = 3;
/// The build of Windows 2000.
const BUILD: i64 = 2195;

/// Collects this group; os.version, os.build and os.sp must be there.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    let (state, files) = match applies(facts) {
        Err(unknown) => (Err(unknown.clone()), Fact::Unknown(unknown)),
        Ok(Some(evidence)) => (
            Ok(Fact::found(Value::text("not_applicable"), evidence.clone())),
            Fact::found(Value::Map(BTreeMap::new()), evidence),
        ),
        Ok(None) => {
            let seen = look(context);
            (state(facts, &seen), files(seen))
        }
    };
    let disagrees = markers::disagrees(context, &state);
    facts.put("hotfix.kb884872", state);
    facts.put("hotfix.kb884872_files", files);
    facts.put("hotfix.registry_disagrees", disagrees);
}

/// Where it is read that the article is not about this Windows; `None` where it is.
fn applies(facts: &Facts) -> Result<Option<Evidence>, Unknown> {
    let (version, evidence) = windows_version(facts)?;
    if !is_version(&version, 5, 0) {
        return Ok(Some(evidence));
    }
    if let Some((Value::Int(build), evidence)) = earlier(facts, "os.build")?
        && *build != BUILD
    {
        let note = format!("build {build}, Windows 2000 is {BUILD}");
        return Ok(Some(evidence.clone().raw(note)));
    }
    Ok(None)
}

/// What one file of the table shows.
#[derive(Debug)]
struct Seen {
    file: &'static FixedFile,
    state: State,
    /// The place, with the state in one line.
    evidence: Evidence,
}

/// How a file stands to its row.
#[derive(Debug)]
enum State {
    Fixed(FileVersion),
    Older(FileVersion),
    Missing,
    WithoutVersion,
    Unseen(Unknown),
}

impl State {
    /// The word of the fact.
    fn as_str(&self) -> &'static str {
        match self {
            Self::Fixed(_) => "fixed",
            Self::Older(_) => "older",
            Self::Missing => "missing",
            Self::WithoutVersion => "no_version",
            Self::Unseen(_) => "unseen",
        }
    }

    /// What it says in a line.
    fn line(&self) -> String {
        match self {
            Self::Fixed(version) | Self::Older(version) => version.to_string(),
            Self::Missing => "not there".to_owned(),
            Self::WithoutVersion => "has no version resource".to_owned(),
            Self::Unseen(unknown) => format!("not seen: {}", unknown.detail),
        }
    }
}

/// Looks at every file of the table, in its order.
fn look(context: &Context<'_>) -> Vec<Seen> {
    let seen = |file: &'static FixedFile| {
        let path = context.installation.windows(file.path);
        let fixed = FileVersion(file.fixed);
        let (state, evidence) = match programs::version(context, &path) {
            Ok(Program::Version(version, evidence)) if version < fixed => {
                (State::Older(version), evidence)
            }
            Ok(Program::Version(version, evidence)) => (State::Fixed(version), evidence),
            Ok(Program::Missing(evidence)) => (State::Missing, evidence),
            Ok(Program::WithoutVersion(evidence)) => (State::WithoutVersion, evidence),
            Err(unknown) => {
                let evidence = Evidence::at(context.installation.place(&path));
                (State::Unseen(unknown), evidence)
            }
        };
        let end = match state {
            State::Fixed(_) => ": fixed",
            State::Older(_) => ": older",
            _ => "",
        };
        let line = format!("{}, fixed from {fixed} on{end}", state.line());
        Seen {
            file,
            state,
            evidence: evidence.raw(line),
        }
    };
    FILES.iter().map(seen).collect()
}

/// One entry a file: the version from which on it is fixed, its state, and its version or why there is none.
fn files(seen: Vec<Seen>) -> Fact {
    let mut entries = BTreeMap::new();
    let mut places = Vec::new();
    for one in seen {
        let mut entry = BTreeMap::from([
            ("fixed_from".to_owned(), version(one.file.fixed)),
            ("state".to_owned(), Value::text(one.state.as_str())),
            (
                "decides".to_owned(),
                Value::Bool(one.file.role == Role::Core),
            ),
        ]);
        match &one.state {
            State::Fixed(found) | State::Older(found) => {
                entry.insert("version".to_owned(), version(found.0));
            }
            State::Unseen(unknown) => {
                entry.insert("reason".to_owned(), Value::text(unknown.reason.as_str()));
                entry.insert("detail".to_owned(), Value::text(unknown.detail.clone()));
            }
            State::Missing | State::WithoutVersion => {}
        }
        entries.insert(one.file.path.to_owned(), Value::Map(entry));
        places.push(one.evidence);
    }
    let mut places = places.into_iter();
    match places.next() {
        Some(first) => Fact::found_in(Value::Map(entries), first, places),
        None => Fact::Unknown(Unknown::new(
            UnknownReason::NotProvided,
            "no file of the table was looked at",
            Locator::default(),
        )),
    }
}

fn version(parts: [u16; 4]) -> Value {
    Value::Version(Version::from_parts(&parts.map(u64::from)))
}

/// The state of the files; see the words of the fact. One older core file is proof. Without one, every core file must be seen;
/// then one older companion is proof; without one, every file must be seen. A companion that is not there is none of these.
fn state(facts: &Facts, seen: &[Seen]) -> Result<Fact, Unknown> {
    if let Some((Value::Int(pack), evidence)) = earlier(facts, "os.sp")?
        && *pack < SERVICE_PACK_MIN
    {
        let note = format!("service pack {pack}, the hotfix needs {SERVICE_PACK_MIN}");
        let word = Value::text("prerequisite_missing");
        return Ok(Fact::found(word, evidence.clone().raw(note)));
    }
    let of = |role: Role| seen.iter().filter(move |one| one.file.role == role);
    let is_older = |one: &&Seen| matches!(one.state, State::Older(_));
    let (core, companions) = (of(Role::Core), of(Role::Companion));
    let word = if core.clone().any(|one| is_older(&one)) {
        "not_fixed"
    } else if let Some(unknown) = core.clone().find_map(undecided) {
        return Err(summed(unknown, seen));
    } else if companions.clone().any(|one| is_older(&one)) {
        "partly_fixed"
    } else if let Some(unknown) = companions.clone().find_map(undecided) {
        return Err(summed(unknown, seen));
    } else {
        "fixed"
    };
    // The files that decide come first.
    let mut order: Vec<&Seen> = core.chain(companions).collect();
    order.sort_by_key(|one| !is_older(one));
    let mut lines = order.into_iter().map(|one| one.evidence.clone());
    let Some(first) = lines.next() else {
        return Err(Unknown::new(
            UnknownReason::NotProvided,
            "no file of the table was looked at",
            Locator::default(),
        ));
    };
    Ok(Fact::found_in(Value::text(word), first, lines))
}

/// Why "fixed" cannot be said with this file, if so.
fn undecided(one: &Seen) -> Option<Unknown> {
    let fixed = FileVersion(one.file.fixed);
    let unknown = |reason, detail| Unknown {
        reason,
        detail,
        evidence: one.evidence.clone(),
    };
    match &one.state {
        State::Missing if one.file.role == Role::Core => Some(unknown(
            UnknownReason::NotProvided,
            format!("not there; this file decides (fixed from {fixed} on)"),
        )),
        State::WithoutVersion => Some(unknown(
            UnknownReason::Corrupt,
            format!("has no version resource (fixed from {fixed} on)"),
        )),
        State::Unseen(unknown) => Some(unknown.clone()),
        _ => None,
    }
}

/// The unknown, with how many files show what.
fn summed(mut unknown: Unknown, seen: &[Seen]) -> Unknown {
    let states = seen.iter().map(|one| one.state.as_str());
    unknown.detail = format!("{}; {}", unknown.detail, sum_of(states));
    unknown
}

/// How many files of the table show what: `4 of 42 files fixed, 38 missing`.
pub(crate) fn summary(facts: &Facts) -> Option<String> {
    let Some(Fact::Found {
        value: Value::Map(files),
        ..
    }) = facts.get("hotfix.kb884872_files")
    else {
        return None;
    };
    let states = files.values().filter_map(|file| match file {
        Value::Map(entry) => match entry.get("state") {
            Some(Value::Text(state)) => Some(state.as_str()),
            _ => None,
        },
        _ => None,
    });
    (!files.is_empty()).then(|| sum_of(states))
}

fn sum_of<'s>(states: impl Iterator<Item = &'s str>) -> String {
    let words = [
        ("fixed", "at or above their versions"),
        ("older", "older"),
        ("missing", "not there"),
        ("no_version", "without a version"),
        ("unseen", "not seen"),
    ];
    let mut counts = [0_usize; 5];
    let mut all = 0_usize;
    for state in states {
        all = all.saturating_add(1);
        let place = words.iter().position(|(word, _)| *word == state);
        if let Some(count) = place.and_then(|place| counts.get_mut(place)) {
            *count = count.saturating_add(1);
        }
    }
    let told: Vec<String> = words
        .iter()
        .zip(counts)
        .filter(|(_, count)| *count > 0)
        .map(|((_, said), count)| format!("{count} {said}"))
        .collect();
    format!("of {all} files {}", told.join(", "))
}

/// The files of the table, one line each; empty where the article is not about this Windows.
pub(crate) fn lines(facts: &Facts) -> Vec<String> {
    let Some(Fact::Found {
        value: Value::Map(files),
        evidence,
        ..
    }) = facts.get("hotfix.kb884872_files")
    else {
        return Vec::new();
    };
    if files.is_empty() {
        return Vec::new();
    }
    let line = |place: &Evidence| {
        let name = place.locator.steps().last()?.rsplit('\\').next()?;
        Some(format!("{name}: {}", place.raw.as_deref()?))
    };
    evidence.iter().filter_map(line).collect()
}

#[cfg(test)]
mod tests;
