//! The files of KB884872 and the versions from which on they hold its fix.
//!
//! The table of the article has 45 rows for 42 files: kernel32.dll, win32k.sys and winsrv.dll are listed once for one and
//! once for several processors, with the same version (KB142660 names the set). The folders are those of Windows 2000, from
//! memory; the article gives names only. Which files carry the fix the article does not say either: the four providers of
//! RSA and DSS read MachineGuid and name the key files, so they decide (inference), the others accompany them.

/// Whether a file decides or accompanies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A provider of RSA or DSS: at or above its version the fix is there.
    Core,
    /// Any other file of the table.
    Companion,
}

/// One file of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FixedFile {
    /// Its path below the Windows folder.
    pub(crate) path: &'static str,
    /// The version from which on it is fixed; "or later" in the article.
    pub(crate) fixed: [u16; 4],
    /// Whether it decides.
    pub(crate) role: Role,
}

const fn file(path: &'static str, fixed: [u16; 4], role: Role) -> FixedFile {
    FixedFile { path, fixed, role }
}

/// The 42 files, in the order of their names.
pub(crate) const FILES: [FixedFile; 42] = [
    file(
        "system32\\advapi32.dll",
        [5, 0, 2195, 6968],
        Role::Companion,
    ),
    file("system32\\basesrv.dll", [5, 0, 2195, 6824], Role::Companion),
    file("system32\\browser.dll", [5, 0, 2195, 6866], Role::Companion),
    file("system32\\cmd.exe", [5, 0, 2195, 6824], Role::Companion),
    file(
        "system32\\crypt32.dll",
        [5, 131, 2195, 6926],
        Role::Companion,
    ),
    file(
        "system32\\cryptnet.dll",
        [5, 131, 2195, 6926],
        Role::Companion,
    ),
    file(
        "system32\\cryptsvc.dll",
        [5, 0, 2195, 6868],
        Role::Companion,
    ),
    file("system32\\dnsapi.dll", [5, 0, 2195, 6824], Role::Companion),
    file(
        "system32\\dnsrslvr.dll",
        [5, 0, 2195, 6876],
        Role::Companion,
    ),
    file("system32\\dssbase.dll", [5, 0, 2195, 6972], Role::Core),
    file("system32\\dssenh.dll", [5, 0, 2195, 6972], Role::Core),
    file(
        "system32\\eventlog.dll",
        [5, 0, 2195, 6883],
        Role::Companion,
    ),
    file("system32\\gdi32.dll", [5, 0, 2195, 6660], Role::Companion),
    file("system32\\kdcsvc.dll", [5, 0, 2195, 6890], Role::Companion),
    file(
        "system32\\kerberos.dll",
        [5, 0, 2195, 6903],
        Role::Companion,
    ),
    file(
        "system32\\kernel32.dll",
        [5, 0, 2195, 6897],
        Role::Companion,
    ),
    file(
        "system32\\drivers\\ksecdd.sys",
        [5, 0, 2195, 6824],
        Role::Companion,
    ),
    file("system32\\lsasrv.dll", [5, 0, 2195, 6902], Role::Companion),
    file("system32\\lsass.exe", [5, 0, 2195, 6902], Role::Companion),
    file("system32\\mpr.dll", [5, 0, 2195, 6824], Role::Companion),
    file("system32\\msgina.dll", [5, 0, 2195, 6974], Role::Companion),
    file("system32\\msv1_0.dll", [5, 0, 2195, 6680], Role::Companion),
    file(
        "system32\\netapi32.dll",
        [5, 0, 2195, 6897],
        Role::Companion,
    ),
    file(
        "system32\\netlogon.dll",
        [5, 0, 2195, 6695],
        Role::Companion,
    ),
    file("system32\\ntdsa.dll", [5, 0, 2195, 6896], Role::Companion),
    file("system32\\psbase.dll", [5, 0, 2195, 6824], Role::Companion),
    file(
        "system32\\drivers\\rdpwd.sys",
        [5, 0, 2195, 6892],
        Role::Companion,
    ),
    file("system32\\rsabase.dll", [5, 0, 2195, 6972], Role::Core),
    file("system32\\rsaenh.dll", [5, 0, 2195, 6972], Role::Core),
    file("system32\\samsrv.dll", [5, 0, 2195, 6897], Role::Companion),
    file("system32\\scecli.dll", [5, 0, 2195, 6893], Role::Companion),
    file("system32\\scesrv.dll", [5, 0, 2195, 6903], Role::Companion),
    file("system32\\sp3res.dll", [5, 0, 2195, 6974], Role::Companion),
    file("system32\\user32.dll", [5, 0, 2195, 6897], Role::Companion),
    file("system32\\userenv.dll", [5, 0, 2195, 6972], Role::Companion),
    file("system32\\w32time.dll", [5, 0, 2195, 6824], Role::Companion),
    file("system32\\w32tm.exe", [5, 0, 2195, 6824], Role::Companion),
    file("system32\\win32k.sys", [5, 0, 2195, 6966], Role::Companion),
    file("system32\\winhttp.dll", [5, 1, 2600, 1327], Role::Companion),
    file(
        "system32\\winlogon.exe",
        [5, 0, 2195, 6898],
        Role::Companion,
    ),
    file("system32\\winsrv.dll", [5, 0, 2195, 6826], Role::Companion),
    file(
        "system32\\wintrust.dll",
        [5, 131, 2195, 6824],
        Role::Companion,
    ),
];
