//! End of support of each Windows, as a date and with what it rests on. Nothing is compared with today.

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OsSupport {
    /// The name of the system.
    pub name: &'static str,
    /// The NT version, `major.minor`.
    pub version: &'static str,
    /// The build; editions of one version differ by it.
    pub build: u32,
    /// The date of the end of support, `YYYY-MM-DD`.
    pub end_of_support: &'static str,
    /// Where the date comes from.
    pub source: &'static str,
    /// How sure it is, in words.
    pub confidence: &'static str,
    /// What else is worth knowing; may be empty.
    pub note: &'static str,
}

/// All rows, oldest system first.
pub const OS_SUPPORT: &[OsSupport] = &[
    OsSupport {
        name: "Windows NT 4.0 Workstation",
        version: "4.0",
        build: 1381,
        end_of_support: "2004-06-30",
        source: "press (TechSpot 2004); other press names 30 June 2003",
        confidence: "secondary, disputed",
        note: "dates differ between sources",
    },
    OsSupport {
        name: "Windows NT 4.0 Server, Enterprise, Terminal Server Edition",
        version: "4.0",
        build: 1381,
        end_of_support: "2004-12-31",
        source: "RCP Magazine, 28 January 2003",
        confidence: "secondary",
        note: "",
    },
    OsSupport {
        name: "Windows 2000",
        version: "5.0",
        build: 2195,
        end_of_support: "2010-07-13",
        source: "KB891861 page header; EOL-DATE",
        confidence: "primary",
        note: "",
    },
    OsSupport {
        name: "Windows XP",
        version: "5.1",
        build: 2600,
        end_of_support: "2014-04-08",
        source: "EMB-LIFE; EOL-DATE",
        confidence: "primary",
        note: "SP3",
    },
    OsSupport {
        name: "Windows XP Professional for Embedded Systems",
        version: "5.1",
        build: 2600,
        end_of_support: "2014-04-08",
        source: "EMB-LIFE",
        confidence: "primary",
        note: "",
    },
    OsSupport {
        name: "Windows XP Embedded SP3",
        version: "5.1",
        build: 2600,
        end_of_support: "2016-01-12",
        source: "EMB-LIFE",
        confidence: "primary",
        note: "",
    },
    OsSupport {
        name: "Windows Embedded for Point of Service SP3",
        version: "5.1",
        build: 2600,
        end_of_support: "2016-04-12",
        source: "EMB-LIFE",
        confidence: "primary",
        note: "",
    },
    OsSupport {
        name: "Windows Embedded Standard 2009",
        version: "5.1",
        build: 2600,
        end_of_support: "2019-01-08",
        source: "EMB-LIFE",
        confidence: "primary",
        note: "",
    },
    OsSupport {
        name: "Windows Embedded POSReady 2009",
        version: "5.1",
        build: 2600,
        end_of_support: "2019-04-09",
        source: "EMB-LIFE",
        confidence: "primary",
        note: "",
    },
    OsSupport {
        name: "Windows Server 2003 (and R2)",
        version: "5.2",
        build: 3790,
        end_of_support: "2015-07-14",
        source: "EOL-DATE",
        confidence: "secondary",
        note: "SP2",
    },
    OsSupport {
        name: "Windows XP Professional x64",
        version: "5.2",
        build: 3790,
        end_of_support: "2014-04-08",
        source: "MEM",
        confidence: "memory",
        note: "",
    },
    OsSupport {
        name: "Windows Vista SP2",
        version: "6.0",
        build: 6002,
        end_of_support: "2017-04-11",
        source: "EOL-DATE",
        confidence: "secondary",
        note: "",
    },
    OsSupport {
        name: "Windows Server 2008 SP2",
        version: "6.0",
        build: 6003,
        end_of_support: "2020-01-14",
        source: "EOL-DATE",
        confidence: "secondary",
        note: "paid updates to 2023-01-10; build 6002 before the 2019 updates",
    },
    OsSupport {
        name: "Windows 7 SP1",
        version: "6.1",
        build: 7601,
        end_of_support: "2020-01-14",
        source: "EOL-DATE",
        confidence: "secondary",
        note: "",
    },
    OsSupport {
        name: "Windows Server 2008 R2 SP1",
        version: "6.1",
        build: 7601,
        end_of_support: "2020-01-14",
        source: "EOL-DATE",
        confidence: "secondary",
        note: "paid updates to 2023-01-10",
    },
    OsSupport {
        name: "Windows Embedded Standard 7 SP1",
        version: "6.1",
        build: 7601,
        end_of_support: "2020-10-13",
        source: "EOL-DATE",
        confidence: "secondary",
        note: "",
    },
    OsSupport {
        name: "Windows Embedded POSReady 7",
        version: "6.1",
        build: 7601,
        end_of_support: "2021-10-12",
        source: "page on POSReady; EOL-DATE",
        confidence: "primary",
        note: "",
    },
    OsSupport {
        name: "Windows 8",
        version: "6.2",
        build: 9200,
        end_of_support: "2016-01-12",
        source: "EOL-DATE",
        confidence: "secondary",
        note: "",
    },
    OsSupport {
        name: "Windows Server 2012",
        version: "6.2",
        build: 9200,
        end_of_support: "2023-10-10",
        source: "EOL-DATE",
        confidence: "secondary",
        note: "paid updates to 2026-10-13",
    },
    OsSupport {
        name: "Windows 8.1",
        version: "6.3",
        build: 9600,
        end_of_support: "2023-01-10",
        source: "EOL-DATE",
        confidence: "secondary",
        note: "",
    },
    OsSupport {
        name: "Windows Server 2012 R2",
        version: "6.3",
        build: 9600,
        end_of_support: "2023-10-10",
        source: "EOL-DATE",
        confidence: "secondary",
        note: "paid updates to 2026-10-13",
    },
    OsSupport {
        name: "Windows Embedded 8.1 Industry",
        version: "6.3",
        build: 9600,
        end_of_support: "2023-07-11",
        source: "EOL-DATE",
        confidence: "secondary",
        note: "",
    },
    OsSupport {
        name: "Windows 10 (22H2)",
        version: "10.0",
        build: 19_045,
        end_of_support: "2025-10-14",
        source: "EOL-DATE",
        confidence: "secondary",
        note: "LTSC editions differ: 1607 2026-10-13, 1809 2029-01-09, 21H2 2027-01-12 (IoT 2032-01-13)",
    },
    OsSupport {
        name: "Windows Server 2016",
        version: "10.0",
        build: 14_393,
        end_of_support: "2027-01-12",
        source: "EOL-DATE",
        confidence: "secondary",
        note: "",
    },
    OsSupport {
        name: "Windows Server 2019",
        version: "10.0",
        build: 17_763,
        end_of_support: "2029-01-09",
        source: "EOL-DATE",
        confidence: "secondary",
        note: "",
    },
    OsSupport {
        name: "Windows Server 2022",
        version: "10.0",
        build: 20_348,
        end_of_support: "2031-10-14",
        source: "EOL-DATE",
        confidence: "secondary",
        note: "",
    },
    OsSupport {
        name: "Windows 11 24H2",
        version: "10.0",
        build: 26_100,
        end_of_support: "2026-10-13",
        source: "EOL-DATE",
        confidence: "secondary",
        note: "Home and Pro; Enterprise 2027-10-12",
    },
    OsSupport {
        name: "Windows Server 2025",
        version: "10.0",
        build: 26_100,
        end_of_support: "2034-11-14",
        source: "EOL-DATE",
        confidence: "secondary",
        note: "",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_date_is_a_date() {
        for row in OS_SUPPORT {
            assert!(
                chrono::NaiveDate::parse_from_str(row.end_of_support, "%Y-%m-%d").is_ok(),
                "{}",
                row.name
            );
        }
    }

    #[test]
    fn the_rows_are_ordered_by_version() {
        let version = |text: &str| crate::evidence::Version::parse(text).unwrap();
        assert!(OS_SUPPORT.is_sorted_by_key(|row| version(row.version)));
    }
}
