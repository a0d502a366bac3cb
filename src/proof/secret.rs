//! Bytes that must not be seen: they are wiped when they are no longer needed, and print as their length.

use std::fmt;

use zeroize::Zeroizing;

/// Secret bytes: a key, or what was decrypted with one.
///
/// Whoever reads them borrows them; the memory is overwritten when the owner goes. The buffer is reserved in full before it
/// is filled, because one that grows leaves copies behind.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// A copy of these bytes.
    pub fn copy_of(bytes: &[u8]) -> Self {
        Self::joined(&[bytes])
    }

    /// A copy of these parts, one behind the other.
    pub fn joined(parts: &[&[u8]]) -> Self {
        let len = parts.iter().map(|part| part.len()).sum();
        let mut joined = Vec::with_capacity(len);
        for part in parts {
            joined.extend_from_slice(part);
        }
        Self(Zeroizing::new(joined))
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, to be changed in place.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// Forgets all bytes behind the first `len`.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_as_its_length() {
        let secret = Secret::joined(&[&[0x2b, 0xb2], &[0x10]]);
        assert_eq!(secret.bytes(), [0x2b, 0xb2, 0x10]);
        assert_eq!(
            format!("{secret:?} {secret:#?}"),
            "Secret(3 bytes) Secret(3 bytes)"
        );
    }
}
