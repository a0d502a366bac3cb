//! Cluster chains: followed in the file allocation table, with their end, their length and their cycles checked.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::base::bytes;
use crate::error::{Error, Result};
use crate::image::device::{Device, check_range, read_vec};
use crate::image::filesystem::fat::geometry::Geometry;

/// How much of the table is read at once.
const WINDOW_LEN: u64 = 64 << 10;
/// Longest directory: 65,536 entries of 32 bytes.
const DIRECTORY_BYTES_MAX: u64 = 2 << 20;

/// Bytes of a file that lie together on the volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// Where they start.
    pub(super) start: u64,
    /// How many there are.
    pub(super) len_bytes: u64,
}

/// The file allocation table of a volume.
#[derive(Debug)]
pub(super) struct Chains {
    device: Device,
    geometry: Geometry,
    window: Mutex<Option<(u64, Vec<u8>)>>,
}

/// What the table says of a cluster.
enum Next {
    Cluster(u32),
    End,
}

impl Chains {
    pub(super) fn new(device: Device, geometry: Geometry) -> Self {
        Self {
            device,
            geometry,
            window: Mutex::new(None),
        }
    }

    /// Where the clusters of a directory start, in the order of its chain.
    ///
    /// # Errors
    /// A chain that leaves the volume, returns to itself, or is longer than a directory can be.
    pub(super) fn of_directory(&self, first: u32) -> Result<Vec<u64>> {
        let mut starts = Vec::new();
        let most = DIRECTORY_BYTES_MAX.div_ceil(self.geometry.cluster_bytes.max(1));
        let mut seen = BTreeSet::new();
        let mut cluster = first;
        loop {
            starts.push(self.check(cluster, first)?);
            if !seen.insert(cluster) {
                return Err(Error::corrupt(format!(
                    "cluster chain from {first} returns to cluster {cluster}"
                )));
            }
            if u64::try_from(seen.len()).unwrap_or(u64::MAX) > most {
                return Err(Error::corrupt(format!(
                    "cluster chain from {first}: a directory should have at most {most} clusters"
                )));
            }
            match self.next(cluster)? {
                Next::Cluster(next) => cluster = next,
                Next::End => return Ok(starts),
            }
        }
    }

    /// The runs of the first `len` bytes of a file of `size` bytes.
    ///
    /// # Errors
    /// A chain that leaves the volume, returns to itself, or ends before the bytes do.
    pub(super) fn of_file(&self, first: u32, size: u32, len: usize) -> Result<Vec<Run>> {
        let cluster_bytes = self.geometry.cluster_bytes.max(1);
        let all = u64::from(size).div_ceil(cluster_bytes);
        if all > u64::from(self.geometry.clusters) {
            return Err(Error::corrupt(format!(
                "a file of {size} bytes needs {all} clusters, the volume has {}",
                self.geometry.clusters
            )));
        }
        let needed = u64::try_from(len)
            .unwrap_or(u64::MAX)
            .div_ceil(cluster_bytes);
        let mut clusters = Vec::new();
        let mut runs: Vec<Run> = Vec::new();
        let mut cluster = first;
        for done in 0..needed {
            let start = self.check(cluster, first)?;
            clusters.push(cluster);
            match runs.last_mut() {
                Some(run) if run.start.checked_add(run.len_bytes) == Some(start) => {
                    run.len_bytes = run.len_bytes.saturating_add(cluster_bytes);
                }
                _ => runs.push(Run {
                    start,
                    len_bytes: cluster_bytes,
                }),
            }
            let is_last = done.saturating_add(1) == needed;
            match self.next(cluster)? {
                Next::Cluster(next) => cluster = next,
                Next::End if is_last => {}
                Next::End => {
                    return Err(Error::corrupt(format!(
                        "cluster chain from {first}: should have {needed} clusters, ends after {}",
                        clusters.len()
                    )));
                }
            }
        }
        clusters.sort_unstable();
        let next = clusters.iter().skip(1);
        if let Some((twice, _)) = clusters.iter().zip(next).find(|(a, b)| a == b) {
            return Err(Error::corrupt(format!(
                "cluster chain from {first} returns to cluster {twice}"
            )));
        }
        Ok(runs)
    }

    /// Where a cluster of the chain from `first` starts.
    fn check(&self, cluster: u32, first: u32) -> Result<u64> {
        self.geometry.cluster_start(cluster).ok_or_else(|| {
            Error::corrupt(format!(
                "cluster chain from {first}: clusters should be 2 to {}, found {cluster}",
                u64::from(self.geometry.clusters).saturating_add(1)
            ))
        })
    }

    /// The entry of a cluster that lies on the volume. A free or bad one is given as it is and fails the next check.
    fn next(&self, cluster: u32) -> Result<Next> {
        let index = u64::from(cluster);
        let (value, end) = match self.geometry.bits {
            12 => {
                let pair = self.entry_bytes(index.saturating_add(index / 2), 2)?;
                let pair = u32::from(bytes::u16_le(&pair, 0).unwrap_or(0));
                let value = if cluster.is_multiple_of(2) {
                    pair & 0xFFF
                } else {
                    pair >> 4
                };
                (value, 0xFF8)
            }
            16 => {
                let raw = self.entry_bytes(index.saturating_mul(2), 2)?;
                (u32::from(bytes::u16_le(&raw, 0).unwrap_or(0)), 0xFFF8)
            }
            _ => {
                let raw = self.entry_bytes(index.saturating_mul(4), 4)?;
                let value = bytes::u32_le(&raw, 0).unwrap_or(0) & 0x0FFF_FFFF;
                (value, 0x0FFF_FFF8)
            }
        };
        Ok(if value >= end {
            Next::End
        } else {
            Next::Cluster(value)
        })
    }

    /// `len` bytes of the table, through a window that follows the chain.
    fn entry_bytes(&self, offset: u64, len: usize) -> Result<Vec<u8>> {
        check_range(offset, len, self.geometry.table_len)
            .map_err(|error| error.at("file allocation table"))?;
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((start, raw)) = window.as_ref()
            && let Some(found) = offset
                .checked_sub(*start)
                .and_then(|at| usize::try_from(at).ok())
                .and_then(|at| bytes::slice(raw, at, len))
        {
            return Ok(found.to_vec());
        }
        let start = offset.saturating_sub(offset % 512);
        let left = self.geometry.table_len.saturating_sub(start);
        let want = usize::try_from(left.min(WINDOW_LEN)).unwrap_or(len);
        let raw = read_vec(
            self.device.as_ref(),
            self.geometry.table_start.saturating_add(start),
            want,
        )
        .map_err(|error| error.at("file allocation table"))?;
        let at = usize::try_from(offset.saturating_sub(start)).unwrap_or(usize::MAX);
        let found = bytes::slice(&raw, at, len).map(<[u8]>::to_vec);
        *window = Some((start, raw));
        found.ok_or_else(|| Error::corrupt("file allocation table: ends inside an entry"))
    }
}
