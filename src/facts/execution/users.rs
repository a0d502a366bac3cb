//! What the users' own hives tell of the tools that seal: starts from Explorer, and names that were looked up.
//!
//! UserAssist in NTUSER.DAT counts starts and knows the last one. MUICache notes the name of each program that was shown
//! or started, without a time: up to Server 2003 in NTUSER.DAT, from Vista on in UsrClass.dat, where a value is the path
//! with the kind of name behind it (plaso, `muicache.py`; dissect.target, `muicache.py`).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::artifact::registry::{Key, KeyValue};
use crate::artifact::user_assist;
use crate::base::filetime::FileTime;
use crate::base::win_path::{WinPath, eq_name};
use crate::evidence::{Evidence, Fact, Locator, Unknown, UnknownReason};
use crate::facts::context::OpenedHive;
use crate::facts::gather::empty_evidence;
use crate::facts::image::profiles;
use crate::facts::{Context, Facts, HiveName};

const USER_ASSIST: &str = "Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\UserAssist";
/// The cache of names in NTUSER.DAT of XP and Server 2003, and in UsrClass.dat of Vista and later.
const NAMES_OLD: &str = "Software\\Microsoft\\Windows\\ShellNoRoam\\MUICache";
const NAMES: &str = "Local Settings\\Software\\Microsoft\\Windows\\Shell\\MuiCache";
/// Where UsrClass.dat lies in a profile: Vista and later, XP and Server 2003.
const CLASSES: [&str; 2] = [
    "AppData\\Local\\Microsoft\\Windows\\UsrClass.dat",
    "Local Settings\\Application Data\\Microsoft\\Windows\\UsrClass.dat",
];
/// What stands behind a path in the cache of names from Windows 7 on.
const KINDS: [&str; 2] = [".FriendlyAppName", ".ApplicationCompany"];
/// Most profiles whose hives are read.
const PROFILES_MAX: usize = 64;

/// What the hives of all users tell.
#[derive(Debug, Default)]
pub(crate) struct Users {
    starts: Vec<Starts>,
    /// Paths in the caches of names, and their places.
    names: Vec<(String, Evidence)>,
    looked: Vec<Evidence>,
    unseen: Vec<Unknown>,
}

/// One entry of UserAssist.
#[derive(Debug)]
struct Starts {
    path: String,
    count: u32,
    last: Option<FileTime>,
    evidence: Evidence,
}

impl Users {
    /// Reads the hives of every profile of the list; only entries of `tools` are kept.
    pub(crate) fn read(context: &Context<'_>, tools: &[&str]) -> Self {
        let mut users = Self::default();
        let profiles = match profiles::all(context) {
            Ok(profiles) => profiles,
            Err(unknown) => {
                users.unseen.push(unknown);
                return users;
            }
        };
        let folders = profiles.into_iter().filter_map(|profile| profile.folder);
        for (number, folder) in folders.enumerate() {
            if number == PROFILES_MAX {
                users.unseen.push(Unknown::new(
                    UnknownReason::LimitExceeded,
                    format!("the hives of the first {PROFILES_MAX} profiles are read"),
                    context.place(HiveName::Software, profiles::KEY, None),
                ));
                break;
            }
            users.profile(context, &folder, tools);
        }
        users
    }

    /// How often a program was started from Explorer, at least. A hive that could not be read leaves it unknown unless
    /// another counts.
    pub(crate) fn put_starts(
        &self,
        context: &Context<'_>,
        facts: &mut Facts,
        id: &str,
        tool: &str,
    ) {
        let of_tool = || {
            self.starts
                .iter()
                .filter(|starts| is_of(&starts.path, tool))
        };
        let mut paths: BTreeMap<String, Vec<&Starts>> = BTreeMap::new();
        for starts in of_tool() {
            let path = starts.path.to_ascii_lowercase();
            paths.entry(path).or_default().push(starts);
        }
        let runs = paths.values().map(|starts| least(starts));
        let runs = runs.fold(0_i64, i64::saturating_add);
        let mut evidence = of_tool().map(|starts| starts.evidence.clone());
        let fact = match (evidence.next(), self.unseen.first()) {
            (Some(first), _) => Fact::found_in(runs, first, evidence),
            (None, Some(unknown)) => Fact::Unknown(unknown.clone()),
            (None, None) => Fact::found(runs, empty_evidence(self.looked.clone(), &list(context))),
        };
        facts.put(id, fact);
        if let Some(unknown) = self.unseen.first() {
            facts.mark_incomplete(id, unknown.clone());
        }
    }

    /// Paths in the caches of names.
    pub(crate) fn names(&self) -> &[(String, Evidence)] {
        &self.names
    }

    /// What could not be seen.
    pub(crate) fn unseen(&self) -> &[Unknown] {
        &self.unseen
    }

    fn profile(&mut self, context: &Context<'_>, folder: &WinPath, tools: &[&str]) {
        let own = folder.child("NTUSER.DAT");
        self.hive(context, &own, |users, opened| {
            users.starts_in(context, opened, tools)?;
            users.names_in(context, opened, NAMES_OLD, tools)
        });
        for tail in CLASSES {
            self.hive(context, &folder.join(tail), |users, opened| {
                users.names_in(context, opened, NAMES, tools)
            });
        }
    }

    /// Opens the hive at `path`, if it is there, and lets `read` look into it.
    fn hive(
        &mut self,
        context: &Context<'_>,
        path: &WinPath,
        read: impl FnOnce(&mut Self, &OpenedHive) -> Result<(), Unknown>,
    ) {
        let result = match context.metadata(path) {
            Ok(None) => Ok(()),
            Ok(Some(_)) => context.open_hive(path).and_then(|opened| {
                self.looked.push(Evidence::at(opened.locator.clone()));
                read(self, &opened)
            }),
            Err(unknown) => Err(unknown),
        };
        self.unseen.extend(result.err());
    }

    fn starts_in(
        &mut self,
        context: &Context<'_>,
        opened: &OpenedHive,
        tools: &[&str],
    ) -> Result<(), Unknown> {
        let fail = |error| Unknown::from_error(&error, opened.locator.step(USER_ASSIST));
        let Some(key) = opened.hive.key(USER_ASSIST).map_err(fail)? else {
            return Ok(());
        };
        for group in key.subkeys().map_err(fail)? {
            let Some(count) = group.subkey("Count").map_err(fail)? else {
                continue;
            };
            let path = format!("{USER_ASSIST}\\{}\\Count", group.name().map_err(fail)?);
            for value in count.values().map_err(fail)? {
                self.start(context, opened, &count, &path, &value, tools);
            }
        }
        Ok(())
    }

    fn start(
        &mut self,
        context: &Context<'_>,
        opened: &OpenedHive,
        key: &Key<'_>,
        key_path: &str,
        value: &KeyValue,
        tools: &[&str],
    ) {
        let Some(entry) = user_assist::parse(&value.name, &value.data) else {
            return;
        };
        let Some(path) = entry.path().filter(|path| is_any(path, tools)) else {
            return;
        };
        let last = entry
            .last_run
            .map_or(String::new(), |time| format!(", last {time}"));
        let locator = opened
            .locator
            .step(format_args!("{key_path}!{}", value.name));
        let evidence = context.evidence_in(opened, locator, key, Some(value));
        let raw = format!("{}: {} starts{last}", entry.name, entry.count);
        self.starts.push(Starts {
            path,
            count: entry.count,
            last: entry.last_run,
            evidence: evidence.raw(raw),
        });
    }

    fn names_in(
        &mut self,
        context: &Context<'_>,
        opened: &OpenedHive,
        path: &str,
        tools: &[&str],
    ) -> Result<(), Unknown> {
        let fail = |error| Unknown::from_error(&error, opened.locator.step(path));
        let Some(key) = opened.hive.key(path).map_err(fail)? else {
            return Ok(());
        };
        for value in key.values().map_err(fail)? {
            let program = without_kind(&value.name);
            let known = self
                .names
                .iter()
                .any(|(name, place)| name == program && is_in(&place.locator, &opened.locator));
            if !is_any(program, tools) || known {
                continue;
            }
            let locator = opened.locator.step(format_args!("{path}!{}", value.name));
            let evidence = context.evidence_in(opened, locator, &key, Some(&value));
            self.names.push((program.to_owned(), evidence));
        }
        Ok(())
    }
}

/// How many starts the entries of one path prove. A profile that was copied takes its counts along, so counts of several
/// profiles are not added up: beside those of one entry only last starts count that are later than its own.
fn least(entries: &[&Starts]) -> i64 {
    let counted = || entries.iter().filter(|entry| entry.count > 0);
    let times: BTreeSet<FileTime> = counted().filter_map(|entry| entry.last).collect();
    let proved = |entry: &&Starts| {
        let later = entry.last.map_or(0, |last| {
            times
                .range((Bound::Excluded(last), Bound::Unbounded))
                .count()
        });
        i64::from(entry.count).saturating_add(i64::try_from(later).unwrap_or(i64::MAX))
    };
    counted().map(proved).max().unwrap_or(0)
}

fn list(context: &Context<'_>) -> Locator {
    context.place(HiveName::Software, profiles::KEY, None)
}

/// Whether a place lies in a hive.
fn is_in(place: &Locator, hive: &Locator) -> bool {
    place.steps().starts_with(hive.steps())
}

/// The path of an entry of the cache of names.
fn without_kind(name: &str) -> &str {
    KINDS
        .iter()
        .find_map(|kind| name.strip_suffix(kind))
        .unwrap_or(name)
}

fn is_any(path: &str, tools: &[&str]) -> bool {
    tools.iter().any(|tool| is_of(path, tool))
}

/// Whether a path names the program.
pub(crate) fn is_of(path: &str, program: &str) -> bool {
    eq_name(path.rsplit('\\').next().unwrap_or(path), program)
}

#[cfg(test)]
mod tests {
    use crate::artifact::user_assist::rot13;
    use crate::facts::execution::collect;
    use crate::facts::test_hive::TestHive;
    use crate::facts::test_image::{TestImage, expect, first_evidence};

    const SYSPREP: &str = "exec.sysprep_starts";
    const GROUP: &str = "Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\UserAssist\\\
                         {CEBFF5CD-ACE2-4F4F-9178-9926F41749EA}\\Count";
    const NAMES: &str = "Local Settings\\Software\\Microsoft\\Windows\\Shell\\MuiCache";

    /// A Windows with the profiles `Users\one` and `Users\two`.
    fn image() -> TestImage {
        let list = "Microsoft\\Windows NT\\CurrentVersion\\ProfileList\\S-1-5-21-1-2-3-";
        let software = TestHive::new()
            .text(&format!("{list}1000"), "ProfileImagePath", "C:\\Users\\one")
            .text(&format!("{list}1001"), "ProfileImagePath", "C:\\Users\\two")
            .bytes();
        TestImage::new("6.1", "none").file("WINDOWS\\system32\\config\\SOFTWARE", software)
    }

    /// A hive whose UserAssist has a program with that many starts, the last at 1 January 2020.
    fn user(clear: &str, starts: u32) -> Vec<u8> {
        user_at(clear, starts, 0)
    }

    /// The same, the last start that many days later.
    fn user_at(clear: &str, starts: u32, days: u64) -> Vec<u8> {
        let mut data = [0; 72];
        data[4..8].copy_from_slice(&starts.to_le_bytes());
        let last = 132_223_104_000_000_000 + days * 864_000_000_000;
        data[60..68].copy_from_slice(&last.to_le_bytes());
        TestHive::new()
            .value(GROUP, &rot13(clear), 3, &data)
            .bytes()
    }

    #[test]
    fn starts_are_added_over_the_users_and_their_places_told() {
        let facts = image()
            .file(
                "Users\\one\\NTUSER.DAT",
                user(
                    "{1AC14E77-02E7-4E5D-B744-2EB1AE5198B7}\\Sysprep\\sysprep.exe",
                    2,
                ),
            )
            .file("Users\\two\\NTUSER.DAT", user("D:\\tools\\SYSPREP.EXE", 1))
            .collect(&[collect]);
        expect(&facts, &[(SYSPREP, "3"), ("exec.fbreseal_starts", "0")]);
        let raw = first_evidence(&facts, SYSPREP).raw.clone().unwrap();
        assert!(
            raw.ends_with("sysprep.exe: 2 starts, last 2020-01-01T00:00:00.0000000Z"),
            "{raw}"
        );
    }

    /// The starts of one program by two users, each as often and on that day.
    fn two_users(one: (u32, u64), two: (u32, u64)) -> String {
        let hive = |(starts, day)| user_at("D:\\sysprep.exe", starts, day);
        let facts = image()
            .file("Users\\one\\NTUSER.DAT", hive(one))
            .file("Users\\two\\NTUSER.DAT", hive(two))
            .collect(&[collect]);
        match facts.get(SYSPREP) {
            Some(crate::evidence::Fact::Found { value, .. }) => value.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn an_entry_that_a_profile_took_from_another_counts_once() {
        assert_eq!(two_users((1, 0), (1, 0)), "1");
        assert_eq!(two_users((7, 3), (7, 3)), "7");
    }

    #[test]
    fn starts_of_two_users_at_different_times_are_two() {
        assert_eq!(two_users((1, 0), (1, 5)), "2");
    }

    /// The second may be a copy of the first that was used once more: its five may hold the two of the first.
    #[test]
    fn a_count_that_may_hold_that_of_another_profile_is_not_added_to_it() {
        assert_eq!(two_users((2, 0), (5, 5)), "5");
        assert_eq!(two_users((5, 0), (2, 5)), "6");
    }

    #[test]
    fn programs_whose_names_only_end_alike_are_not_counted() {
        let facts = image()
            .file(
                "Users\\one\\NTUSER.DAT",
                user("D:\\tools\\mysysprep.exe", 9),
            )
            .collect(&[collect]);
        expect(&facts, &[(SYSPREP, "0")]);
    }

    #[test]
    fn a_hive_that_cannot_be_read_leaves_the_number_unknown_unless_another_counts() {
        let broken = || image().file("Users\\one\\NTUSER.DAT", "regf");
        expect(
            &broken().collect(&[collect]),
            &[(SYSPREP, "unknown:corrupt")],
        );
        let facts = broken()
            .file("Users\\two\\NTUSER.DAT", user("D:\\sysprep.exe", 1))
            .collect(&[collect]);
        expect(&facts, &[(SYSPREP, "1")]);
        assert!(facts.incomplete(SYSPREP).is_some());
    }

    #[test]
    fn names_of_vista_and_later_are_in_the_hive_of_classes_once_for_each_program() {
        let path = "C:\\Windows\\System32\\Sysprep\\sysprep.exe";
        let classes = TestHive::new()
            .text(
                NAMES,
                &format!("{path}.FriendlyAppName"),
                "System Preparation",
            )
            .text(NAMES, &format!("{path}.ApplicationCompany"), "Microsoft")
            .text(NAMES, "C:\\Windows\\notepad.exe.FriendlyAppName", "Notepad")
            .bytes();
        let system = TestHive::new()
            .number("Select", "Current", 1)
            .key("ControlSet001")
            .bytes();
        let facts = image()
            .file("WINDOWS\\system32\\config\\SYSTEM", system)
            .file(
                "Users\\one\\AppData\\Local\\Microsoft\\Windows\\UsrClass.dat",
                classes,
            )
            .collect(&[collect]);
        expect(
            &facts,
            &[(
                "exec.seal_tools_seen",
                "MUICache C:\\Windows\\System32\\Sysprep\\sysprep.exe",
            )],
        );
    }
}
