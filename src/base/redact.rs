//! Secrets in texts that logs and the registry hold: product keys, and what stands behind a word for a password.
//!
//! A line is evidence and is shown as it stands, but no secret goes into any output. A product key is five groups of five
//! letters and digits. A password stands behind a word for one, in one of the languages of Windows, alone or at the end of
//! a longer name (`adminpassword`), and anything but a letter parts the two: a sign of equality, a colon, a blank, a quote.
//! Where a secret ends nobody can tell, so nothing behind the word is shown. A word that goes on (`passwords`) is the name
//! of something, and hides only what it is set to. Credentials in an address (`http://user:password@host`) are hidden too.

use std::borrow::Cow;

/// What stands for a secret.
pub const HIDDEN: &str = "***";
/// Characters of a product key: five groups of five with hyphens between them.
const KEY_CHARS: usize = 29;
/// Words that a secret follows, ASCII letters in lower case; where the first letter is no ASCII letter it is left out, so that
/// its case does not matter.
const WORDS: [&str; 29] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "passwort",
    "passord",
    "pwd",
    "pswd",
    "kennwort",
    "wachtwoord",
    "mot de passe",
    "contrase\u{f1}a",
    "contrasena",
    "senha",
    "parola",
    "adgangskode",
    "l\u{f6}senord",
    "losenord",
    "salasana",
    "has\u{142}o",
    "heslo",
    "jelsz\u{f3}",
    "\u{430}\u{440}\u{43e}\u{43b}\u{44c}",
    "\u{30d1}\u{30b9}\u{30ef}\u{30fc}\u{30c9}",
    "\u{5bc6}\u{7801}",
    "\u{5bc6}\u{78bc}",
    "productkey",
    "product key",
    "secret",
];
/// Words that mean other things too: only what they are set to with a sign of equality is hidden.
const SHORT_WORDS: [&str; 3] = ["pass", "pw", "pin"];

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

/// The text without product keys, credentials in addresses, and what follows a word for a password.
pub fn secrets(text: &str) -> Cow<'_, str> {
    let keyless = product_keys(text);
    let keyless = match credentials(&keyless) {
        Some(shown) => Cow::Owned(shown),
        None => keyless,
    };
    // Only ASCII letters are folded, so that offsets stay.
    let lower = keyless.to_ascii_lowercase();
    let words = WORDS.iter().filter_map(|word| behind_word(&lower, word));
    let short = SHORT_WORDS
        .iter()
        .filter_map(|word| behind_short_word(&lower, word));
    match words.chain(short).min() {
        Some(end) => {
            let shown = keyless.get(..end).unwrap_or_default();
            Cow::Owned(format!("{shown} {HIDDEN}"))
        }
        None => keyless,
    }
}

/// The texts of a record or a list, where the word for a password may be one text and the password the next.
pub fn secret_list<'t>(texts: impl IntoIterator<Item = &'t str>) -> Vec<Cow<'t, str>> {
    let mut is_behind = false;
    let mut shown = Vec::new();
    for text in texts {
        let is_empty = text.trim().is_empty();
        shown.push(if is_behind && !is_empty {
            Cow::Borrowed(HIDDEN)
        } else {
            secrets(text)
        });
        if !is_empty {
            is_behind = ends_in_word(text);
        }
    }
    shown
}

/// Whether a name is one for a password, so that its value is a secret.
pub fn is_secret_name(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    WORDS.iter().any(|word| lower.contains(word)) || SHORT_WORDS.contains(&lower.as_str())
}

/// Whether a text ends in a word for a password, so that what comes next may be one.
fn ends_in_word(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let name = lower.trim_end_matches(|last: char| !last.is_alphanumeric());
    WORDS.iter().any(|word| name.ends_with(word))
        || (name != lower && SHORT_WORDS.iter().any(|word| ends_in_whole(name, word)))
}

fn ends_in_whole(name: &str, word: &str) -> bool {
    name.strip_suffix(word)
        .is_some_and(|before| !before.ends_with(char::is_alphanumeric))
}

/// The end of the first place of the word behind which a secret may stand.
fn behind_word(lower: &str, word: &str) -> Option<usize> {
    places(lower, word).find(|end| {
        let behind = lower.get(*end..).unwrap_or_default();
        if behind.starts_with(char::is_alphabetic) {
            let after_name = behind.trim_start_matches(|next: char| {
                next.is_alphanumeric() || next == '_' || next == '-'
            });
            is_set_to(after_name, &['=', ':', '>'])
        } else {
            behind.chars().any(|next| !next.is_whitespace())
        }
    })
}

/// The end of the first place of a short word that is set to something.
fn behind_short_word(lower: &str, word: &str) -> Option<usize> {
    places(lower, word).find(|end| {
        let before = lower.get(..*end).unwrap_or_default();
        ends_in_whole(before, word) && is_set_to(lower.get(*end..).unwrap_or_default(), &['='])
    })
}

/// The ends of all places of the word.
fn places<'t>(text: &'t str, word: &'t str) -> impl Iterator<Item = usize> + 't {
    text.match_indices(word)
        .map(|(at, found)| at.saturating_add(found.len()))
}

/// Whether one of the signs comes next, blanks and quotes aside, and something behind it.
fn is_set_to(text: &str, signs: &[char]) -> bool {
    let is_quote = |next: char| next.is_whitespace() || next == '"' || next == '\'';
    text.trim_start_matches(is_quote)
        .strip_prefix(signs)
        .is_some_and(|value| value.chars().any(|next| !next.is_whitespace()))
}

/// The text without the passwords of addresses such as `http://user:password@host`, if it has any.
fn credentials(text: &str) -> Option<String> {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, address)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        let ends = |next: char| next.is_whitespace() || "/\"'<>".contains(next);
        let host = address.split(ends).next().unwrap_or_default();
        match host.rsplit_once('@').map(|(user, _)| user.split_once(':')) {
            Some(Some((user, password))) => {
                shown.push_str(user);
                shown.push(':');
                shown.push_str(HIDDEN);
                let hidden = user.len().saturating_add(1).saturating_add(password.len());
                rest = address.get(hidden..).unwrap_or_default();
            }
            _ => rest = address,
        }
    }
    shown.push_str(rest);
    (shown != text).then_some(shown)
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
    }

    #[test]
    fn every_form_of_a_password_is_hidden() {
        for form in [
            "ADMINPASSWORD=Hunter2",
            "AdminPassword = \"Hunter2\"",
            "password\tHunter2",
            "password: Hunter2",
            "Password:'Hunter2'",
            "/password:Hunter2",
            "--password Hunter2",
            "pwd=Hunter2",
            "pwd2=Hunter2",
            "password2 Hunter2",
            "Password_1=Hunter2",
            "passwd;Hunter2",
            "password(Hunter2)",
            "password|Hunter2",
            "Kennwort: Hunter2",
            "Administratorkennwort=Hunter2",
            "PASSWORT=Hunter2",
            "mot de passe : Hunter2",
            "Contrase\u{f1}a: Hunter2",
            "\u{41f}\u{430}\u{440}\u{43e}\u{43b}\u{44c}: Hunter2",
            "\u{30d1}\u{30b9}\u{30ef}\u{30fc}\u{30c9}: Hunter2",
            "passwords=Hunter2",
            "PasswordHash: Hunter2",
            "<AdministratorPassword><Value>Hunter2</Value>",
            "<PasswordValue>Hunter2</PasswordValue>",
            "\"password\" : \"Hunter2\"",
            "{\"passwords\":[\"Hunter2\"]}",
            "Data Source=x;Pass=Hunter2;",
            "user=x pw=Hunter2",
            "Sysprep_Passwords' args adminpassword=Hunter2",
            "passwords service; adminpassword=Hunter2",
            "pwds pwd=Hunter2x",
            "no password here, passwords there, secret = Hunter2",
            "http://user:Hunter2@host/x",
            "ftp://a:Hunter2@b and http://host",
        ] {
            let shown = secrets(form);
            assert!(!shown.contains("Hunter2"), "{form}: {shown}");
            assert_eq!(secrets(&shown), shown, "{form}");
        }
    }

    #[test]
    fn what_holds_no_secret_is_shown_as_it_stands() {
        for text in [
            "passwords",
            "the passwords service was started",
            "pass 7 of specialize: 0x80070005",
            "bypass=1",
            "pwdump was not found",
            "password",
            "http://host:80/x",
            "see http://host and a@b",
            "spinning=1",
        ] {
            assert_eq!(secrets(text), text);
        }
    }

    #[test]
    fn a_password_in_the_text_behind_that_of_its_word_is_hidden() {
        let shown = secret_list(["user", "x", "AdminPassword", "", "Hunter2", "done"]);
        assert_eq!(shown, ["user", "x", "AdminPassword", "", "***", "done"]);
        assert_eq!(secret_list(["pwd=", "Hunter2"]), ["pwd ***", "***"]);
        assert_eq!(secret_list(["pass", "Hunter2"]), ["pass", "Hunter2"]);
        assert!(is_secret_name("AdministratorPassword"));
        assert!(!is_secret_name("passage"));
    }
}
