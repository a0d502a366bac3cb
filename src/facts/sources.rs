//! The sources that rules and facts name by id.

/// One source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// The id.
    pub id: &'static str,
    /// Its title, or what it is about where it has none.
    pub title: &'static str,
    /// What kind of text it is.
    pub kind: &'static str,
}

/// The source of that id.
pub fn find(id: &str) -> Option<&'static Source> {
    SOURCES.iter().find(|source| source.id == id)
}

/// The id with title and kind; the id alone if it is not one of these.
pub fn described(id: &str) -> String {
    match find(id) {
        Some(source) => format!("{id}: {} ({})", source.title, source.kind),
        None => id.to_owned(),
    }
}

const SOURCES: &[Source] = &[
    Source {
        id: "ADPLUS",
        title: "ADPlus script of the Debugging Tools: IIS version detection",
        kind: "Microsoft script",
    },
    Source {
        id: "APPCOMPAT",
        title: "Leveraging the Application Compatibility Cache in Forensic Investigations, Mandiant; appcompatcache.yaml, plaso",
        kind: "format description",
    },
    Source {
        id: "ASPRANGERS",
        title: "MachineKeys on IIS 7.x: Inside Out (2012-05-03)",
        kind: "third-party blog",
    },
    Source {
        id: "C23-EXPORT",
        title: "How to make an IIS 6.0 metabase exportable, chaun",
        kind: "Microsoft blog",
    },
    Source {
        id: "CAPISP-LOG",
        title: "Error with syspreped windows 7 image related to capisp.dll execution (2010-06-21): setupact.log in full",
        kind: "TechNet forum",
    },
    Source {
        id: "CI-CHECK",
        title: "public build-pipeline script that checks sealed templates, with logs of good and bad runs",
        kind: "public code",
    },
    Source {
        id: "DTC-CID",
        title: "Detect duplicate MSDTC CID, 2016; DTC and virtualisation, 2008",
        kind: "third-party blogs",
    },
    Source {
        id: "EMB-LIFE",
        title: "Windows Embedded product support lifecycle FAQ",
        kind: "Microsoft page",
    },
    Source {
        id: "EOL-DATE",
        title: "endoflife.date product data",
        kind: "community data",
    },
    Source {
        id: "EWF-TIPS",
        title: "Enhanced Write Filter and HORM tips, km-dev blog and further public notes",
        kind: "third-party blogs",
    },
    Source {
        id: "FBA-BLOG",
        title: "What does FBA taste like? and the FBA RegMigrate key, Windows Embedded team blog",
        kind: "Microsoft blog",
    },
    Source {
        id: "FBA-LOG",
        title: "First Boot Agent log, Windows XP Embedded documentation (ms932908)",
        kind: "MSDN page",
    },
    Source {
        id: "INETSTP",
        title: "Testing applications for compatibility with IIS 6.0",
        kind: "TechNet page",
    },
    Source {
        id: "KB142660",
        title: "Uniprocessor to multiprocessor upgrade and Win32k.sys",
        kind: "Microsoft KB article",
    },
    Source {
        id: "KB256407",
        title: "NT Embedded 4.0: system cloning after a change of the core component",
        kind: "Microsoft KB article",
    },
    Source {
        id: "KB2769827",
        title: "Sysprep fails after you remove or update Microsoft Store apps that include built-in Windows images",
        kind: "Microsoft Learn article",
    },
    Source {
        id: "KB300039",
        title: "Windows 2000 SP2 removes registry information of fixes",
        kind: "Microsoft KB article",
    },
    Source {
        id: "KB314828",
        title: "Microsoft policy for disk duplication of Windows installations",
        kind: "Microsoft article",
    },
    Source {
        id: "KB5068222",
        title: "Strengthening Administrator protection and Kerberos authentication (2025-09-30); Hardening administrative actions: what IT pros need to know",
        kind: "Microsoft support article and Windows IT Pro blog",
    },
    Source {
        id: "KB814616",
        title: "Programs and Sysprep",
        kind: "Microsoft KB article",
    },
    Source {
        id: "KB828287",
        title: "Unsupported Sysprep scenarios",
        kind: "Microsoft KB article",
    },
    Source {
        id: "KB830958",
        title: "Limitations of the System Preparation tool",
        kind: "Microsoft KB article",
    },
    Source {
        id: "KB834377",
        title: "FTP does not start after factory mode and reseal, Windows Server 2003",
        kind: "Microsoft KB article",
    },
    Source {
        id: "KB884872",
        title: "IIS services do not start, handle invalid (MachineGuid)",
        kind: "Microsoft KB article",
    },
    Source {
        id: "KB888535",
        title: "Identifying installed updates",
        kind: "Microsoft KB article",
    },
    Source {
        id: "KB889073",
        title: "IIS and SMTP do not start on a Windows XP SP2 Sysprep image",
        kind: "Microsoft KB article",
    },
    Source {
        id: "KB891861",
        title: "Update Rollup 1 for Windows 2000 SP4",
        kind: "Microsoft KB article",
    },
    Source {
        id: "KB922979",
        title: "Version of Update Rollup 1 for Windows 2000 SP4",
        kind: "Microsoft KB article",
    },
    Source {
        id: "KB928386",
        title: "Sysprep functions and known issues",
        kind: "Microsoft KB article",
    },
    Source {
        id: "KB929828",
        title: "Sysprep and the activation: error 0xC004D307",
        kind: "Microsoft KB article",
    },
    Source {
        id: "KB942060",
        title: "No encrypted properties in IIS 7.0 configuration before Sysprep",
        kind: "Microsoft KB article",
    },
    Source {
        id: "MEASURED",
        title: "measured on public registry hives of Windows 7 to 10 (regipy and dissect.regf test data)",
        kind: "measurement",
    },
    Source {
        id: "MEM",
        title: "from memory, not verified in a text",
        kind: "memory",
    },
    Source {
        id: "MS-IMSA",
        title: "[MS-IMSA]: Internet Information Services (IIS) IMSAdminBaseW Remote Protocol, IIS_CRYPTO_BLOB",
        kind: "Microsoft specification",
    },
    Source {
        id: "MS-JP-SQM",
        title: "SQMClient MachineId and Sysprep, Microsoft Japan support blog, 11 January 2023",
        kind: "Microsoft blog",
    },
    Source {
        id: "MS-LSAD",
        title: "Local Security Authority (Domain Policy) Remote Protocol",
        kind: "Microsoft specification",
    },
    Source {
        id: "MS-STATES",
        title: "Windows Setup States",
        kind: "Microsoft documentation",
    },
    Source {
        id: "MS-SYSPREP",
        title: "Sysprep (Generalize) overview: upgraded installations from Windows 10 version 1607",
        kind: "Microsoft documentation",
    },
    Source {
        id: "MSQ-UNIQUE",
        title: "MSMQ prefers to be unique, John Breakwell, 6 February 2007",
        kind: "Microsoft blog",
    },
    Source {
        id: "MVP-RESEAL",
        title: "Component Tales: System Cloning Tool / Sysprep, embedded MVP blog, 18 August 2009",
        kind: "third-party blog",
    },
    Source {
        id: "NTFS-3G",
        title: "ntfs-3g: layout.h, security.c, efs.c; measured on volumes of Windows in public test data",
        kind: "public code",
    },
    Source {
        id: "OWN",
        title: "engineering rule of this project",
        kind: "own",
    },
    Source {
        id: "PACKER-301",
        title: "hashicorp/packer-plugin-azure issue 301: Server 2016 with IIS, generalized with /mode:vm, 'Invalid signature' from IIS Admin (2023-05-05)",
        kind: "issue report",
    },
    Source {
        id: "PREFETCH",
        title: "Windows Prefetch File (PF) format, libscca",
        kind: "format description",
    },
    Source {
        id: "Q132475",
        title: "Determining if a service pack has been installed",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q152078",
        title: "Determining the product option of NT",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q153407",
        title: "SMS inventory and service pack versions",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q164147",
        title: "IIS will not re-install",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q164539",
        title: "How to determine which version of Internet Explorer is installed",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q180962",
        title: "How to identify when the System Preparation tool is used",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q183253",
        title: "Problems after using Rdisk on a clone",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q190157",
        title: "NT 4.0 Option Pack on Terminal Server",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q191138",
        title: "How to install the Option Pack on Cluster Server",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q192855",
        title: "System Preparation tool does not save desktop preferences",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q194334",
        title: "SP4 does not delete references to hotfixes",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q195446",
        title: "How to obtain the System Preparation tool for NT 4.0",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q196018",
        title: "System Preparation tool directory not deleted",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q196019",
        title: "Adding NT 4.0 computers to a domain before Sysprep",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q197099",
        title: "Which service pack is installed in NT 4.0",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q198417",
        title: "At least one service failed, after Sysprep",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q200567",
        title: "Answer file parameters of the NT 4.0 tool",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q214597",
        title: "Office maintenance mode after Sysprep",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q216071",
        title: "Incorrect shutdown leaves event 6008",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q216684",
        title: "The system is not fully installed",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q217147",
        title: "Clusdb corruption",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q218922",
        title: "Option Pack on Cluster Server with SP4, events 1009 and 1058",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q219717",
        title: "Option Pack not tested with the current configuration",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q222507",
        title: "Incorrect service pack level displayed after a hotfix",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q223258",
        title: "Option Pack on MSCS with SQL Server",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q223397",
        title: "MSDTC service specific error 3221229574",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q223435",
        title: "Key does not exist 0x8009000D",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q224801",
        title: "Deciphering IISSYNC status codes",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q230287",
        title: "IIS 4.0 release notes",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q234142",
        title: "IIS after a change of the computer name",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q234429",
        title: "Restore the metabase manually",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q235698",
        title: "IISSYNC deletes the IIS in-process package on the target server",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q236007",
        title: "DC demotion and out-of-process applications",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q238552",
        title: "Install hotfixes and check installed ones",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q239046",
        title: "Unexpected error 0x80074002",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q241048",
        title: "Answer file is not removed",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q241573",
        title: "IIS 4.0 on a single MSCS node",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q243085",
        title: "Shortcuts slow after Sysprep",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q243087",
        title: "IIS and the French locale",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q243342",
        title: "IISSYNC returns status 214598801",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q243386",
        title: "Metabase encryption on French Windows 2000",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q244988",
        title: "Completely remove IIS 4 and the Option Pack",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q245208",
        title: "SMTP added later to a moved Option Pack",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q245678",
        title: "Winsock call fails without local administrator rights",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q246009",
        title: "NT 4.0 Service Pack 6a available",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q246309",
        title: "Missing IIS in-process application in MTS",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q246459",
        title: "Object already exists",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q246793",
        title: "Host name not updated",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q248739",
        title: "IIS fails to run on a Sysprep cloned system",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q249603",
        title: "IISSYNC on Windows 2000",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q249907",
        title: "Q147222 appears in the registry",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q253942",
        title: "Task Scheduler tasks invisible after Sysprep",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q256917",
        title: "Upgrade of a cloned NT 4.0 does not convert to NTFS",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q257808",
        title: "Avoiding duplicate SMS IDs",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q271652",
        title: "Kernel32 update for NT 4.0 (separate uniprocessor row)",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q271865",
        title: "0x8009000F Object already exists",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q278381",
        title: "Default permissions of the MachineKeys folders",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q279635",
        title: "CTL lost after replication",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q281511",
        title: "Unattended Option Pack file",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q282775",
        title: "Error writing encrypted data",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q288207",
        title: "IISSYNC and SSL",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q295162",
        title: "System errors when opening Services",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q297379",
        title: "Program settings on Terminal Server",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q299444",
        title: "Post-SP6a Security Rollup Package",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q300675",
        title: "Create a metabase backup",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q306447",
        title: "Sysprep generates duplicate computer names",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q310412",
        title: "Corrupt COM+ catalog and IISSYNC",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q311861",
        title: "ISM cannot be opened locally",
        kind: "Microsoft KB article",
    },
    Source {
        id: "Q326779",
        title: "Supported IIS configurations for use with Sysprep",
        kind: "Microsoft KB article",
    },
    Source {
        id: "RESEAL-IIS",
        title: "Reseal and IIS, Windows Embedded team blog, 6 December 2007",
        kind: "Microsoft blog",
    },
    Source {
        id: "SQL-SYSPREP",
        title: "Considerations for installing SQL Server using SysPrep",
        kind: "Microsoft docs",
    },
    Source {
        id: "SETUPAPI-LOG",
        title: "Troubleshooting Device Installation with the SetupAPI Log File, 2003; Format of a Text Log Section",
        kind: "Microsoft paper and Microsoft Learn page",
    },
    Source {
        id: "SYSPREP-COUNT",
        title: "Sysprep, SkipRearm and image build best practices, 11 May 2011; Sysprep (Generalize) a Windows installation",
        kind: "Microsoft blog and Microsoft Learn page",
    },
    Source {
        id: "SYSPREP-ROLES",
        title: "Sysprep support for server roles",
        kind: "Microsoft Learn page (Japanese copy)",
    },
    Source {
        id: "USERASSIST",
        title: "userassist.yaml, plaso; KNOWNFOLDERID, Windows SDK",
        kind: "format description",
    },
    Source {
        id: "VIVEK-KEYS",
        title: "MachineKey in IIS, vivekkum, 14 February 2009: a changed MachineGuid stops IIS Admin",
        kind: "Microsoft blog",
    },
    Source {
        id: "WEVT",
        title: "message tables of Windows binaries, libyal winevt-kb, commit 5e51c65",
        kind: "extracted from Microsoft binaries",
    },
];
