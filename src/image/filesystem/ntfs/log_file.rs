//! `$LogFile`: whether the volume was shut down cleanly, from its two restart pages.
//!
//! The log is not replayed; a volume whose log is not clean may hold metadata that Windows would still change. Rules and
//! layout: `logfile.c` of ntfs-3g, `ntfs_is_logfile_clean`.

use crate::base::bytes;
use crate::image::filesystem::ntfs::block;

/// Bytes of the head of the log that hold both restart pages.
pub const HEAD_BYTES: usize = 8192;
/// Restart area: no client.
const NO_CLIENT: u16 = 0xffff;
/// Restart area flag: the volume is clean.
const FLAG_VOLUME_CLEAN: u16 = 2;

/// What the restart pages say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogState {
    /// Nothing is left to be done.
    Clean,
    /// A client is still in the log: changes may be pending.
    InUse,
    /// Version 2.0: fast start of Windows 8 and later keeps metadata in its hibernated session.
    FastStart,
    /// No restart page can be read.
    Damaged,
}

/// Judges the first 8,192 bytes of the log.
pub fn judge(head: &[u8]) -> LogState {
    if !head.is_empty() && head.iter().all(|byte| *byte == 0xff) {
        return LogState::Clean;
    }
    let page_bytes = system_page_bytes(head);
    let pages = [restart_page(head, 0), restart_page(head, page_bytes)];
    let newest = pages
        .into_iter()
        .flatten()
        .max_by_key(|page| page.current_lsn);
    let Some(page) = newest else {
        return LogState::Damaged;
    };
    if page.major >= 2 {
        return LogState::FastStart;
    }
    if page.client_in_use == NO_CLIENT || page.flags & FLAG_VOLUME_CLEAN != 0 {
        return LogState::Clean;
    }
    LogState::InUse
}

struct RestartPage {
    major: u16,
    current_lsn: u64,
    client_in_use: u16,
    flags: u16,
}

/// The page size that the first page gives, or the usual one.
fn system_page_bytes(head: &[u8]) -> usize {
    bytes::u32_le(head, 0x10)
        .and_then(|len| usize::try_from(len).ok())
        .filter(|len| matches!(len, 512 | 1024 | 2048 | 4096))
        .unwrap_or(4096)
}

fn restart_page(head: &[u8], offset: usize) -> Option<RestartPage> {
    let signature = bytes::array::<4>(head, offset)?;
    if &signature != b"RSTR" && &signature != b"CHKD" {
        return None;
    }
    let at = |field: usize| offset.checked_add(field);
    let len = usize::try_from(bytes::u32_le(head, at(0x10)?)?).ok()?;
    let mut page = bytes::slice(head, offset, len)?.to_vec();
    // A page that chkdsk wrote need not carry fix-ups.
    if &signature == b"RSTR" {
        block::undo_fixups(&mut page, b"RSTR").ok()?;
    }
    let area = usize::from(bytes::u16_le(&page, 0x18)?);
    let field = |offset: usize| area.checked_add(offset);
    Some(RestartPage {
        major: bytes::u16_le(&page, 0x1c)?,
        current_lsn: bytes::u64_le(&page, area)?,
        client_in_use: bytes::u16_le(&page, field(0x0c)?)?,
        flags: bytes::u16_le(&page, field(0x0e)?)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(lsn: u8, client: u16, flags: u16, major: u16) -> Vec<u8> {
        let mut page = vec![0_u8; 4096];
        page[..4].copy_from_slice(b"RSTR");
        page[4..8].copy_from_slice(&[0x1e, 0, 9, 0]);
        page[0x10..0x14].copy_from_slice(&4096_u32.to_le_bytes());
        page[0x18] = 0x30;
        page[0x1c..0x1e].copy_from_slice(&major.to_le_bytes());
        page[0x30] = lsn;
        page[0x3c..0x3e].copy_from_slice(&client.to_le_bytes());
        page[0x3e..0x40].copy_from_slice(&flags.to_le_bytes());
        page
    }

    fn check(first: Vec<u8>, second: Vec<u8>, expected: LogState) {
        assert_eq!(judge(&[first, second].concat()), expected);
    }

    #[test]
    fn the_newer_page_counts() {
        check(page(1, 0, 0, 1), page(2, 0xffff, 0, 1), LogState::Clean);
        check(page(3, 0, 0, 1), page(2, 0xffff, 0, 1), LogState::InUse);
        check(page(3, 0, 2, 1), vec![0; 4096], LogState::Clean);
    }

    #[test]
    fn version_two_is_fast_start() {
        check(
            page(3, 0xffff, 2, 2),
            page(2, 0xffff, 2, 2),
            LogState::FastStart,
        );
    }

    #[test]
    fn an_emptied_log_is_clean_and_zeros_are_not() {
        check(vec![0xff; 4096], vec![0xff; 4096], LogState::Clean);
        check(vec![0; 4096], vec![0; 4096], LogState::Damaged);
    }
}
