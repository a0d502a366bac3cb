//! A tree seen as it would be after some of its files got other names: the preview of a repair of a host directory.

use std::fmt;
use std::sync::Arc;

use crate::base::win_path::{WinPath, fold_name};
use crate::error::Result;
use crate::image::filesystem::{DirEntry, FileSystem, Metadata, VolumeExtent, VolumeNote};

/// A tree in which files have other names.
pub struct Renamed {
    inner: Arc<dyn FileSystem>,
    names: Vec<(WinPath, WinPath)>,
}

impl Renamed {
    /// `inner`, in which each first path of `names` has become the second one.
    pub fn new(inner: Arc<dyn FileSystem>, names: Vec<(WinPath, WinPath)>) -> Self {
        Self { inner, names }
    }

    /// The path in the tree as it is; `None` where a name was given up.
    fn source<'p>(&'p self, path: &'p WinPath) -> Option<&'p WinPath> {
        if let Some((from, _)) = self.names.iter().find(|(_, to)| to.eq_ignore_case(path)) {
            return Some(from);
        }
        let is_gone = self.names.iter().any(|(from, _)| from.eq_ignore_case(path));
        (!is_gone).then_some(path)
    }

    /// The name that a path of the tree as it is has now.
    fn target_name(&self, path: &WinPath) -> Option<String> {
        let renamed = self
            .names
            .iter()
            .find(|(from, _)| from.eq_ignore_case(path));
        renamed.and_then(|(_, to)| to.file_name().map(str::to_owned))
    }
}

impl fmt::Debug for Renamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} with {} other names", self.inner, self.names.len())
    }
}

impl FileSystem for Renamed {
    fn layer(&self) -> String {
        self.inner.layer()
    }

    fn notes(&self) -> Vec<VolumeNote> {
        self.inner.notes()
    }

    fn extent(&self) -> Option<VolumeExtent> {
        self.inner.extent()
    }

    fn origin(&self, path: &WinPath) -> Option<String> {
        self.inner.origin(self.source(path)?)
    }

    fn metadata(&self, path: &WinPath) -> Result<Option<Metadata>> {
        let Some(source) = self.source(path) else {
            return Ok(None);
        };
        let mut found = self.inner.metadata(source)?;
        if let (Some(found), Some(name)) = (&mut found, self.target_name(source)) {
            found.name = name;
        }
        Ok(found)
    }

    fn read_dir(&self, path: &WinPath) -> Result<Option<Vec<DirEntry>>> {
        let mut entries = self.inner.read_dir(path)?;
        if let Some(entries) = &mut entries {
            // A file whose name another gets, and that gets none itself, is gone.
            entries.retain(|entry| {
                let child = path.child(&entry.name);
                self.target_name(&child).is_some()
                    || !self.names.iter().any(|(_, to)| to.eq_ignore_case(&child))
            });
            for entry in entries.iter_mut() {
                if let Some(name) = self.target_name(&path.child(&entry.name)) {
                    entry.name = name;
                }
            }
            entries.sort_by_cached_key(|entry| (fold_name(&entry.name), entry.name.clone()));
        }
        Ok(entries)
    }

    fn read(&self, path: &WinPath, bytes_max: u64) -> Result<Option<Vec<u8>>> {
        match self.source(path) {
            Some(source) => self.inner.read(source, bytes_max),
            None => Ok(None),
        }
    }

    fn read_head(&self, path: &WinPath, len: usize) -> Result<Option<Vec<u8>>> {
        match self.source(path) {
            Some(source) => self.inner.read_head(source, len),
            None => Ok(None),
        }
    }

    fn read_stream(&self, path: &WinPath, stream: &str, bytes_max: u64) -> Result<Option<Vec<u8>>> {
        match self.source(path) {
            Some(source) => self.inner.read_stream(source, stream, bytes_max),
            None => Ok(None),
        }
    }

    fn security_descriptor(&self, path: &WinPath) -> Result<Option<Vec<u8>>> {
        match self.source(path) {
            Some(source) => self.inner.security_descriptor(source),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::filesystem::memory::MemoryFileSystem;

    fn tree(names: &[(&str, &str)]) -> Renamed {
        let fs = MemoryFileSystem::new()
            .file("d\\a", b"of a".to_vec())
            .file("d\\b", b"of b".to_vec());
        let pair = |(from, to): &(&str, &str)| (WinPath::new(from), WinPath::new(to));
        Renamed::new(Arc::new(fs), names.iter().map(pair).collect())
    }

    fn shown(tree: &Renamed) -> Vec<(String, Vec<u8>)> {
        let entries = tree.read_dir(&WinPath::new("d")).unwrap().unwrap();
        let read = |name: String| {
            let path = WinPath::new("d").child(&name);
            assert_eq!(tree.metadata(&path).unwrap().unwrap().name, name);
            let content = tree.read(&path, 10).unwrap().unwrap();
            (name, content)
        };
        entries.into_iter().map(|entry| read(entry.name)).collect()
    }

    #[test]
    fn files_are_found_under_their_new_names_only() {
        let tree = tree(&[("d\\a", "d\\c")]);
        assert!(tree.metadata(&WinPath::new("d\\A")).unwrap().is_none());
        let expected = [("b", "of b"), ("c", "of a")];
        let expected = expected.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()));
        assert_eq!(shown(&tree), expected);
    }

    #[test]
    fn a_file_whose_name_another_gets_is_gone() {
        let tree = tree(&[("d\\a", "d\\b")]);
        assert_eq!(shown(&tree), [("b".to_owned(), b"of a".to_vec())]);
    }

    #[test]
    fn two_files_that_exchange_names_exchange_contents() {
        let tree = tree(&[("d\\a", "d\\b"), ("d\\b", "d\\a")]);
        let expected = [("a", "of b"), ("b", "of a")];
        let expected = expected.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()));
        assert_eq!(shown(&tree), expected);
    }
}
