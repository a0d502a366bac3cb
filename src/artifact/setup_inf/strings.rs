//! String keys: the choice of a Strings section by language, and the expansion of `%key%`.
//!
//! "INF Strings Section": an exact LANGID first, then the language with the neutral sublanguage, then any sublanguage,
//! then the undecorated section. One section translates all; they are not mixed.

use std::collections::BTreeMap;

use crate::artifact::setup_inf::{FIELD_CHARS_MAX, Section};
use crate::base::win_path::{eq_name, fold_name};
use crate::error::{Error, Result};

/// Name of the undecorated section.
const STRINGS: &str = "Strings";
/// Bits of a LANGID that name the primary language.
const PRIMARY_LANGUAGE: u16 = 0x03ff;

/// Texts by their folded keys.
pub(crate) type Strings = BTreeMap<String, String>;

/// Whether a section is `[Strings]` or `[Strings.LLLL]`.
pub(crate) fn is_strings_section(name: &str) -> bool {
    eq_name(name, STRINGS) || language_of(name).is_some()
}

fn language_of(name: &str) -> Option<u16> {
    let (head, tail) = name.split_once('.')?;
    eq_name(head, STRINGS)
        .then(|| u16::from_str_radix(tail, 16).ok())
        .flatten()
}

/// The texts that translate this file for a language.
pub(crate) fn select(sections: &[Section], language: Option<u16>) -> Strings {
    let decorated = |wanted: &dyn Fn(u16) -> bool| {
        sections
            .iter()
            .find(|section| language_of(&section.name).is_some_and(wanted))
    };
    let chosen = language
        .and_then(|language| {
            let primary = language & PRIMARY_LANGUAGE;
            decorated(&|candidate| candidate == language)
                .or_else(|| decorated(&|candidate| candidate == primary))
                .or_else(|| decorated(&|candidate| candidate & PRIMARY_LANGUAGE == primary))
        })
        .or_else(|| {
            sections
                .iter()
                .find(|section| eq_name(&section.name, STRINGS))
        });
    let mut strings = Strings::new();
    for entry in chosen.into_iter().flat_map(|section| &section.entries) {
        if let Some(key) = &entry.key {
            // The first definition holds.
            strings
                .entry(fold_name(key))
                .or_insert_with(|| entry.fields.join(","));
        }
    }
    strings
}

/// The text with `%key%` replaced and `%%` made one percent sign; an unknown key stays as it stands.
pub(crate) fn expand(text: &str, strings: &Strings) -> Result<String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((head, tail)) = rest.split_once('%') {
        expanded.push_str(head);
        if let Some(after) = tail.strip_prefix('%') {
            expanded.push('%');
            rest = after;
            continue;
        }
        if let Some((key, after)) = tail.split_once('%') {
            if let Some(value) = strings.get(&fold_name(key)) {
                expanded.push_str(value);
            } else {
                expanded.push('%');
                expanded.push_str(key);
                expanded.push('%');
            }
            rest = after;
        } else {
            expanded.push('%');
            rest = tail;
        }
        check_length(&expanded)?;
    }
    expanded.push_str(rest);
    check_length(&expanded)?;
    Ok(expanded)
}

fn check_length(text: &str) -> Result<()> {
    // A character takes at most four bytes, so a short text needs no count.
    if text.len() <= FIELD_CHARS_MAX || text.chars().count() <= FIELD_CHARS_MAX {
        return Ok(());
    }
    Err(Error::corrupt(format!(
        "field of more than {FIELD_CHARS_MAX} characters after the expansion of strings"
    )))
}
