//! Whether the volume holds a memory image that the next boot resumes: image.hibernated.
//!
//! `hiberfil.sys` in the root begins with a signature: `hibr` or `HIBR` for an image to resume, `rstr` or `RSTR` while it
//! is resumed, `wake` or `WAKE` when it was; Windows clears the first page afterwards. In a golden image (HORM, fast
//! start-up, plain hibernation) every copy would resume the same memory.

use crate::base::win_path::WinPath;
use crate::evidence::{Fact, Unknown, UnknownReason};
use crate::facts::{Context, Facts};

const FILE: &str = "hiberfil.sys";
const SIGNATURE_LEN: usize = 4;
/// Signatures, in lower case, of an image that the next boot resumes.
const RESUMED: [&[u8]; 2] = [b"hibr", b"rstr"];
/// Signatures, in lower case, of an image that is used up.
const USED: [&[u8]; 2] = [b"wake", &[0; SIGNATURE_LEN]];

/// Collects image.hibernated.
pub(crate) fn collect(context: &Context<'_>, facts: &mut Facts) {
    facts.put("image.hibernated", hibernated(context));
}

fn hibernated(context: &Context<'_>) -> Result<Fact, Unknown> {
    let path = WinPath::new(FILE);
    let place = context.installation.place(&path);
    let metadata = context.metadata(&path)?;
    let mut evidence = context.file_evidence(&path, metadata.as_ref());
    let Some(metadata) = metadata else {
        return Ok(Fact::found(
            false,
            evidence.searched(vec![place.to_string()]),
        ));
    };
    let head = context
        .installation
        .filesystem
        .read_head(&path, SIGNATURE_LEN)
        .map_err(|error| Unknown::from_error(&error, place.clone()))?
        .unwrap_or_default();
    let signature = head.to_ascii_lowercase();
    if metadata.size_bytes == 0 || USED.contains(&signature.as_slice()) {
        return Ok(Fact::found(false, evidence));
    }
    if RESUMED.contains(&signature.as_slice()) {
        evidence.raw = Some(String::from_utf8_lossy(&head).into_owned());
        return Ok(Fact::found(true, evidence));
    }
    Err(Unknown {
        reason: UnknownReason::Unsupported,
        detail: format!(
            "signature at 0x00000000 should be hibr, rstr, wake or zeros, is {head:02x?}"
        ),
        evidence,
    })
}
