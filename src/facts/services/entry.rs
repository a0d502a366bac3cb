//! A service as its key describes it.

use std::fmt;

use crate::artifact::registry::{Key, KeyValue};
use crate::base::win_path::eq_name;
use crate::error::{Error, Result};

/// When a service starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Start {
    /// 0: loaded by the boot loader.
    Boot,
    /// 1: started by the kernel.
    System,
    /// 2: started by the service control manager.
    Auto,
    /// 3: started when asked for.
    Demand,
    /// 4: never.
    Disabled,
}

impl Start {
    fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Boot),
            1 => Some(Self::System),
            2 => Some(Self::Auto),
            3 => Some(Self::Demand),
            4 => Some(Self::Disabled),
            _ => None,
        }
    }

    /// The number in the registry.
    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Boot => 0,
            Self::System => 1,
            Self::Auto => 2,
            Self::Demand => 3,
            Self::Disabled => 4,
        }
    }
}

/// What a service waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Dependency {
    /// A service.
    Service(String),
    /// At least one service of a group.
    Group(String),
}

impl Dependency {
    /// An entry of `DependOnService`, where `+name` means a group.
    fn of_service(text: &str) -> Self {
        match text.strip_prefix('+') {
            Some(group) => Self::Group(group.to_owned()),
            None => Self::Service(text.to_owned()),
        }
    }

    /// An entry of `DependOnGroup`, with or without the plus sign.
    fn of_group(text: &str) -> Self {
        Self::Group(text.strip_prefix('+').unwrap_or(text).to_owned())
    }
}

impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(name) => f.write_str(name),
            Self::Group(name) => write!(f, "+{name}"),
        }
    }
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Service {
    /// The name of its key.
    pub(crate) name: String,
    /// `Start`, if it is there.
    pub(crate) start: Option<Start>,
    /// `Type`, SERVICE_* bits, if it is there.
    pub(crate) kind: Option<u32>,
    /// `ImagePath` as it stands there.
    pub(crate) image_path: Option<String>,
    /// `Group`, if it is there and not empty.
    pub(crate) group: Option<String>,
    /// `DependOnService`, then `DependOnGroup`.
    pub(crate) depends_on: Vec<Dependency>,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self
            .start
            .map_or("none".to_owned(), |start| start.number().to_string());
        write!(f, "start {start}")?;
        if let Some(path) = &self.image_path {
            write!(f, ", {path}")?;
        }
        if let Some(group) = &self.group {
            write!(f, ", group {group}")?;
        }
        if !self.depends_on.is_empty() {
            let names: Vec<String> = self.depends_on.iter().map(ToString::to_string).collect();
            write!(f, ", depends on {}", names.join(", "))?;
        }
        Ok(())
    }
}

impl Service {
    /// The service of a key; `None` for a key with neither `Start` nor `ImagePath`, which is no service: an empty
    /// `Services\W3SVC` stands on a Windows 7 without IIS (measured).
    ///
    /// # Errors
    /// A value of the wrong type.
    pub(crate) fn from_key(key: &Key<'_>) -> Result<Option<Self>> {
        let name = key.name()?;
        let values = key.values()?;
        let value = |wanted: &str| values.iter().find(|value| eq_name(&value.name, wanted));
        let start = match value("Start") {
            None => None,
            Some(value) => Some(
                value
                    .dword()
                    .and_then(Start::from_number)
                    .ok_or_else(|| wrong(&name, value, "a number from 0 to 4"))?,
            ),
        };
        let text = |wanted: &str| read(&name, value(wanted), KeyValue::string, "a text");
        let image_path = text("ImagePath")?.filter(|path| !path.trim().is_empty());
        if start.is_none() && image_path.is_none() {
            return Ok(None);
        }
        let list = |wanted: &str| -> Result<Vec<String>> {
            let found = value(wanted).filter(|value| !value.data.is_empty());
            Ok(read(&name, found, KeyValue::strings, "a list of texts")?.unwrap_or_default())
        };
        let mut depends_on: Vec<Dependency> = Vec::new();
        depends_on.extend(names(&list("DependOnService")?).map(Dependency::of_service));
        depends_on.extend(names(&list("DependOnGroup")?).map(Dependency::of_group));
        Ok(Some(Self {
            kind: read(&name, value("Type"), KeyValue::dword, "a number")?,
            group: text("Group")?.filter(|group| !group.trim().is_empty()),
            name,
            start,
            image_path,
            depends_on,
        }))
    }
}

/// The names of a list that are not empty.
fn names(list: &[String]) -> impl Iterator<Item = &str> {
    list.iter()
        .map(|name| name.trim())
        .filter(|name| !name.is_empty() && *name != "+")
}

fn read<T>(
    service: &str,
    value: Option<&KeyValue>,
    understand: impl Fn(&KeyValue) -> Option<T>,
    expected: &str,
) -> Result<Option<T>> {
    value
        .map(|value| understand(value).ok_or_else(|| wrong(service, value, expected)))
        .transpose()
}

fn wrong(service: &str, value: &KeyValue, expected: &str) -> Error {
    Error::corrupt(format!(
        "{service}!{}: should be {expected}, is a value of type {} and {} bytes",
        value.name,
        value.kind,
        value.data.len()
    ))
}
