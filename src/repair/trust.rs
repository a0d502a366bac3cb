//! Whose word a journal is: what it says is written into images, and into files of the host.
//!
//! A journal that anybody else could have written or changed is not followed. Root too takes only its own: what lies in a folder
//! that others may write to is theirs to name. Specifications: stat(2), geteuid(2).

use std::fs::File;
use std::path::Path;

use rustix::fs::FileType;

use crate::error::{Error, ErrorKind, Result};

/// Write permission of the group and of all others.
const WRITE_OF_OTHERS: u32 = 0o022;

/// Refuses an open file that is no regular file of this user which nobody else may write to.
///
/// # Errors
/// [`ErrorKind::PreconditionFailed`] with what is wrong and the way out.
pub(crate) fn check(file: &File, path: &Path) -> Result<()> {
    let shown = path.to_string_lossy();
    let stat = rustix::fs::fstat(file)
        .map_err(|errno| Error::with_source(ErrorKind::Io, shown.clone(), errno))?;
    let refuse = |what: String| {
        Err(Error::new(
            ErrorKind::PreconditionFailed,
            format!("{shown}: {what}"),
        ))
    };
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return refuse("is no regular file".to_owned());
    }
    let own = rustix::process::geteuid().as_raw();
    if stat.st_uid != own {
        return refuse(format!(
            "belongs to user {}, and only what user {own} wrote is followed here; run this as that user, or make the file yours if \
             you know where it comes from",
            stat.st_uid
        ));
    }
    if stat.st_mode & WRITE_OF_OTHERS != 0 {
        return refuse(format!(
            "may be written to by others (mode {:o}), so it is not known whose word it is; take that right away (chmod go-w) if you \
             know that nobody used it",
            stat.st_mode & 0o7777
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_others_may_write_to_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        std::fs::write(&path, "").unwrap();
        for (mode, is_followed) in [(0o600, true), (0o644, true), (0o620, false), (0o602, false)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let file = File::open(&path).unwrap();
            assert_eq!(check(&file, &path).is_ok(), is_followed, "{mode:o}");
        }
    }

    #[test]
    fn what_is_no_file_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let opened = File::open(folder.path()).unwrap();
        assert!(check(&opened, folder.path()).is_err());
    }
}
