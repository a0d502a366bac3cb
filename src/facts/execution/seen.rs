//! Weak traces of the tools that seal: their paths in the cache of program compatibility and in the users' caches of names.
//!
//! Both tell that the path was seen. AppCompatCache notes programs that were started or only looked at; MUICache notes
//! programs whose name was shown, without a time. Neither counts, so neither proves a seal.

use crate::artifact::app_compat_cache;
use crate::evidence::{Fact, Unknown};
use crate::facts::execution::users::{Users, is_of};
use crate::facts::gather::Gather;
use crate::facts::{Context, HiveName};

/// The tools.
pub(crate) const TOOLS: [&str; 2] = ["fbreseal.exe", "sysprep.exe"];
/// Where the cache lies below the control set: XP, and every later Windows.
const CACHES: [&str; 2] = [
    "Control\\Session Manager\\AppCompatibility",
    "Control\\Session Manager\\AppCompatCache",
];
/// The name of the cache's value.
const CACHE_VALUE: &str = "AppCompatCache";

/// The fact exec.seal_tools_seen.
pub(crate) fn seen(context: &Context<'_>, users: &Users) -> Fact {
    let mut gather = Gather::default();
    if let Err(unknown) = cache(context, &mut gather) {
        gather.unseen(unknown);
    }
    for (path, evidence) in users.names() {
        gather.found(format!("MUICache {path}"), evidence.clone());
    }
    for unknown in users.unseen() {
        gather.unseen(unknown.clone());
    }
    gather.list(&context.place(HiveName::System, "Control\\Session Manager", None))
}

fn is_tool(path: &str) -> bool {
    TOOLS.iter().any(|tool| is_of(path, tool))
}

fn cache(context: &Context<'_>, gather: &mut Gather) -> Result<(), Unknown> {
    for tail in CACHES {
        let key = context.in_control_set(tail)?;
        let Some(found) = context.value(HiveName::System, &key, CACHE_VALUE)? else {
            gather.nothing(context.absent_evidence(HiveName::System, &key, Some(CACHE_VALUE)));
            continue;
        };
        let place = found.evidence.locator.clone();
        let programs = app_compat_cache::parse(&found.value.data)
            .map_err(|error| Unknown::from_error(&error, place))?;
        let mut tools = programs
            .into_iter()
            .filter(|program| is_tool(&program.path))
            .peekable();
        if tools.peek().is_none() {
            gather.nothing(found.evidence.clone());
        }
        for program in tools {
            let changed = program
                .modified
                .map_or(String::new(), |time| format!(", file changed {time}"));
            let evidence = found
                .evidence
                .clone()
                .raw(format!("{}{changed}", program.path));
            gather.found(format!("AppCompatCache {}", program.path), evidence);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::facts::execution::collect;
    use crate::facts::test_hive::TestHive;
    use crate::facts::test_image::{TestImage, expect};

    const NAMES: &str = "Software\\Microsoft\\Windows\\ShellNoRoam\\MUICache";
    const SEEN: &str = "exec.seal_tools_seen";

    /// A cache of XP: header of 400 bytes, entries of 552 bytes with the path in front.
    fn cache(paths: &[&str]) -> Vec<u8> {
        let mut cache = vec![0; 400 + 552 * paths.len()];
        cache[..4].copy_from_slice(&0xdead_beef_u32.to_le_bytes());
        cache[4] = u8::try_from(paths.len()).unwrap();
        for (index, path) in paths.iter().enumerate() {
            for (at, unit) in path.encode_utf16().enumerate() {
                let offset = 400 + 552 * index + 2 * at;
                cache[offset..offset + 2].copy_from_slice(&unit.to_le_bytes());
            }
        }
        cache
    }

    fn system(cache: &[u8]) -> Vec<u8> {
        let key = "ControlSet001\\Control\\Session Manager\\AppCompatibility";
        TestHive::new()
            .number("Select", "Current", 1)
            .value(key, "AppCompatCache", 3, cache)
            .bytes()
    }

    fn image(cache: &[u8]) -> TestImage {
        TestImage::new("5.1", "none")
            .file("WINDOWS\\system32\\config\\SYSTEM", system(cache))
            .hive("SOFTWARE", "software_sealed")
    }

    #[test]
    fn tools_in_the_cache_are_listed_by_their_paths() {
        let facts = image(&cache(&[
            "\\??\\C:\\WINDOWS\\explorer.exe",
            "\\??\\C:\\WINDOWS\\system32\\FBRESEAL.EXE",
        ]))
        .collect(&[collect]);
        let found = "AppCompatCache \\??\\C:\\WINDOWS\\system32\\FBRESEAL.EXE";
        expect(&facts, &[(SEEN, found)]);
    }

    #[test]
    fn a_cache_without_the_tools_shows_none_and_a_damaged_one_is_unknown() {
        let facts = image(&cache(&["\\??\\C:\\sysprep.exe.txt"])).collect(&[collect]);
        expect(&facts, &[(SEEN, "(none)")]);
        let facts = image(&cache(&["a"])[..600]).collect(&[collect]);
        expect(&facts, &[(SEEN, "unknown:corrupt")]);
    }

    #[test]
    fn tools_in_a_users_cache_of_names_are_listed() {
        let profile = "Microsoft\\Windows NT\\CurrentVersion\\ProfileList\\S-1-5-21-1-2-3-500";
        let software = TestHive::new()
            .text(profile, "ProfileImagePath", "%SystemDrive%\\Users\\op")
            .bytes();
        let user = TestHive::new()
            .text(NAMES, "C:\\tools\\fbreseal.exe", "Reseal")
            .bytes();
        let facts = TestImage::new("5.1", "xpe")
            .file("WINDOWS\\system32\\config\\SYSTEM", system(&cache(&[])))
            .file("WINDOWS\\system32\\config\\SOFTWARE", software)
            .file("Users\\op\\NTUSER.DAT", user)
            .collect(&[collect]);
        expect(&facts, &[(SEEN, "MUICache C:\\tools\\fbreseal.exe")]);
    }
}
