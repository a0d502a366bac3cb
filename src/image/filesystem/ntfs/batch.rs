//! Metadata of all files of a directory: the MFT records are read in the order in which they lie, many at a time.
//!
//! A directory of 100,000 files names its records in the order of names; one read each would be 100,000 reads all over the
//! MFT. Sorted, they are a few hundred.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::image::filesystem::Metadata;
use crate::image::filesystem::ntfs::description::{self, Described};
use crate::image::filesystem::ntfs::directory::Link;
use crate::image::filesystem::ntfs::file::NtfsFile;
use crate::image::filesystem::ntfs::mft::Mft;
use crate::image::filesystem::ntfs::record::MftRecord;
use crate::image::filesystem::ntfs::stream::len_u64;

/// Most bytes of the MFT that are read at once.
const BATCH_BYTES_MAX: u64 = 256 << 10;
/// Most records between two wanted ones that are read along.
const GAP_RECORDS_MAX: u64 = 4;

/// Describes the files of `links`, in their order.
pub(crate) fn describe_all(mft: &Mft, links: &[Link]) -> Vec<(String, Result<Metadata>)> {
    let mut order: Vec<(u64, usize)> = links
        .iter()
        .enumerate()
        .map(|(place, link)| (link.file.record(), place))
        .collect();
    order.sort_unstable();
    let mut results: Vec<Option<Result<Metadata>>> = Vec::new();
    results.resize_with(links.len(), || None);
    let mut rest = order.as_slice();
    while let Some((group, after)) = next_group(mft, rest) {
        describe_group(mft, links, group, &mut results);
        rest = after;
    }
    links
        .iter()
        .zip(results)
        .map(|(link, result)| {
            let result = result.unwrap_or_else(|| Err(Error::corrupt("was not read")));
            (link.text(), result)
        })
        .collect()
}

/// Splits off the records that are read together.
type Group<'a> = (&'a [(u64, usize)], &'a [(u64, usize)]);

fn next_group<'a>(mft: &Mft, rest: &'a [(u64, usize)]) -> Option<Group<'a>> {
    let (first, _) = rest.first()?;
    let record_bytes = len_u64(mft.geometry().record_bytes);
    let mut last = *first;
    let mut len = 0_usize;
    for (number, _) in rest {
        let span = number.saturating_sub(*first).saturating_add(1);
        let too_long = span.saturating_mul(record_bytes) > BATCH_BYTES_MAX;
        if too_long || number.saturating_sub(last) > GAP_RECORDS_MAX.saturating_add(1) {
            break;
        }
        last = *number;
        len = len.saturating_add(1);
    }
    rest.split_at_checked(len.max(1))
}

fn describe_group(
    mft: &Mft,
    links: &[Link],
    group: &[(u64, usize)],
    results: &mut [Option<Result<Metadata>>],
) {
    let (Some((first, _)), Some((last, _))) = (group.first(), group.last()) else {
        return;
    };
    let content = read_records(mft, *first, *last);
    // The links to one file follow each other.
    let mut latest: Option<Described> = None;
    for (number, place) in group {
        let (Some(link), Some(result)) = (links.get(*place), results.get_mut(*place)) else {
            continue;
        };
        let again = latest
            .take()
            .filter(|described| described.file().reference() == link.file);
        let described = if let Some(described) = again {
            Ok(described)
        } else {
            let record = match &content {
                Some(content) => decode_one(mft, content, *first, *number),
                None => mft.record(*number),
            };
            record.and_then(|record| open(mft, record, link))
        };
        *result = Some(
            described
                .and_then(|described| {
                    let metadata = description::describe(mft, &described, Some(link));
                    latest = Some(described);
                    metadata
                })
                .map_err(|error| error.at(format_args!("index entry {}", link.text()))),
        );
    }
}

/// The bytes of the records from `first` to `last`; `None` if they can't be read at once.
fn read_records(mft: &Mft, first: u64, last: u64) -> Option<Vec<u8>> {
    let record_bytes = len_u64(mft.geometry().record_bytes);
    let offset = first.checked_mul(record_bytes)?;
    let len = last
        .checked_sub(first)?
        .checked_add(1)?
        .checked_mul(record_bytes)?;
    if len > BATCH_BYTES_MAX || first == last {
        return None;
    }
    let len = usize::try_from(len).ok()?;
    mft.stream()
        .read_vec(mft.device().as_ref(), offset, len)
        .ok()
}

fn decode_one(mft: &Mft, content: &[u8], first: u64, number: u64) -> Result<Arc<MftRecord>> {
    let len = mft.geometry().record_bytes;
    let raw = usize::try_from(number.saturating_sub(first))
        .ok()
        .and_then(|index| index.checked_mul(len))
        .and_then(|start| content.get(start..start.checked_add(len)?));
    match raw {
        Some(raw) => {
            let ranges = mft.record_ranges(number)?;
            MftRecord::decode(number, raw.to_vec(), ranges).map(Arc::new)
        }
        None => mft.record(number),
    }
}

fn open(mft: &Mft, record: Arc<MftRecord>, link: &Link) -> Result<Described> {
    record.check_reference(link.file)?;
    Described::new(mft, NtfsFile::from_record(mft, record)?)
}
