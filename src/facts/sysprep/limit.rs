//! How often this Windows may be generalized: sysprep.generalize_limit.
//!
//! KB929828 and "Sysprep (Generalize) a Windows installation": 3 times on Vista to 7 and 2008 to 2008 R2, 1001 times
//! from 8.1 and 2012 R2 on; the 8 of Windows 8 and 2012 is graded as memory. How many runs are left is inside the licence
//! store and is not read.

use crate::evidence::{Fact, Unknown, Version};
use crate::facts::Facts;
use crate::facts::read::windows_version;

/// The first version of each row, and its limit.
const LIMITS: [(&[u64], i64); 3] = [(&[6, 3], 1001), (&[6, 2], 8), (&[6, 0], 3)];

/// Collects sysprep.generalize_limit.
pub(crate) fn collect(facts: &mut Facts) {
    let limit = limit(facts);
    facts.put("sysprep.generalize_limit", limit);
}

fn limit(facts: &Facts) -> Result<Fact, Unknown> {
    let (version, evidence) = windows_version(facts)?;
    let row = LIMITS
        .iter()
        .find(|(first, _)| version >= Version::from_parts(first));
    Ok(match row {
        Some((_, limit)) => Fact::found(*limit, evidence),
        None => Fact::Absent(evidence),
    })
}
