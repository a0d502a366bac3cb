//! Versions of program files as collectors ask for them: os.kernel_file_version, iis.file_versions and the hotfix table.

use std::collections::BTreeMap;

use crate::artifact::pe_version::{self, FileVersion};
use crate::base::win_path::WinPath;
use crate::error::Error;
use crate::evidence::{Evidence, Fact, Unknown, Value, Version};
use crate::facts::Context;
use crate::facts::gather::empty_evidence;

/// Programs of IIS 4.0 to 6.0, then of 7.0 and later, in its folder.
const IIS_PROGRAMS: [&str; 8] = [
    "inetinfo.exe",
    "infocomm.dll",
    "w3svc.dll",
    "metadata.dll",
    "asp.dll",
    "w3core.dll",
    "iisw3adm.dll",
    "nativerd.dll",
];

/// What a program file says of its version.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Program {
    /// The file is not there.
    Missing(Evidence),
    /// It is there and has no version resource.
    WithoutVersion(Evidence),
    /// Its version.
    Version(FileVersion, Evidence),
}

/// Reads the version of the program at `path`.
pub(crate) fn version(context: &Context<'_>, path: &WinPath) -> Result<Program, Unknown> {
    let metadata = context.metadata(path)?.filter(|metadata| !metadata.is_dir);
    let evidence = context.file_evidence(path, metadata.as_ref());
    if metadata.is_none() {
        let place = evidence.locator.to_string();
        return Ok(Program::Missing(evidence.searched(vec![place])));
    }
    let mut read = |offset, len| {
        context
            .installation
            .filesystem
            .read_at(path, offset, len)?
            .ok_or_else(|| Error::corrupt("the file is there and has no content"))
    };
    match pe_version::file_version(&mut read) {
        Ok(Some(version)) => Ok(Program::Version(version, evidence)),
        Ok(None) => Ok(Program::WithoutVersion(
            evidence.raw("the program has no version resource"),
        )),
        Err(error) => Err(Unknown::from_error(
            &error,
            context.installation.place(path),
        )),
    }
}

/// The version as the value of a fact.
pub(crate) fn value(version: FileVersion) -> Value {
    Value::Version(Version::from_parts(&version.0.map(u64::from)))
}

/// The fact os.kernel_file_version.
pub(crate) fn kernel(context: &Context<'_>) -> Result<Fact, Unknown> {
    let path = context.installation.windows("system32\\ntoskrnl.exe");
    Ok(match version(context, &path)? {
        Program::Missing(evidence) | Program::WithoutVersion(evidence) => Fact::Absent(evidence),
        Program::Version(version, evidence) => Fact::found(value(version), evidence),
    })
}

/// The fact iis.file_versions: the programs of IIS that are there. A program without a version resource is left out; one
/// that cannot be read leaves the fact unknown.
pub(crate) fn iis(context: &Context<'_>) -> Result<Fact, Unknown> {
    let folder = context.installation.windows("system32\\inetsrv");
    let mut versions = BTreeMap::new();
    let mut evidence = Vec::new();
    let mut looked = Vec::new();
    for name in IIS_PROGRAMS {
        match version(context, &folder.child(name))? {
            Program::Missing(place) | Program::WithoutVersion(place) => looked.push(place),
            Program::Version(version, place) => {
                versions.insert(name.to_owned(), value(version));
                evidence.push(place);
            }
        }
    }
    let mut evidence = evidence.into_iter();
    let first = match evidence.next() {
        Some(first) => first,
        None => empty_evidence(looked, &context.installation.place(&folder)),
    };
    Ok(Fact::found_in(Value::Map(versions), first, evidence))
}

#[cfg(test)]
mod tests {
    use crate::facts::test_image::{TestImage, expect, pe};
    use crate::facts::{Context, Facts};

    fn collect(context: &Context<'_>, facts: &mut Facts) {
        facts.put("os.kernel_file_version", super::kernel(context));
        facts.put("iis.file_versions", super::iis(context));
    }

    #[test]
    fn versions_come_from_the_programs_themselves() {
        let facts = TestImage::new("5.0", "none")
            .file("WINDOWS\\system32\\ntoskrnl.exe", pe([5, 0, 2195, 6902]))
            .file(
                "WINDOWS\\system32\\inetsrv\\asp.dll",
                pe([5, 0, 2195, 6672]),
            )
            .collect(&[collect]);
        expect(
            &facts,
            &[
                ("os.kernel_file_version", "5.0.2195.6902"),
                ("iis.file_versions", "asp.dll=5.0.2195.6672"),
            ],
        );
    }

    #[test]
    fn a_missing_kernel_is_absent_and_one_that_is_no_program_is_unknown() {
        let none = TestImage::new("5.0", "none").collect(&[collect]);
        expect(
            &none,
            &[
                ("os.kernel_file_version", "absent"),
                ("iis.file_versions", "(none)"),
            ],
        );
        let text = TestImage::new("5.0", "none")
            .file("WINDOWS\\system32\\ntoskrnl.exe", "not a program")
            .collect(&[collect]);
        expect(&text, &[("os.kernel_file_version", "unknown:corrupt")]);
    }

    #[test]
    fn a_program_of_iis_that_cannot_be_read_leaves_the_versions_unknown() {
        let facts = TestImage::new("5.0", "none")
            .file(
                "WINDOWS\\system32\\inetsrv\\asp.dll",
                pe([5, 0, 2195, 6672]),
            )
            .broken("WINDOWS\\system32\\inetsrv\\w3svc.dll")
            .collect(&[collect]);
        expect(&facts, &[("iis.file_versions", "unknown:unreadable")]);
    }
}
