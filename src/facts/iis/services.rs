//! The services of IIS: the one table of them.
//!
//! Which of them are installed, whose failure in a log is one of IIS, and which a service of somebody else may wait for are
//! questions to the same list; IIS 7 and later stand and fall with WAS, which IIS 4 to 6 do not have.
//!
//! English display names: of IIS 4 to 6 and of WAS and FTPSVC from the services as Windows lists them (from memory); a log in
//! another language is matched by what the registry of its image says.

/// One service of IIS.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IisService {
    /// The name of its key, as reports use it.
    pub(crate) key: &'static str,
    /// Its English display names.
    pub(crate) display: &'static [&'static str],
    /// Whether it shows that IIS is there; HTTPFilter serves others than IIS too.
    pub(crate) shows_iis: bool,
}

/// All of them; WAS, which programs other than IIS use too, is the last.
pub(crate) const SERVICES: [IisService; 8] = [
    IisService {
        key: "W3SVC",
        display: &[
            "World Wide Web Publishing Service",
            "World Wide Web Publishing",
        ],
        shows_iis: true,
    },
    IisService {
        key: "IISADMIN",
        display: &["IIS Admin Service", "IIS Admin"],
        shows_iis: true,
    },
    IisService {
        key: "MSFTPSVC",
        display: &["FTP Publishing Service", "FTP Publishing"],
        shows_iis: true,
    },
    IisService {
        key: "SMTPSVC",
        display: &[
            "Simple Mail Transfer Protocol (SMTP)",
            "Simple Mail Transport Protocol (SMTP)",
            "Microsoft SMTP Service",
        ],
        shows_iis: true,
    },
    IisService {
        key: "NntpSvc",
        display: &[
            "Network News Transfer Protocol (NNTP)",
            "Network News Transport Protocol (NNTP)",
            "Microsoft NNTP Service",
        ],
        shows_iis: true,
    },
    IisService {
        key: "HTTPFilter",
        display: &["HTTP SSL"],
        shows_iis: false,
    },
    IisService {
        key: "FTPSVC",
        display: &["Microsoft FTP Service"],
        shows_iis: true,
    },
    IisService {
        key: "WAS",
        display: &["Windows Process Activation Service"],
        shows_iis: true,
    },
];

/// Whether that is the key of a service of IIS; event sources of IIS have the same names.
pub(crate) fn is_service(key: &str) -> bool {
    SERVICES
        .iter()
        .any(|service| service.key.eq_ignore_ascii_case(key))
}
