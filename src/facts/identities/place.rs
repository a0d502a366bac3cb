//! Where an identity is stored that clones must not share: one row of the table in `table.rs`, or of a file of an organisation.

use crate::facts::HiveName;

/// An identity and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityPlace {
    /// What the identity is called, or the product that keeps it.
    pub name: String,
    /// Where it is stored.
    pub store: Store,
    /// Whether an agent keeps it, and not Windows: then it is also in `id.agents`.
    pub is_agent: bool,
    /// Whether the value itself is shown; otherwise a fingerprint of it is.
    pub is_shown: bool,
}

/// The kinds of places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Store {
    /// A value of the registry.
    Value {
        /// SOFTWARE (there also below `Wow6432Node`) or SYSTEM (below the current control set).
        hive: HiveName,
        /// The key.
        key: String,
        /// The value.
        value: String,
    },
    /// A key of the registry whose subkeys are named for identities, such as certificates by their thumbprints.
    Subkeys {
        /// SOFTWARE or SYSTEM, as above.
        hive: HiveName,
        /// The key.
        key: String,
    },
    /// A line `entry=identity` of a text file.
    Entry {
        /// The file, below the Windows folder.
        file: String,
        /// What stands before the sign.
        entry: String,
    },
}
