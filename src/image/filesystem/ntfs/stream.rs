//! A stream: the content of one attribute, put together from all its headers, read with holes, zeros and LZNT1 units.
//!
//! The parts of a stream lie in any order over the base and extension records of a file. They are sorted by their first
//! cluster, and a gap or an overlap is refused: a reader that takes the first header as the whole returns a shortened
//! hive without an error. Layout: `attrib.c` and `compress.c` of ntfs-3g.

use crate::error::{Error, ErrorKind, Result};
use crate::image::device::BlockDevice;
use crate::image::filesystem::ntfs::attribute::{
    Attribute, FLAG_COMPRESSION_MASK, FLAG_ENCRYPTED, Form,
};
use crate::image::filesystem::ntfs::boot_sector::Geometry;
use crate::image::filesystem::ntfs::lznt1;
use crate::image::filesystem::ntfs::runs::{self, DiskRange, Extent};

/// Largest compression unit that is read, in bytes; Windows writes 64 KiB.
const UNIT_BYTES_MAX: u64 = 1 << 20;
/// Most extents of one stream.
pub(crate) const EXTENTS_MAX: usize = 4_000_000;

/// The content of an attribute.
#[derive(Debug, Clone)]
pub struct Stream {
    place: String,
    size: u64,
    initialized: u64,
    cluster_bytes: u64,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    Resident {
        record: u64,
        value_offset: usize,
        value: Vec<u8>,
    },
    Extents(Vec<Extent>),
    Compressed {
        extents: Vec<Extent>,
        unit_clusters: u64,
    },
}

/// Where the bytes of a stream lie, for a patch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// Inside an MFT record, at an offset of the record without fix-ups: edit and encode the record.
    InRecord {
        /// Number of the MFT record.
        record: u64,
        /// Offset in the record.
        offset: usize,
    },
    /// On the volume, in the order of the stream.
    OnDisk(Vec<DiskRange>),
}

/// One header of a stream, with the number of its record.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// Number of the MFT record that holds the header.
    pub record: u64,
    /// The header.
    pub attribute: Attribute<'a>,
}

impl Stream {
    /// Puts a stream together from all its headers, in any order; `place` names it in errors.
    pub fn assemble(place: String, parts: &[Part<'_>], geometry: &Geometry) -> Result<Self> {
        let corrupt = |what: String| Error::corrupt(format!("{place}: {what}"));
        let mut mapped = Vec::new();
        for part in parts {
            check_flags(&place, part.attribute.flags)?;
            match part.attribute.form {
                Form::NonResident(header) => mapped.push((header, part.attribute.flags)),
                Form::Resident {
                    value_offset,
                    value,
                } if parts.len() == 1 => {
                    let size = len_u64(value.len());
                    return Ok(Self {
                        size,
                        initialized: size,
                        cluster_bytes: geometry.cluster_bytes,
                        content: Content::Resident {
                            record: part.record,
                            value_offset,
                            value: value.to_vec(),
                        },
                        place,
                    });
                }
                Form::Resident { .. } => {
                    return Err(corrupt(format!("resident and in {} parts", parts.len())));
                }
            }
        }
        mapped.sort_by_key(|(header, _)| header.lowest_vcn);
        let Some((first, flags)) = mapped.first().copied() else {
            return Err(corrupt("has no part".to_owned()));
        };
        let mut extents: Vec<Extent> = Vec::new();
        let mut vcn = 0_u64;
        for (header, _) in &mapped {
            if header.lowest_vcn != vcn {
                return Err(corrupt(format!(
                    "the next part should begin at cluster {vcn}, begins at {}",
                    header.lowest_vcn
                )));
            }
            let run = runs::decode(header.pairs, header.lowest_vcn, geometry.clusters)
                .map_err(&corrupt)?;
            let end = run.last().map_or(vcn, Extent::next_vcn);
            if end != header.next_vcn && !(run.is_empty() && header.size == 0) {
                return Err(corrupt(format!(
                    "data runs from cluster {vcn} should end at {}, end at {end}",
                    header.next_vcn
                )));
            }
            vcn = end;
            extents.extend(run);
            if extents.len() > EXTENTS_MAX {
                return Err(Error::new(
                    ErrorKind::LimitExceeded,
                    format!("{place}: more than {EXTENTS_MAX} extents"),
                ));
            }
        }
        let span = vcn.checked_mul(geometry.cluster_bytes);
        if span.is_none_or(|span| first.size > span) || first.initialized > first.size {
            return Err(corrupt(format!(
                "size of {} bytes, {} initialized, does not fit {vcn} clusters",
                first.size, first.initialized
            )));
        }
        let content = if flags & FLAG_COMPRESSION_MASK == 0 {
            Content::Extents(extents)
        } else {
            Content::Compressed {
                unit_clusters: unit_clusters(&place, first.compression_unit, geometry)?,
                extents,
            }
        };
        Ok(Self {
            size: first.size,
            initialized: first.initialized,
            cluster_bytes: geometry.cluster_bytes,
            content,
            place,
        })
    }

    /// Length in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The extents, if the stream is not resident.
    pub fn extents(&self) -> &[Extent] {
        match &self.content {
            Content::Resident { .. } => &[],
            Content::Extents(extents) | Content::Compressed { extents, .. } => extents,
        }
    }

    /// The value, if the stream is resident.
    pub fn resident(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Resident { value, .. } => Some(value),
            _ => None,
        }
    }

    /// The whole stream; larger than `bytes_max` is [`ErrorKind::LimitExceeded`].
    pub fn read_all(&self, device: &dyn BlockDevice, bytes_max: u64) -> Result<Vec<u8>> {
        if self.size > bytes_max {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!(
                    "{}: {} bytes, at most {bytes_max} are read",
                    self.place, self.size
                ),
            ));
        }
        let len = usize::try_from(self.size).unwrap_or(usize::MAX);
        self.read_vec(device, 0, len)
    }

    /// The `len` bytes at `offset`; the caller has compared `len` with a limit.
    pub fn read_vec(&self, device: &dyn BlockDevice, offset: u64, len: usize) -> Result<Vec<u8>> {
        let end = offset.checked_add(len_u64(len));
        if end.is_none_or(|end| end > self.size) {
            return Err(self.leaves(offset, len_u64(len)));
        }
        let mut bytes = vec![0; len];
        self.fill(device, offset, &mut bytes)?;
        Ok(bytes)
    }

    fn fill(&self, device: &dyn BlockDevice, offset: u64, buf: &mut [u8]) -> Result<()> {
        let written = usize::try_from(self.initialized.saturating_sub(offset))
            .unwrap_or(usize::MAX)
            .min(buf.len());
        let Some(buf) = buf.get_mut(..written).filter(|buf| !buf.is_empty()) else {
            return Ok(());
        };
        match &self.content {
            Content::Resident { value, .. } => {
                let source = usize::try_from(offset)
                    .ok()
                    .and_then(|start| value.get(start..)?.get(..buf.len()));
                match source {
                    Some(source) => buf.copy_from_slice(source),
                    None => return Err(self.leaves(offset, len_u64(buf.len()))),
                }
                Ok(())
            }
            Content::Extents(extents) => self.fill_mapped(device, extents, offset, buf),
            Content::Compressed {
                extents,
                unit_clusters,
            } => self.fill_compressed(device, extents, *unit_clusters, offset, buf),
        }
    }

    /// Fills `buf`, which is zero, from the clusters as they lie.
    fn fill_mapped(
        &self,
        device: &dyn BlockDevice,
        extents: &[Extent],
        offset: u64,
        buf: &mut [u8],
    ) -> Result<()> {
        let mut rest = buf;
        for range in self.pieces(extents, offset, len_u64(rest.len()))? {
            let len = usize::try_from(range.1).unwrap_or(usize::MAX);
            let Some((part, after)) = rest.split_at_mut_checked(len) else {
                return Err(self.leaves(offset, range.1));
            };
            if let Some(position) = range.0 {
                device
                    .read_exact_at(position, part)
                    .map_err(|error| error.at(&self.place))?;
            }
            rest = after;
        }
        Ok(())
    }

    /// The pieces of a byte range: position (`None` for a hole) and length; neighbours on disk are one piece.
    fn pieces(&self, extents: &[Extent], offset: u64, len: u64) -> Result<Vec<(Option<u64>, u64)>> {
        let mut pieces: Vec<(Option<u64>, u64)> = Vec::new();
        let mut at = offset;
        let mut left = len;
        let first = extents
            .partition_point(|extent| extent.vcn <= at / self.cluster_bytes)
            .saturating_sub(1);
        for extent in extents.get(first..).unwrap_or_default() {
            if left == 0 {
                break;
            }
            let start = extent.vcn.saturating_mul(self.cluster_bytes);
            let span = extent.clusters.saturating_mul(self.cluster_bytes);
            let Some(inside) = at.checked_sub(start).filter(|inside| *inside < span) else {
                break;
            };
            let part = span.saturating_sub(inside).min(left);
            let position = extent.lcn.map(|lcn| {
                lcn.saturating_mul(self.cluster_bytes)
                    .saturating_add(inside)
            });
            match pieces.last_mut() {
                Some((last, last_len)) if follows(*last, *last_len, position) => {
                    *last_len = last_len.saturating_add(part);
                }
                _ => pieces.push((position, part)),
            }
            at = at.saturating_add(part);
            left = left.saturating_sub(part);
        }
        if left > 0 {
            return Err(self.leaves(offset, len));
        }
        Ok(pieces)
    }

    /// Fills `buf` from compression units.
    fn fill_compressed(
        &self,
        device: &dyn BlockDevice,
        extents: &[Extent],
        unit_clusters: u64,
        offset: u64,
        buf: &mut [u8],
    ) -> Result<()> {
        let unit_bytes = unit_clusters.saturating_mul(self.cluster_bytes);
        let mut at = offset;
        let mut rest = buf;
        while !rest.is_empty() {
            let unit = at.checked_div(unit_bytes).unwrap_or(0);
            let inside = at.checked_rem(unit_bytes).unwrap_or(0);
            let content = self.read_unit(
                device,
                extents,
                unit.saturating_mul(unit_clusters),
                unit_clusters,
            )?;
            let source = usize::try_from(inside)
                .ok()
                .and_then(|start| content.get(start..))
                .unwrap_or_default();
            let len = source.len().min(rest.len());
            let (Some(source), Some((part, after))) =
                (source.get(..len), rest.split_at_mut_checked(len))
            else {
                return Err(self.leaves(offset, unit_bytes));
            };
            if len == 0 {
                return Err(self.leaves(at, 1));
            }
            part.copy_from_slice(source);
            rest = after;
            at = at.saturating_add(len_u64(len));
        }
        Ok(())
    }

    /// One unit: all its clusters there is plain data, none is zeros, the first ones is compressed data.
    fn read_unit(
        &self,
        device: &dyn BlockDevice,
        extents: &[Extent],
        vcn: u64,
        clusters: u64,
    ) -> Result<Vec<u8>> {
        let unit_bytes = clusters.saturating_mul(self.cluster_bytes);
        let end = extents.last().map_or(0, Extent::next_vcn);
        let mapped_clusters = clusters.min(end.saturating_sub(vcn));
        let mapped_bytes = mapped_clusters.saturating_mul(self.cluster_bytes);
        let pieces = self.pieces(
            extents,
            vcn.saturating_mul(self.cluster_bytes),
            mapped_bytes,
        )?;
        let stored: u64 = pieces
            .iter()
            .take_while(|(position, _)| position.is_some())
            .fold(0, |sum, (_, len)| sum.saturating_add(*len));
        let allocated: u64 = pieces
            .iter()
            .filter(|(position, _)| position.is_some())
            .fold(0, |sum, (_, len)| sum.saturating_add(*len));
        let to_len = |len: u64| usize::try_from(len).unwrap_or(usize::MAX);
        if allocated != stored {
            return Err(Error::corrupt(format!(
                "{}: compression unit at cluster {vcn} has a hole before its end",
                self.place
            )));
        }
        let mut input = vec![0; to_len(stored)];
        self.fill_mapped(
            device,
            extents,
            vcn.saturating_mul(self.cluster_bytes),
            &mut input,
        )?;
        if stored == 0 || stored == unit_bytes {
            input.resize(to_len(unit_bytes), 0);
            return Ok(input);
        }
        lznt1::decompress(&input, to_len(unit_bytes)).map_err(|what| {
            Error::corrupt(format!(
                "{}: compression unit at cluster {vcn}: {what}",
                self.place
            ))
        })
    }

    /// Where the `len` bytes at `offset` lie, for a patch of exactly these bytes.
    ///
    /// # Errors
    /// [`ErrorKind::PreconditionFailed`] if the range is compressed, in a hole or behind the initialized size.
    pub fn placement(&self, offset: u64, len: u64) -> Result<Placement> {
        let end = offset.checked_add(len).filter(|end| *end <= self.size);
        let Some(end) = end else {
            return Err(self.leaves(offset, len));
        };
        let refused = |why: &str| {
            Error::new(
                ErrorKind::PreconditionFailed,
                format!(
                    "{}: {len} bytes at 0x{offset:08x} have no place on disk, {why}",
                    self.place
                ),
            )
        };
        match &self.content {
            Content::Resident {
                record,
                value_offset,
                ..
            } => Ok(Placement::InRecord {
                record: *record,
                offset: usize::try_from(offset)
                    .ok()
                    .and_then(|offset| value_offset.checked_add(offset))
                    .ok_or_else(|| self.leaves(offset, len))?,
            }),
            Content::Compressed { .. } => Err(refused("the stream is compressed")),
            Content::Extents(_) if end > self.initialized => {
                Err(refused("they lie behind the initialized size"))
            }
            Content::Extents(extents) => {
                let mut ranges = Vec::new();
                for (position, len) in self.pieces(extents, offset, len)? {
                    let position = position.ok_or_else(|| refused("they touch a hole"))?;
                    ranges.push(DiskRange { position, len });
                }
                Ok(Placement::OnDisk(ranges))
            }
        }
    }

    fn leaves(&self, offset: u64, len: u64) -> Error {
        Error::new(
            ErrorKind::OutOfBounds,
            format!(
                "{}: {len} bytes at 0x{offset:08x} leave a stream of {} bytes",
                self.place, self.size
            ),
        )
    }
}

/// Whether a piece at `position` continues one of `len` bytes at `last`.
fn follows(last: Option<u64>, len: u64, position: Option<u64>) -> bool {
    match (last, position) {
        (Some(last), Some(position)) => last.checked_add(len) == Some(position),
        (None, None) => true,
        _ => false,
    }
}

fn check_flags(place: &str, flags: u16) -> Result<()> {
    if flags & FLAG_ENCRYPTED != 0 {
        return Err(Error::new(
            ErrorKind::Encrypted,
            format!("{place}: encrypted by EFS"),
        ));
    }
    match flags & FLAG_COMPRESSION_MASK {
        0 | 1 => Ok(()),
        method => Err(Error::unsupported(format!(
            "{place}: compression method should be 1 (LZNT1), is {method}"
        ))),
    }
}

fn unit_clusters(place: &str, exponent: u8, geometry: &Geometry) -> Result<u64> {
    let clusters = match exponent {
        1..=16 => 1_u64.checked_shl(u32::from(exponent)),
        _ => None,
    };
    clusters
        .filter(|clusters| clusters.saturating_mul(geometry.cluster_bytes) <= UNIT_BYTES_MAX)
        .ok_or_else(|| {
            Error::corrupt(format!(
                "{place}: compression unit should be of 16 clusters, is of 2^{exponent}"
            ))
        })
}

/// A length as a position.
pub fn len_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
