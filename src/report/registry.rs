//! The reports of `reg`: a key with its subkeys and values, or one value.
//!
//! Secrets stay in the image: what Windows keeps as one (LSA secrets, password hashes, product keys) is shown by its
//! type and length only. In texts, what stands behind a word for a password is hidden, and product keys are.

use serde::Serialize;

use crate::artifact::registry::{KeyValue, ValueKind};
use crate::base::filetime::FileTime;
use crate::base::redact;
use crate::error::Result;
use crate::evidence::Evidence;
use crate::facts::context::FoundKey;
use crate::report::fact_text::evidence_line;
use crate::report::table::{Block, Grid};
use crate::report::{SCHEMA_VERSION, Style};

/// Most bytes of a binary value that are shown.
const BINARY_BYTES_SHOWN: usize = 64;
/// Parts of key paths below which every value is a secret.
const SECRET_KEYS: [&str; 9] = [
    // The machine keys of NT 4.0, those of users, and keys of both from before.
    "CRYPTOGRAPHY\\MACHINEKEYS",
    "CRYPTOGRAPHY\\USERKEYS",
    "CRYPTOGRAPHY\\CRYPTOAPI PRIVATE KEYS",
    "PROTECTED STORAGE SYSTEM PROVIDER",
    "POLICY\\SECRETS",
    "POLICY\\POLEKLIST",
    "POLICY\\POLSECRETENCRYPTIONKEY",
    "SAM\\DOMAINS",
    "CONTROL\\LSA\\SKEW1",
];
/// The key of the root of SECURITY that keeps the password hashes of domain users.
const CACHED_LOGONS: &str = "CACHE";
/// Names of values that are secrets wherever they stand, beside those of passwords; in letters and digits only.
const SECRET_VALUES: [&str; 4] = ["CDKEY", "DIGITALPRODUCTID", "RUNTIMEPID", "PRIVATEKEY"];

/// One value in a report.
#[derive(Debug, Serialize)]
pub struct ValueReport {
    name: String,
    kind: String,
    size_bytes: usize,
    data: serde_json::Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Evidence>,
}

impl ValueReport {
    /// The report on one value of the key at `path`.
    pub fn new(path: &str, value: &KeyValue, evidence: Option<Evidence>) -> Self {
        let data = if is_secret(path, &value.name) {
            "(secret, not shown)".into()
        } else {
            data_of(value)
        };
        Self {
            name: value.name.clone(),
            kind: kind_name(value),
            size_bytes: value.data.len(),
            data,
            evidence,
        }
    }

    fn data_text(&self) -> String {
        match &self.data {
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Array(items) => items
                .iter()
                .map(|item| item.as_str().unwrap_or("").to_owned())
                .collect::<Vec<_>>()
                .join("\n"),
            other => other.to_string(),
        }
    }
}

/// Whether a value is a secret, in whichever hive: a loose SECURITY can be given as another one.
fn is_secret(path: &str, name: &str) -> bool {
    let path = path.to_uppercase();
    let letters: String = name
        .to_uppercase()
        .chars()
        .filter(|character| character.is_alphanumeric())
        .collect();
    SECRET_KEYS.iter().any(|part| path.contains(part))
        || path.split('\\').next() == Some(CACHED_LOGONS)
        || SECRET_VALUES.iter().any(|word| letters.contains(word))
        || redact::is_secret_name(name)
        || redact::is_secret_name(&letters)
}

fn data_of(value: &KeyValue) -> serde_json::Value {
    if let Some(number) = value.dword() {
        return number.into();
    }
    if let Some(number) = value.qword() {
        return number.into();
    }
    if let Some(text) = value.string() {
        return redact::secrets(&text).into();
    }
    if let (ValueKind::MultiSz, Some(strings)) = (value.kind(), value.strings()) {
        return redact::secret_list(strings.iter().map(String::as_str)).into();
    }
    let shown = value
        .data
        .iter()
        .take(BINARY_BYTES_SHOWN)
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .join(" ");
    match value.data.len().checked_sub(BINARY_BYTES_SHOWN) {
        Some(rest) if rest > 0 => format!("{shown} ... and {rest} bytes more").into(),
        _ => shown.into(),
    }
}

fn kind_name(value: &KeyValue) -> String {
    match value.kind() {
        ValueKind::None => "REG_NONE".to_owned(),
        ValueKind::Sz => "REG_SZ".to_owned(),
        ValueKind::ExpandSz => "REG_EXPAND_SZ".to_owned(),
        ValueKind::Binary => "REG_BINARY".to_owned(),
        ValueKind::Dword => "REG_DWORD".to_owned(),
        ValueKind::DwordBigEndian => "REG_DWORD_BIG_ENDIAN".to_owned(),
        ValueKind::Link => "REG_LINK".to_owned(),
        ValueKind::MultiSz => "REG_MULTI_SZ".to_owned(),
        ValueKind::Qword => "REG_QWORD".to_owned(),
        ValueKind::Other(number) => format!("type {number}"),
    }
}

/// A key in a report.
#[derive(Debug, Serialize)]
pub struct KeyReport {
    schema_version: &'static str,
    evidence: Evidence,
    class_name: Option<String>,
    subkeys: Vec<SubkeyInfo>,
    values: Vec<ValueReport>,
}

/// A subkey in the list of its parent.
#[derive(Debug, Serialize)]
struct SubkeyInfo {
    name: String,
    written: Option<FileTime>,
}

impl KeyReport {
    /// The report on a key.
    ///
    /// # Errors
    /// A list of subkeys or values that cannot be read.
    pub fn new(path: &str, found: &FoundKey<'_>) -> Result<Self> {
        let mut subkeys = Vec::new();
        for subkey in found.key.subkeys()? {
            subkeys.push(SubkeyInfo {
                name: subkey.name()?,
                written: subkey.written(),
            });
        }
        // The boot key hides in class names of Control\Lsa.
        let class_name = if path.to_uppercase().contains("CONTROL\\LSA") {
            None
        } else {
            found.key.class_name()?
        };
        let values = found
            .key
            .values()?
            .iter()
            .map(|value| ValueReport::new(path, value, None))
            .collect();
        Ok(Self {
            schema_version: SCHEMA_VERSION,
            evidence: found.evidence.clone(),
            class_name,
            subkeys,
            values,
        })
    }
}

/// The key for people.
pub fn key_text(report: &KeyReport, style: &Style) -> String {
    let mut head = Block::new(style, 0, 8);
    head.row("key", &evidence_line(&report.evidence));
    if let Some(class) = &report.class_name {
        head.row("class", class);
    }
    let mut text = head.render(0);
    if !report.subkeys.is_empty() {
        let mut grid = Grid::new(style, &["subkey", "written"]);
        for subkey in &report.subkeys {
            let written = subkey
                .written
                .map_or_else(|| "-".to_owned(), |time| time.to_string());
            grid.row(&[subkey.name.clone(), written]);
        }
        text.push_str(&grid.render());
    }
    if !report.values.is_empty() {
        let mut grid = Grid::new(style, &["value", "type", "data"]);
        for value in &report.values {
            grid.row(&[
                display_name(&value.name),
                value.kind.clone(),
                value.data_text(),
            ]);
        }
        text.push_str(&grid.render());
    }
    text
}

fn display_name(name: &str) -> String {
    if name.is_empty() {
        "(Default)".to_owned()
    } else {
        name.to_owned()
    }
}

/// The value for people.
pub fn value_text(report: &ValueReport, style: &Style) -> String {
    let mut block = Block::new(style, 0, 8);
    block.row("value", &display_name(&report.name));
    block.row(
        "type",
        &format!("{}, {} bytes", report.kind, report.size_bytes),
    );
    block.row("data", &report.data_text());
    if let Some(evidence) = &report.evidence {
        block.row("place", &evidence_line(evidence));
    }
    block.render(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_place_or_by_their_name() {
        for (path, name) in [
            ("Policy\\Secrets\\DefaultPassword\\CurrVal", ""),
            ("Policy\\PolEKList", ""),
            ("Cache", "NL$1"),
            ("SAM\\Domains\\Account\\Users\\000001F4", "V"),
            ("ControlSet001\\Control\\Lsa\\Skew1", "SkewMatrix"),
            (
                "Microsoft\\Windows NT\\CurrentVersion\\Winlogon",
                "DefaultPassword",
            ),
            ("Microsoft\\Windows NT\\CurrentVersion", "DigitalProductId"),
            ("Vendor", "Product Key"),
            ("Vendor", "CD-Key"),
            ("Vendor", "AdminPasswort"),
            ("Vendor", "Pass-Code"),
            ("Vendor", "Pass"),
            (
                "Microsoft\\Cryptography\\MachineKeys\\Microsoft Internet Information Server",
                "EPvk",
            ),
        ] {
            assert!(is_secret(path, name), "{path}!{name}");
        }
        for (path, name) in [
            ("Microsoft\\Cryptography", "MachineGuid"),
            (
                "ControlSet001\\Control\\Session Manager\\AppCompatCache",
                "AppCompatCache",
            ),
            ("Microsoft\\Windows NT\\CurrentVersion", "ProductName"),
        ] {
            assert!(!is_secret(path, name), "{path}!{name}");
        }
    }

    #[test]
    fn the_text_behind_a_word_for_a_password_is_hidden_in_a_list() {
        let text = "net.exe\0user\0/password\0Hunter2\0\0";
        let value = KeyValue {
            name: "Arguments".to_owned(),
            kind: 7,
            data: text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            offset: None,
            from_log: false,
        };
        let shown = data_of(&value).to_string();
        assert!(
            shown.contains("/password") && !shown.contains("Hunter2"),
            "{shown}"
        );
    }
}
