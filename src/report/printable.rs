//! Text from an image made safe for a terminal: names and values of a hostile image may hold escape sequences.

/// The text with every control character, and every character that reorders text, shown as `\u{..}`.
pub fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        let reorders = matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if character.is_control() || reorders {
            safe.extend(character.escape_unicode());
        } else {
            safe.push(character);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_reordering_do_not_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb"), "a\\u{1b}[31mb");
        assert_eq!(printable("gpj\u{202e}.exe"), "gpj\\u{202e}.exe");
        assert_eq!(printable("Übung\\日本"), "Übung\\日本");
    }
}
