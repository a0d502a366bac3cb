//! Passwords in an XML answer file of Vista and later.
//!
//! A password is an element whose name ends in `Password` with an element `Value`, or with text, inside. Set-up replaces
//! the ones that it used by a fixed text. What `PlainText` says does not matter: the other form is base64.

use crate::artifact::setup_inf::decode_text;
use crate::error::Result;
use crate::facts::image::passwords::ClearPassword;

/// What set-up writes over a password.
const DELETED: &str = "*SENSITIVE*DATA*DELETED*";

/// Every password of the file that is not empty and not deleted.
pub(crate) fn find(bytes: &[u8]) -> Result<Vec<ClearPassword>> {
    let text = without_comments(&decode_text(bytes)?);
    let mut found = Vec::new();
    let mut position = 0_usize;
    while let Some((name, content, next)) = next_password(&text, position) {
        position = next;
        if content.is_some_and(holds_text) {
            let before = text.get(..next).unwrap_or("");
            let newlines = before.bytes().filter(|byte| *byte == b'\n').count();
            found.push(ClearPassword {
                name: name.to_owned(),
                line: u64::try_from(newlines)
                    .unwrap_or(u64::MAX)
                    .saturating_add(1),
            });
        }
    }
    Ok(found)
}

/// The text with every comment made blanks, lines kept.
fn without_comments(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((head, tail)) = rest.split_once("<!--") {
        kept.push_str(head);
        let (comment, after) = tail.split_once("-->").unwrap_or((tail, ""));
        kept.extend(comment.chars().filter(|character| *character == '\n'));
        rest = after;
    }
    kept.push_str(rest);
    kept
}

/// The next start tag whose name ends in `Password`: its name, the content up to its end tag (`None` for an empty
/// element), and where to go on.
fn next_password(text: &str, from: usize) -> Option<(&str, Option<&str>, usize)> {
    let mut position = from;
    loop {
        let start = position
            .checked_add(text.get(position..)?.find('<')?)?
            .checked_add(1)?;
        let end = start.checked_add(text.get(start..)?.find('>')?)?;
        let tag = text.get(start..end)?;
        let after = end.checked_add(1)?;
        position = after;
        let qualified = tag.split([' ', '\t', '\r', '\n', '/']).next().unwrap_or("");
        let name = qualified.rsplit(':').next().unwrap_or("");
        if !name.to_ascii_lowercase().ends_with("password") {
            continue;
        }
        if tag.ends_with('/') {
            return Some((name, None, after));
        }
        let content = text.get(after..)?;
        let length = content
            .find(&format!("</{qualified}"))
            .unwrap_or(content.len());
        return Some((name, content.get(..length), after));
    }
}

/// Whether the content has a `Value` with text, or no element and text of its own.
fn holds_text(content: &str) -> bool {
    let folded = content.to_ascii_lowercase();
    let value = match folded.find("value") {
        Some(at) => content
            .get(at..)
            .and_then(|tail| tail.split_once('>'))
            .map_or("", |(_, tail)| tail),
        None => content,
    };
    let text = value.split('<').next().unwrap_or("").trim();
    !text.is_empty() && text != DELETED
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(xml: &str) -> Vec<(String, u64)> {
        find(xml.as_bytes())
            .unwrap()
            .into_iter()
            .map(|password| (password.name, password.line))
            .collect()
    }

    #[test]
    fn only_passwords_with_a_text_that_was_not_deleted_are_found() {
        let xml = "<unattend>\n<AdministratorPassword><Value>c2VjcmV0</Value><PlainText>false</PlainText>\
                   </AdministratorPassword>\n<Password>\n <Value>*SENSITIVE*DATA*DELETED*</Value>\n</Password>\n\
                   <wcm:Password><wcm:Value>x</wcm:Value></wcm:Password>\n<Password/><Password><Value></Value></Password>\n\
                   <!-- <Password><Value>y</Value></Password> -->\n<DomainPassword>z</DomainPassword></unattend>";
        let expected = [
            ("AdministratorPassword", 2),
            ("Password", 6),
            ("DomainPassword", 9),
        ];
        assert_eq!(
            names(xml),
            expected.map(|(name, line)| (name.to_owned(), line))
        );
    }

    #[test]
    fn cut_off_text_gives_no_panic_and_keeps_what_it_shows() {
        assert_eq!(names("<Password><Value>x"), [("Password".to_owned(), 1)]);
        assert_eq!(names("<Password"), []);
        assert_eq!(names("<"), []);
    }
}
