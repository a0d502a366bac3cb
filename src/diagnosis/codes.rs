//! The names of the codes with which services of IIS and their neighbours end.
//!
//! Names are those of winerror.h and of the metabase headers (Microsoft Learn, "Common HRESULT values" and ms525385); what a
//! code means for keys is told by KB884872, Q295162, Q246459, Q311861 and Q223397.

/// A code, its name, and what it says.
const CODES: [(u32, &str, &str); 23] = [
    (2, "ERROR_FILE_NOT_FOUND", "the file was not found"),
    (3, "ERROR_PATH_NOT_FOUND", "the path was not found"),
    (
        1008,
        "ERROR_NO_TOKEN",
        "a token was referenced that does not exist",
    ),
    (
        1053,
        "ERROR_SERVICE_REQUEST_TIMEOUT",
        "the service did not answer in time",
    ),
    (5, "ERROR_ACCESS_DENIED", "access was denied"),
    (1058, "ERROR_SERVICE_DISABLED", "the service is disabled"),
    (
        1066,
        "ERROR_SERVICE_SPECIFIC_ERROR",
        "the service gave a code of its own",
    ),
    (
        1068,
        "ERROR_SERVICE_DEPENDENCY_FAIL",
        "a service that it needs did not start",
    ),
    (
        1067,
        "ERROR_PROCESS_ABORTED",
        "the process ended unexpectedly",
    ),
    (
        1069,
        "ERROR_SERVICE_LOGON_FAILED",
        "the account of the service could not log on",
    ),
    (
        1075,
        "ERROR_SERVICE_DEPENDENCY_DELETED",
        "a service that it needs does not exist",
    ),
    (0x8009_0005, "NTE_BAD_DATA", "bad data"),
    (
        0x8009_0006,
        "NTE_BAD_SIGNATURE",
        "the signature is not that of the key",
    ),
    (
        0x8009_000B,
        "NTE_BAD_KEY_STATE",
        "the key is not valid in its state",
    ),
    (0x8009_000D, "NTE_NO_KEY", "the key does not exist"),
    (
        0x8009_000F,
        "NTE_EXISTS",
        "the key file is there and may not be opened",
    ),
    (0x8009_0016, "NTE_BAD_KEYSET", "the key set does not exist"),
    (
        0x8009_0020,
        "NTE_FAIL",
        "an internal error of the key provider",
    ),
    (
        0x800C_C802,
        "MD_ERROR_INVALID_VERSION",
        "the metabase is of another version",
    ),
    (
        0x800C_C806,
        "MD_ERROR_SECURE_CHANNEL_FAILURE",
        "the metabase could not be decrypted",
    ),
    (
        0x800C_C819,
        "MD_ERROR_READ_METABASE_FILE",
        "the metabase could not be read",
    ),
    (
        0x800C_C81D,
        "MD_ERROR_NO_SESSION_KEY",
        "the metabase has no session key",
    ),
    (
        0xC000_1006,
        "0xC0001006",
        "the log of MSDTC is missing or wrongly installed",
    ),
];

/// The code as people look it up: number and name.
pub(crate) fn shown(code: u32) -> String {
    let number = if code < 0x1_0000 {
        code.to_string()
    } else {
        format!("0x{code:08X}")
    };
    match known(code) {
        Some((name, meaning)) if name != number => format!("{number} {name}: {meaning}"),
        Some((_, meaning)) => format!("{number}: {meaning}"),
        None => number,
    }
}

/// The name and the meaning of a code.
pub(crate) fn known(code: u32) -> Option<(&'static str, &'static str)> {
    CODES
        .iter()
        .find(|(number, _, _)| *number == code)
        .map(|(_, name, meaning)| (*name, *meaning))
}

/// Whether it is a code of the key provider (NTE_*) or of the metabase (MD_*).
pub(crate) fn is_of_keys(code: u32) -> bool {
    matches!(code, 0x8009_0001..=0x8009_0030 | 0x800C_C800..=0x800C_C8FF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_shown_with_the_name_that_people_look_up() {
        assert_eq!(
            shown(0x8009_0006),
            "0x80090006 NTE_BAD_SIGNATURE: the signature is not that of the key"
        );
        assert_eq!(shown(3), "3 ERROR_PATH_NOT_FOUND: the path was not found");
        assert_eq!(shown(0x8034_0001), "0x80340001");
        assert!(shown(0xC000_1006).starts_with("0xC0001006: the log of MSDTC"));
    }
}
