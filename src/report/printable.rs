//! Text from an image made safe for a terminal: names and values of a hostile image may hold escape sequences.

use std::borrow::Cow;

/// The text with every control character, and every character that reorders text, shown as `\u{..}`.
pub fn printable(text: &str) -> String {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if disturbs_terminal(character) {
            safe.extend(character.escape_unicode());
        } else {
            safe.push(character);
        }
    }
    safe
}

/// Whether a character can make a terminal do or show something else: controls, other line ends, changes of direction.
fn disturbs_terminal(character: char) -> bool {
    let reorders = matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    character.is_control() || reorders
}

/// A JSON document with the same characters as `\uXXXX`, which stands for the same text.
pub fn printable_json(document: &str) -> Cow<'_, str> {
    // A list of 100,000 keys is 120 MB of plain text: it is looked at by the byte and not copied.
    if document
        .bytes()
        .all(|byte| matches!(byte, b' '..=b'~' | b'\n'))
    {
        return Cow::Borrowed(document);
    }
    let mut safe = String::with_capacity(document.len());
    let mut units = [0; 2];
    for character in document.chars() {
        if character != '\n' && disturbs_terminal(character) {
            for unit in character.encode_utf16(&mut units) {
                safe.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            safe.push(character);
        }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_reordering_do_not_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb"), "a\\u{1b}[31mb");
        assert_eq!(printable("gpj\u{202e}.exe"), "gpj\\u{202e}.exe");
        assert_eq!(printable("a\u{2028}b\u{61c}"), "a\\u{2028}b\\u{61c}");
        assert_eq!(printable("Übung\\日本"), "Übung\\日本");
    }

    #[test]
    fn a_json_document_has_no_control_characters_and_the_same_text() {
        let text = "\u{9b}31m \u{7f} \u{202e} Ü";
        let document = serde_json::to_string_pretty(&[text]).unwrap();
        let safe = printable_json(&document);
        assert_eq!(safe, "[\n  \"\\u009b31m \\u007f \\u202e Ü\"\n]");
        let read: Vec<String> = serde_json::from_str(&safe).unwrap();
        assert_eq!(read, [text]);
    }
}
