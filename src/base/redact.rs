//! Secrets in texts that logs hold: product keys, and what stands behind a word for a password.
//!
//! A log line is evidence and is shown as it stands, but no secret goes into any output. A product key is five groups of
//! five letters and digits; a password follows a word such as `password`, `pwd` or `adminpassword` and one of `: = space`.

use std::borrow::Cow;

/// What stands for a secret.
const HIDDEN: &str = "***";
/// Characters of a product key: five groups of five with hyphens between them.
const KEY_CHARS: usize = 29;
/// Words that a password follows, in lower case.
const WORDS: [&str; 6] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "productkey",
    "secret",
];

/// The text without product keys.
pub fn product_keys(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut shown = String::new();
    let (mut from, mut at) = (0_usize, 0_usize);
    while let Some(window) = bytes.get(at..at.saturating_add(KEY_CHARS)) {
        let is_part = |place: Option<usize>| {
            place
                .and_then(|place| bytes.get(place))
                .is_some_and(u8::is_ascii_alphanumeric)
        };
        let end = at.saturating_add(KEY_CHARS);
        if is_product_key(window) && !is_part(at.checked_sub(1)) && !is_part(Some(end)) {
            shown.push_str(text.get(from..at).unwrap_or_default());
            shown.push_str(HIDDEN);
            (from, at) = (end, end);
        } else {
            at = at.saturating_add(1);
        }
    }
    if from == 0 {
        return Cow::Borrowed(text);
    }
    shown.push_str(text.get(from..).unwrap_or_default());
    Cow::Owned(shown)
}

/// The text without product keys and without what follows a word for a password.
pub fn secrets(text: &str) -> Cow<'_, str> {
    let keyless = product_keys(text);
    // Only ASCII letters are folded, so that offsets stay.
    let lower = keyless.to_ascii_lowercase();
    let hit = WORDS
        .iter()
        .filter_map(|word| lower.find(word).map(|at| at.saturating_add(word.len())))
        .min();
    let Some(end) = hit else {
        return keyless;
    };
    let behind = keyless.get(end..).unwrap_or_default();
    let is_followed = behind.starts_with([':', '=', ' ', '"', '\'', '>']);
    if !is_followed || behind.trim().is_empty() {
        return keyless;
    }
    // Where a secret ends is not known: nothing behind the word is shown.
    let shown = keyless.get(..end).unwrap_or_default();
    Cow::Owned(format!("{shown} {HIDDEN}"))
}

fn is_product_key(window: &[u8]) -> bool {
    window.len() == KEY_CHARS
        && window
            .iter()
            .enumerate()
            .all(|(index, byte)| match index % 6 {
                5 => *byte == b'-',
                _ => byte.is_ascii_alphanumeric(),
            })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn product_keys_are_hidden_and_guids_are_not() {
        assert_eq!(
            product_keys("key ABCDE-12345-FGHIJ-67890-KLMNO, and more"),
            "key ***, and more"
        );
        let guid = "44d42aa2-dee4-4023-bea5-d2f166bbb42c";
        assert_eq!(product_keys(guid), guid);
        let longer = "ABCDE-12345-FGHIJ-67890-KLMNOP";
        assert_eq!(product_keys(longer), longer);
    }

    #[test]
    fn nothing_behind_a_word_for_a_password_is_shown() {
        assert_eq!(
            secrets("sysprep /AdminPassword:Hunter2 /x"),
            "sysprep /AdminPassword ***"
        );
        assert_eq!(secrets("pwd=\u{fc}x"), "pwd ***");
        assert_eq!(secrets("the password was changed"), "the password ***");
        assert_eq!(secrets("passwords"), "passwords");
    }
}
