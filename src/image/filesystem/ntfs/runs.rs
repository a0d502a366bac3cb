//! Data runs: the mapping pairs of a non-resident attribute, decoded to extents, and extents turned to disk ranges.
//!
//! A run without an offset is a hole; an offset of zero length is not the same as an offset of value zero ($Boot begins at
//! cluster 0). Layout: `runlist.c` of ntfs-3g, `ntfs_mapping_pairs_decompress`.

use crate::base::bytes;

/// A contiguous part of the volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskRange {
    /// Start, in bytes from the start of the volume.
    pub position: u64,
    /// Length in bytes.
    pub len: u64,
}

/// A run of clusters of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// First cluster within the stream.
    pub vcn: u64,
    /// First cluster on the volume; `None` for a hole.
    pub lcn: Option<u64>,
    /// Number of clusters, never 0.
    pub clusters: u64,
}

impl Extent {
    /// The cluster of the stream after the last one of this extent.
    pub fn next_vcn(&self) -> u64 {
        self.vcn.saturating_add(self.clusters)
    }
}

/// Decodes mapping pairs that begin at `lowest_vcn` on a volume of `volume_clusters`; the error says what is wrong.
pub fn decode(
    pairs: &[u8],
    lowest_vcn: u64,
    volume_clusters: u64,
) -> std::result::Result<Vec<Extent>, String> {
    let mut extents = Vec::new();
    let mut offset = 0_usize;
    let mut vcn = lowest_vcn;
    let mut lcn = 0_i64;
    loop {
        let cut = || format!("data run at 0x{offset:04x} is cut short");
        let head = bytes::u8(pairs, offset).ok_or_else(cut)?;
        if head == 0 {
            return Ok(extents);
        }
        let (len_bytes, lcn_bytes) = (usize::from(head & 0x0f), usize::from(head >> 4));
        let (len_at, lcn_at) = (
            offset.saturating_add(1),
            offset.saturating_add(1).saturating_add(len_bytes),
        );
        if len_bytes > 8 || lcn_bytes > 8 {
            return Err(format!(
                "data run at 0x{offset:04x} has a head of 0x{head:02x}"
            ));
        }
        let clusters = signed(bytes::slice(pairs, len_at, len_bytes).ok_or_else(cut)?);
        let delta = bytes::slice(pairs, lcn_at, lcn_bytes).ok_or_else(cut)?;
        let clusters = u64::try_from(clusters)
            .ok()
            .filter(|clusters| *clusters > 0)
            .ok_or_else(|| format!("data run at 0x{offset:04x} has {clusters} clusters"))?;
        let start = if delta.is_empty() {
            None
        } else {
            let place = lcn.checked_add(signed(delta)).and_then(|place| {
                lcn = place;
                u64::try_from(place).ok()
            });
            let place = place
                .filter(|start| start.checked_add(clusters).is_some_and(|end| end <= volume_clusters))
                .ok_or_else(|| {
                    format!(
                        "data run at 0x{offset:04x}: {clusters} clusters from {lcn} leave a volume of {volume_clusters} clusters"
                    )
                })?;
            Some(place)
        };
        extents.push(Extent {
            vcn,
            lcn: start,
            clusters,
        });
        vcn = vcn
            .checked_add(clusters)
            .filter(|vcn| *vcn <= u64::MAX >> 12)
            .ok_or_else(|| format!("data run at 0x{offset:04x} leaves the range of a stream"))?;
        offset = lcn_at.saturating_add(lcn_bytes);
    }
}

/// A little-endian integer of at most eight bytes with its sign.
fn signed(bytes: &[u8]) -> i64 {
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut all = [if negative { 0xff } else { 0 }; 8];
    for (target, source) in all.iter_mut().zip(bytes) {
        *target = *source;
    }
    i64::from_le_bytes(all)
}

/// The extent that holds cluster `vcn`, by binary search.
pub fn find(extents: &[Extent], vcn: u64) -> Option<&Extent> {
    let after = extents.partition_point(|extent| extent.vcn <= vcn);
    let extent = extents.get(after.checked_sub(1)?)?;
    (vcn < extent.next_vcn()).then_some(extent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(vcn: u64, lcn: Option<u64>, clusters: u64) -> Extent {
        Extent { vcn, lcn, clusters }
    }

    #[test]
    fn runs_forward_backward_and_holes_are_decoded() {
        let pairs = [
            0x21, 0x18, 0x34, 0x56, 0x11, 0x02, 0xfe, 0x01, 0x10, 0x11, 0x01, 0x01, 0,
        ];
        assert_eq!(
            decode(&pairs, 5, 1 << 20).unwrap(),
            [
                extent(5, Some(0x5634), 0x18),
                extent(29, Some(0x5632), 2),
                extent(31, None, 16),
                extent(47, Some(0x5633), 1),
            ]
        );
    }

    #[test]
    fn a_run_at_cluster_zero_is_no_hole() {
        assert_eq!(
            decode(&[0x11, 2, 0, 0], 0, 10).unwrap(),
            [extent(0, Some(0), 2)]
        );
    }

    #[test]
    fn runs_that_leave_the_volume_or_are_cut_are_refused() {
        let cases: [&[u8]; 7] = [
            &[0x11, 2, 9, 0],
            &[0x11, 2, 0xff, 0],
            &[0x11, 0, 1, 0],
            &[0x11, 0xff, 1, 0],
            &[0x11, 2],
            &[0x19, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0],
            &[0x11, 1, 1],
        ];
        for pairs in cases {
            assert!(decode(pairs, 0, 10).is_err(), "{pairs:02x?}");
        }
    }

    #[test]
    fn an_extent_is_found_by_any_of_its_clusters() {
        let list = [extent(0, Some(9), 4), extent(4, None, 2)];
        assert_eq!(find(&list, 3), list.first());
        assert_eq!(find(&list, 4), list.last());
        assert_eq!(find(&list, 6), None);
    }
}
