//! What a known event means and what to do about it, where that is not that a service of IIS failed.
//!
//! The ids are those of message tables (MSDTC, MSDTC Client: comres.dll) and, for LsaSrv 6167, of the updates of August 2025.

/// A known event, what it means, and what to do.
struct Known {
    id: &'static str,
    meaning: &'static str,
    remedy: &'static str,
}

const KNOWN: [Known; 7] = [
    Known {
        id: "EVT-4101-MSDTC",
        meaning: "another MSDTC with the same identity was met: one of the two was cloned without giving it a new one",
        remedy: "give one of the two a new identity (msdtc -uninstall, msdtc -install) if it has not got one since",
    },
    Known {
        id: "EVT-4106-MSDTC",
        meaning: "MSDTC could not be installed",
        remedy: "install it again (msdtc -install) once what the event names is mended",
    },
    Known {
        id: "EVT-4107-MSDTC",
        meaning: "MSDTC could not be removed",
        remedy: "remove and install it again once what the event names is mended",
    },
    Known {
        id: "EVT-4154-MSDTC",
        meaning: "the log of MSDTC could not be read",
        remedy: "make a new one (msdtc -resetlog) if MSDTC has not started since and no transaction is in doubt",
    },
    Known {
        id: "EVT-4163-MSDTC",
        meaning: "the log of MSDTC was not found",
        remedy: "make a new one (msdtc -resetlog) if it is still missing and no transaction is in doubt",
    },
    Known {
        id: "EVT-4454-MSDTC",
        meaning: "Sysprep failed to prepare MSDTC for imaging: it does not keep IIS from starting, and an image of that run may share its MSDTC identity with its copies",
        remedy: "make no copies of what that run left: look into setuperr.log of Sysprep, mend MSDTC, and seal again from the state before it; compare msdtc.cid of copies that exist",
    },
    Known {
        id: "EVT-6167-LSASRV",
        meaning: "a logon was refused because a machine with the same machine ID was met (updates of August 2025 and later): this machine or the other is a copy that was never generalized; it has nothing to do with IIS",
        remedy: "copies that share the ID have to be made anew from an image generalized with Sysprep; no repair of an image mends it",
    },
];

/// What the known event means and what to do about it.
pub(crate) fn known(signature: Option<&str>) -> Option<(&'static str, &'static str)> {
    let one = KNOWN.iter().find(|one| Some(one.id) == signature)?;
    Some((one.meaning, one.remedy))
}

/// Whether a known event of a neighbour says that it failed to run. The others tell of identities, names and sealing.
pub(crate) fn is_failure_to_run(event_id: u32) -> bool {
    !matches!(event_id, 4101 | 4440 | 4454)
}
