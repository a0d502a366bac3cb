//! XML text of IIS: its encoding, and whether it is well-formed.
//!
//! `quick-xml` checks tags, quotes and names; that there is exactly one root, that it ends, and that nothing but white space
//! lies around it is checked here. Specification: XML 1.0, section 2.1.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::base::contain::contain;
use crate::error::{Error, ErrorKind, Result};

/// Most elements inside each other; the files of IIS nest some ten.
const DEPTH_MAX: usize = 256;
/// Most attributes of one element, since each is held against all before it; the global ones of IIS 6 are some hundred.
const ATTRIBUTES_MAX: usize = 1_024;
/// Bytes in which the XML declaration is looked for.
const DECLARATION_BYTES: usize = 256;

/// Whether the bytes are one well-formed XML document.
///
/// # Errors
/// Where and how the rules are broken.
pub fn check_well_formed(bytes: &[u8]) -> Result<()> {
    walk(bytes, |_, _| Ok(()))
}

/// Calls `element` with the path of names from the root and with each start tag, in the order of the document.
///
/// # Errors
/// What is no well-formed XML document, elements nested or attributes heaped beyond a limit, and errors of `element`.
pub(crate) fn walk(
    bytes: &[u8],
    mut element: impl FnMut(&[String], &BytesStart<'_>) -> Result<()>,
) -> Result<()> {
    let text = decode(bytes)?;
    contain("XML", || walk_text(&text, &mut element))
}

fn walk_text(
    text: &str,
    element: &mut impl FnMut(&[String], &BytesStart<'_>) -> Result<()>,
) -> Result<()> {
    let mut reader = Reader::from_str(text);
    let mut path: Vec<String> = Vec::new();
    let mut roots = 0_usize;
    loop {
        let offset = reader.buffer_position();
        let broken = |what: &str| Error::corrupt(format!("XML at 0x{offset:08x}: {what}"));
        let event = reader
            .read_event()
            .map_err(|error| broken(&error.to_string()))?;
        match event {
            Event::Start(tag) | Event::Empty(tag) if path.is_empty() && roots > 0 => {
                return Err(broken(&format!(
                    "there should be one root element, {} is a second",
                    tag.name().as_ref()
                )));
            }
            Event::Start(_) | Event::Empty(_) if path.len() >= DEPTH_MAX => {
                return Err(limit(
                    offset,
                    &format!("elements should nest at most {DEPTH_MAX} deep"),
                ));
            }
            Event::Start(tag) => {
                roots = roots.saturating_add(usize::from(path.is_empty()));
                path.push(tag.name().as_ref().to_owned());
                check_attributes(&tag, offset)?;
                element(&path, &tag)?;
            }
            Event::Empty(tag) => {
                roots = roots.saturating_add(usize::from(path.is_empty()));
                path.push(tag.name().as_ref().to_owned());
                check_attributes(&tag, offset)?;
                element(&path, &tag)?;
                path.pop();
            }
            Event::End(_) => {
                path.pop();
            }
            Event::Text(text) if path.is_empty() && is_white_space(&text) => {}
            Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) if path.is_empty() => {
                return Err(broken(
                    "there should be no text outside of the root element",
                ));
            }
            Event::Eof if !path.is_empty() => {
                return Err(broken(&format!(
                    "element {} should end before the text does",
                    path.last().map_or("", String::as_str)
                )));
            }
            Event::Eof if roots == 0 => return Err(broken("there should be a root element")),
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

fn is_white_space(text: &str) -> bool {
    text.chars().all(char::is_whitespace)
}

fn limit(offset: u64, what: &str) -> Error {
    let text = format!("XML at 0x{offset:08x}: {what}, there are more");
    Error::new(ErrorKind::LimitExceeded, text)
}

fn check_attributes(tag: &BytesStart<'_>, offset: u64) -> Result<()> {
    for (number, attribute) in tag.attributes().enumerate() {
        if number >= ATTRIBUTES_MAX {
            let what = format!("an element should have at most {ATTRIBUTES_MAX} attributes");
            return Err(limit(offset, &what));
        }
        attribute.map_err(|error| {
            Error::corrupt(error.to_string()).at(format_args!("XML at 0x{offset:08x}"))
        })?;
    }
    Ok(())
}

/// The text of the bytes: by byte order mark, else by the declaration, else UTF-8.
fn decode(bytes: &[u8]) -> Result<Cow<'_, str>> {
    let (encoding, text) = match bytes {
        [0xef, 0xbb, 0xbf, text @ ..] => (UTF_8, text),
        [0xff, 0xfe, text @ ..] => (UTF_16LE, text),
        [0xfe, 0xff, text @ ..] => (UTF_16BE, text),
        text => (declared(text), text),
    };
    encoding
        .decode_without_bom_handling_and_without_replacement(text)
        .ok_or_else(|| Error::corrupt(format!("XML text should be {}, is not", encoding.name())))
}

/// The encoding that an XML declaration in ASCII names; one that is not known is read as UTF-8 and fails there.
fn declared(bytes: &[u8]) -> &'static Encoding {
    let head = bytes
        .get(..DECLARATION_BYTES.min(bytes.len()))
        .unwrap_or(bytes);
    let head = String::from_utf8_lossy(head);
    let declaration = head
        .strip_prefix("<?xml")
        .and_then(|rest| rest.split_once("?>"))
        .map_or("", |(declaration, _)| declaration);
    let label = declaration
        .split_once("encoding")
        .map(|(_, rest)| rest.trim_start_matches([' ', '\t', '\r', '\n', '=']))
        .and_then(|rest| rest.strip_prefix(['"', '\'']))
        .and_then(|rest| rest.split(['"', '\'']).next());
    label
        .and_then(|label| Encoding::for_label(label.as_bytes()))
        // The declaration was read as single bytes, so the text cannot be UTF-16.
        .filter(|encoding| *encoding != UTF_16LE && *encoding != UTF_16BE)
        .unwrap_or(UTF_8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::utf16;

    #[test]
    fn whole_documents_are_well_formed() {
        for text in [
            "<a/>",
            "<?xml version =\"1.0\"?>\r\n<configuration xmlns=\"urn:x\"><b c=\"&quot;\"/>t</configuration>\r\n",
            "\u{feff}<a><!-- c --><b></b></a>",
        ] {
            assert!(check_well_formed(text.as_bytes()).is_ok(), "{text}");
        }
    }

    #[test]
    fn broken_documents_are_not() {
        // Each is refused by xmllint too.
        for text in [
            "",
            " ",
            "text",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "<a/>tail",
            "<a/>\0",
            "<a b=\"1\" b=\"2\"/>",
            "<a b=1/>",
            "<a b=\"1/>",
            "<a><!-- </a>",
        ] {
            assert!(check_well_formed(text.as_bytes()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn elements_nested_beyond_the_limit_are_refused_and_those_at_it_are_not() {
        let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        assert!(check_well_formed(nested(DEPTH_MAX).as_bytes()).is_ok());
        let error = check_well_formed(nested(DEPTH_MAX + 1).as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    }

    #[test]
    fn an_element_with_more_attributes_than_the_limit_is_refused() {
        let with = |count: usize| {
            let attributes: Vec<String> = (0..count).map(|n| format!(" a{n}=\"\"")).collect();
            let attributes = attributes.concat();
            check_well_formed(format!("<a{attributes}/>").as_bytes())
        };
        assert!(with(ATTRIBUTES_MAX).is_ok());
        let error = with(ATTRIBUTES_MAX + 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    }

    #[test]
    fn the_byte_order_mark_and_the_declaration_name_the_encoding() {
        let mut wide = vec![0xff, 0xfe];
        wide.extend(utf16::encode_le("<a b=\"ü\"/>"));
        assert!(check_well_formed(&wide).is_ok());
        let latin = b"<?xml version=\"1.0\" encoding=\"windows-1252\"?><a b=\"\xfc\"/>";
        assert!(check_well_formed(latin).is_ok());
        assert!(check_well_formed(b"<a b=\"\xfc\"/>").is_err());
    }
}
