//! The end of support of this Windows, from the table of dates; nothing is compared with today.
//!
//! The row is chosen by version, workstation or server, kind of embedded Windows and, from Windows 10 on, by the exact build.
//! Where editions of one build end on other days (LTSC, IoT) or the build has no row, the fact is absent, and never the date
//! of a neighbour.

use crate::evidence::{Evidence, Fact, Unknown, Value, Version};
use crate::facts::Facts;
use crate::facts::os_support::{OS_SUPPORT, OsSupport};
use crate::facts::read::{earlier, is_version, windows_version};

/// The end of support as `YYYY-MM-DD`; the evidence names the row and its source.
pub(crate) fn end_of_support(facts: &Facts) -> Result<Fact, Unknown> {
    let (version, evidence) = windows_version(facts)?;
    let machine = Machine {
        build: match earlier(facts, "os.build")? {
            Some((Value::Int(build), _)) => u32::try_from(*build).ok(),
            _ => None,
        },
        is_workstation: text(facts, "os.product_type")?.as_deref() == Some("WinNT"),
        embedded: text(facts, "os.embedded_kind")?.unwrap_or_default(),
        product: name(facts, "ProductName")?,
        edition: name(facts, "EditionID")?,
        version,
    };
    Ok(match machine.row() {
        Some(row) => Fact::found(row.end_of_support, cite(row, evidence)),
        None => Fact::Absent(evidence),
    })
}

fn cite(row: &OsSupport, evidence: Evidence) -> Evidence {
    let note = if row.note.is_empty() {
        String::new()
    } else {
        format!("; {}", row.note)
    };
    evidence.raw(format!("{} ({}{note})", row.name, row.source))
}

fn text(facts: &Facts, id: &str) -> Result<Option<String>, Unknown> {
    Ok(match earlier(facts, id)? {
        Some((Value::Text(text), _)) => Some(text.clone()),
        _ => None,
    })
}

/// One of the names in `os.names`; empty where it is not there.
fn name(facts: &Facts, wanted: &str) -> Result<String, Unknown> {
    Ok(match earlier(facts, "os.names")? {
        Some((Value::Map(names), _)) => match names.get(wanted) {
            Some(Value::Text(name)) => name.clone(),
            _ => String::new(),
        },
        _ => String::new(),
    })
}

/// What the row is chosen by.
#[derive(Debug)]
struct Machine {
    version: Version,
    build: Option<u32>,
    is_workstation: bool,
    embedded: String,
    product: String,
    edition: String,
}

impl Machine {
    fn row(&self) -> Option<&'static OsSupport> {
        let name = self.row_name()?;
        OS_SUPPORT.iter().find(|row| row.name == name)
    }

    fn row_name(&self) -> Option<&'static str> {
        let is = |major, minor| is_version(&self.version, major, minor);
        let by_type = |workstation, server| {
            Some(if self.is_workstation {
                workstation
            } else {
                server
            })
        };
        if is(4, 0) {
            by_type(
                "Windows NT 4.0 Workstation",
                "Windows NT 4.0 Server, Enterprise, Terminal Server Edition",
            )
        } else if is(5, 0) {
            Some("Windows 2000")
        } else if is(5, 1) {
            Some(self.xp())
        } else if is(5, 2) {
            by_type(
                "Windows XP Professional x64",
                "Windows Server 2003 (and R2)",
            )
        } else if is(6, 0) {
            by_type("Windows Vista SP2", "Windows Server 2008 SP2")
        } else if is(6, 1) {
            match self.embedded.as_str() {
                "wes7" if self.product.contains("POSReady") => Some("Windows Embedded POSReady 7"),
                "wes7" => Some("Windows Embedded Standard 7 SP1"),
                _ => by_type("Windows 7 SP1", "Windows Server 2008 R2 SP1"),
            }
        } else if is(6, 2) {
            self.unless_embedded(by_type("Windows 8", "Windows Server 2012"))
        } else if is(6, 3) {
            if self.edition.starts_with("EmbeddedIndustry") {
                return Some("Windows Embedded 8.1 Industry");
            }
            self.unless_embedded(by_type("Windows 8.1", "Windows Server 2012 R2"))
        } else if is(10, 0) {
            self.ten()
        } else {
            None
        }
    }

    fn xp(&self) -> &'static str {
        match self.embedded.as_str() {
            "posready2009" => "Windows Embedded POSReady 2009",
            "wepos" => "Windows Embedded for Point of Service SP3",
            "wes2009" => "Windows Embedded Standard 2009",
            "xpe" => "Windows XP Embedded SP3",
            _ => "Windows XP",
        }
    }

    fn unless_embedded(&self, name: Option<&'static str>) -> Option<&'static str> {
        name.filter(|_| self.embedded == "none")
    }

    /// LTSC editions are `EnterpriseS`, `IoTEnterpriseS` and their `N` forms; Enterprise and Education of Windows 11 end on
    /// another day than Home and Pro.
    fn ten(&self) -> Option<&'static str> {
        let edition = self.edition.as_str();
        let is_ltsc = edition.contains("EnterpriseS");
        match (self.is_workstation, self.build?) {
            (true, 19045) if !is_ltsc => Some("Windows 10 (22H2)"),
            (true, 26100) if edition.starts_with("Core") || edition.starts_with("Professional") => {
                Some("Windows 11 24H2")
            }
            (false, 14393) => Some("Windows Server 2016"),
            (false, 17763) => Some("Windows Server 2019"),
            (false, 20348) => Some("Windows Server 2022"),
            (false, 26100) => Some("Windows Server 2025"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(
        version: &str,
        build: u32,
        is_workstation: bool,
        embedded: &str,
        edition: &str,
    ) -> &'static str {
        let machine = Machine {
            version: Version::parse(version).unwrap(),
            build: Some(build),
            is_workstation,
            embedded: embedded.to_owned(),
            product: String::new(),
            edition: edition.to_owned(),
        };
        machine.row().map_or("absent", |row| row.end_of_support)
    }

    #[test]
    fn the_row_is_chosen_by_version_type_kind_and_build() {
        assert_eq!(date("4.0", 1381, true, "none", ""), "2004-06-30");
        assert_eq!(date("4.0", 1381, false, "none", ""), "2004-12-31");
        assert_eq!(date("5.0", 2195, false, "none", ""), "2010-07-13");
        assert_eq!(date("5.1", 2600, true, "none", ""), "2014-04-08");
        assert_eq!(date("5.1", 2600, true, "xpe", ""), "2016-01-12");
        assert_eq!(date("5.2", 3790, false, "none", ""), "2015-07-14");
        assert_eq!(date("6.1", 7601, true, "wes7", "Embedded"), "2020-10-13");
        assert_eq!(date("6.3", 9600, true, "none", "Core"), "2023-01-10");
        assert_eq!(
            date("10.0", 20348, false, "none", "ServerStandard"),
            "2031-10-14"
        );
    }

    #[test]
    fn a_build_or_edition_without_a_row_has_no_date() {
        assert_eq!(date("10.0", 17763, true, "none", "Professional"), "absent");
        assert_eq!(
            date("10.0", 19045, true, "none", "IoTEnterpriseS"),
            "absent"
        );
        assert_eq!(date("10.0", 26100, true, "none", "Enterprise"), "absent");
        assert_eq!(date("6.2", 9200, true, "other", "Embedded"), "absent");
        assert_eq!(date("3.51", 1057, false, "none", ""), "absent");
    }

    #[test]
    fn every_name_that_is_chosen_stands_in_the_table() {
        for row in OS_SUPPORT {
            for is_workstation in [true, false] {
                let machine = Machine {
                    version: Version::parse(row.version).unwrap(),
                    build: Some(row.build),
                    is_workstation,
                    embedded: "none".to_owned(),
                    product: String::new(),
                    edition: "Core".to_owned(),
                };
                assert_eq!(
                    machine.row_name().is_some(),
                    machine.row().is_some(),
                    "{machine:?}"
                );
            }
        }
    }
}
