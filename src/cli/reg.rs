//! `goldseal reg`: a registry key, or one value of it, as the checks read it.

use std::path::{Path, PathBuf};

use goldseal::base::limits::Limits;
use goldseal::facts::{Context, HiveName};
use goldseal::report::{KeyReport, ValueReport, key_text, value_text};

use crate::cli::args::RegArgs;
use crate::cli::output::Output;
use crate::cli::{Exit, Failure, open};

pub(crate) fn run(args: &RegArgs, output: &mut Output) -> Result<Exit, Failure> {
    let words = Words::split(args)?;
    let image = open::open_one(words.image.as_ref(), &args.source)?;
    open::say_notes(&image, output);
    let installation = open::installation(&image, args.source.installation, output)?;
    let context = Context::new(installation, Limits::default());
    let (hive, path) = locate(&context, &words.key)?;
    match &words.value {
        None => show_key(&context, hive, &path, output)?,
        Some(value) => show_value(&context, hive, &path, value, output)?,
    }
    for note in context.notes() {
        output.note(&note);
    }
    Ok(Exit::Safe)
}

/// `IMAGE KEY [VALUE]`, or `KEY [VALUE]` where a hive is named by option.
struct Words {
    image: Option<PathBuf>,
    key: String,
    value: Option<String>,
}

impl Words {
    fn split(args: &RegArgs) -> Result<Self, Failure> {
        let loose = args.source.loose().is_any();
        let first_is_image = |word: &String| !loose || Path::new(word).exists();
        match args.words.as_slice() {
            [image, key] if first_is_image(image) => Ok(Self::new(Some(image), key, None)),
            [image, key, value] => Ok(Self::new(Some(image), key, Some(value))),
            [key] if loose => Ok(Self::new(None, key, None)),
            [key, value] => Ok(Self::new(None, key, Some(value))),
            _ => Err(Failure::Usage(
                "expected IMAGE KEY [VALUE], or a hive by option and KEY [VALUE]".to_owned(),
            )),
        }
    }

    fn new(image: Option<&String>, key: &str, value: Option<&String>) -> Self {
        Self {
            image: image.map(PathBuf::from),
            key: key.to_owned(),
            value: value.cloned(),
        }
    }
}

/// The hive and the path inside it, with `CurrentControlSet` resolved.
fn locate(context: &Context<'_>, typed: &str) -> Result<(HiveName, String), Failure> {
    let parts = parts_of(typed);
    let is = |part: &str, names: &[&str]| names.iter().any(|name| part.eq_ignore_ascii_case(name));
    let (hive, rest) = match parts.as_slice() {
        [root, user, rest @ ..] if is(root, &["HKU", "HKEY_USERS"]) && is(user, &[".DEFAULT"]) => {
            (HiveName::Default, rest)
        }
        [root, hive, rest @ ..] if is(root, &["HKLM", "HKEY_LOCAL_MACHINE"]) => {
            (hive_name(hive, typed)?, rest)
        }
        [hive, rest @ ..] => (hive_name(hive, typed)?, rest),
        [] => return Err(no_hive(typed)),
    };
    let mut path = rest.join("\\");
    if let (HiveName::System, [first, tail @ ..]) = (hive, rest)
        && is(first, &["CurrentControlSet"])
    {
        let set = context
            .control_set()
            .map_err(|unknown| unknown_failure(&unknown))?;
        path = std::iter::once(set)
            .chain(tail.iter().copied())
            .collect::<Vec<_>>()
            .join("\\");
    }
    Ok((hive, path))
}

/// The names of the keys on the way. A slash parts them only where no backslash does: names of keys may hold one.
fn parts_of(typed: &str) -> Vec<&str> {
    let separator = if typed.contains('\\') { '\\' } else { '/' };
    typed
        .split(separator)
        .filter(|part| !part.is_empty())
        .collect()
}

fn hive_name(word: &str, typed: &str) -> Result<HiveName, Failure> {
    let mut names = HiveName::ALL.into_iter();
    names
        .find(|name| name.file_name().eq_ignore_ascii_case(word))
        .ok_or_else(|| no_hive(typed))
}

fn no_hive(typed: &str) -> Failure {
    Failure::Usage(format!(
        "{typed}: expected a key such as HKLM\\SOFTWARE\\Microsoft\\Cryptography or SYSTEM\\CurrentControlSet\\Services; \
         the hives are SYSTEM, SOFTWARE, SECURITY, SAM, and DEFAULT (HKU\\.DEFAULT)"
    ))
}

fn unknown_failure(unknown: &goldseal::evidence::Unknown) -> Failure {
    Failure::Failed(format!(
        "{}: {}: {}",
        unknown.evidence.locator,
        unknown.reason.as_str(),
        unknown.detail
    ))
}

fn show_key(
    context: &Context<'_>,
    hive: HiveName,
    path: &str,
    output: &mut Output,
) -> Result<(), Failure> {
    let found = context
        .key(hive, path)
        .map_err(|unknown| unknown_failure(&unknown))?;
    let found = found.ok_or_else(|| {
        Failure::NotThere(format!("{}: not there", context.place(hive, path, None)))
    })?;
    let report =
        KeyReport::new(path, &found).map_err(|error| error.at(context.place(hive, path, None)))?;
    if output.is_json() {
        return output.json(&report);
    }
    let style = output.style();
    output.text(&key_text(&report, &style));
    Ok(())
}

fn show_value(
    context: &Context<'_>,
    hive: HiveName,
    path: &str,
    name: &str,
    output: &mut Output,
) -> Result<(), Failure> {
    let name = if name.eq_ignore_ascii_case("(Default)") {
        ""
    } else {
        name
    };
    let found = context
        .value(hive, path, name)
        .map_err(|unknown| unknown_failure(&unknown))?;
    let found = found.ok_or_else(|| {
        Failure::NotThere(format!(
            "{}: not there",
            context.place(hive, path, Some(name))
        ))
    })?;
    let report = ValueReport::new(path, &found.value, Some(found.evidence));
    if output.is_json() {
        return output.json(&report);
    }
    let style = output.style();
    output.text(&value_text(&report, &style));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_in_the_name_of_a_key_does_not_part_it() {
        assert_eq!(
            parts_of("HKLM\\SOFTWARE\\Content Type\\text/html"),
            ["HKLM", "SOFTWARE", "Content Type", "text/html"]
        );
        assert_eq!(parts_of("SYSTEM/Select"), ["SYSTEM", "Select"]);
    }
}
