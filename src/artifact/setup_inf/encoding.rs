//! The encodings of an INF: UTF-16LE with a byte order mark, UTF-8 with or without one, the ANSI code page.
//!
//! An ANSI file does not name its code page; Western European (windows-1252) is assumed for text that is not UTF-8.
//! Names that matter here (sections, keys, file names) are ASCII and read alike in all of them.

use crate::error::{Error, Result};

/// How the text of an INF is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-16, little-endian, with a byte order mark.
    Utf16Le,
    /// UTF-8, also plain ASCII.
    Utf8,
    /// An ANSI code page, read as windows-1252.
    Ansi,
}

/// Byte order mark of UTF-16LE.
const BOM_UTF16_LE: &[u8] = &[0xff, 0xfe];
/// Byte order mark of UTF-16BE, which Windows does not take for an INF.
const BOM_UTF16_BE: &[u8] = &[0xfe, 0xff];
/// Byte order mark of UTF-8.
const BOM_UTF8: &[u8] = &[0xef, 0xbb, 0xbf];
/// Ends a text file since CP/M.
const END_OF_FILE: char = '\u{1a}';

/// The text and its encoding.
pub(crate) fn decode(bytes: &[u8]) -> Result<(String, Encoding)> {
    let (text, encoding) = decode_all(bytes)?;
    let text = match text.split_once(END_OF_FILE) {
        Some((head, _)) => head.to_owned(),
        None => text,
    };
    match text.find('\0') {
        Some(offset) => Err(Error::corrupt(format!(
            "text at character offset 0x{offset:08x}: should hold no NUL character"
        ))),
        None => Ok((text, encoding)),
    }
}

/// The text of another file of set-up, found to be in one of the same encodings.
pub(crate) fn text(bytes: &[u8]) -> Result<String> {
    decode(bytes).map(|(text, _)| text)
}

fn decode_all(bytes: &[u8]) -> Result<(String, Encoding)> {
    if let Some(body) = bytes.strip_prefix(BOM_UTF16_LE) {
        return Ok((utf16_le(body)?, Encoding::Utf16Le));
    }
    if bytes.starts_with(BOM_UTF16_BE) {
        return Err(Error::unsupported(
            "text at 0x00000000: big-endian UTF-16 is no encoding of an INF",
        ));
    }
    if let Some(body) = bytes.strip_prefix(BOM_UTF8) {
        let text = std::str::from_utf8(body).map_err(|error| {
            Error::corrupt(format!(
                "text at 0x{:08x}: should be UTF-8, as the byte order mark says",
                error.valid_up_to().saturating_add(BOM_UTF8.len())
            ))
        })?;
        return Ok((text.to_owned(), Encoding::Utf8));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok((text.to_owned(), Encoding::Utf8)),
        Err(_) => Ok((
            encoding_rs::WINDOWS_1252
                .decode_without_bom_handling(bytes)
                .0
                .into_owned(),
            Encoding::Ansi,
        )),
    }
}

fn utf16_le(body: &[u8]) -> Result<String> {
    let chunks = body.chunks_exact(2);
    if !chunks.remainder().is_empty() {
        return Err(Error::corrupt(format!(
            "text of {} bytes: UTF-16 should have an even length",
            body.len()
        )));
    }
    let units = chunks.map(|pair| match pair {
        [low, high] => u16::from_le_bytes([*low, *high]),
        _ => 0,
    });
    char::decode_utf16(units)
        .collect::<std::result::Result<String, _>>()
        .map_err(|error| {
            Error::corrupt(format!(
                "text: unpaired surrogate 0x{:04x} in UTF-16",
                error.unpaired_surrogate()
            ))
        })
}
