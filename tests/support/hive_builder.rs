//! A writer of small hives and logs, with knobs for every lie a hive can tell.
//!
//! Written from "Windows registry file format specification" and independent of the reader under test.
#![allow(dead_code, reason = "each test binary uses its part")]

/// The offset that means "none".
pub(crate) const NONE: u32 = u32::MAX;

/// A hive under construction: one large bin that cells are appended to.
pub(crate) struct HiveBuilder {
    bins: Vec<u8>,
    minor: u32,
}

/// The fields of a key node that tests vary.
pub(crate) struct Key<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) is_compressed: bool,
    pub(crate) subkey_count: u32,
    pub(crate) subkey_list: u32,
    pub(crate) value_count: u32,
    pub(crate) value_list: u32,
    pub(crate) class: Option<&'a str>,
}

impl Key<'_> {
    pub(crate) fn named(name: &[u8]) -> Key<'_> {
        Key {
            name,
            is_compressed: true,
            subkey_count: 0,
            subkey_list: NONE,
            value_count: 0,
            value_list: NONE,
            class: None,
        }
    }
}

/// The last-written time that every key carries.
pub(crate) const WRITTEN: u64 = 0x01C4_9A29_1237_1234;

impl HiveBuilder {
    pub(crate) fn new(minor: u32) -> Self {
        Self {
            bins: vec![0; 32],
            minor,
        }
    }

    /// An allocated cell with this content; its offset from the end of the base block.
    pub(crate) fn cell(&mut self, data: &[u8]) -> u32 {
        let offset = u32::try_from(self.bins.len()).unwrap();
        let size = (data.len() + 4).next_multiple_of(8);
        let field = -i32::try_from(size).unwrap();
        self.bins.extend_from_slice(&field.to_le_bytes());
        self.bins.extend_from_slice(data);
        self.bins.resize(offset as usize + size, 0);
        offset
    }

    pub(crate) fn value_record(
        &mut self,
        name: &[u8],
        is_compressed: bool,
        kind: u32,
        size: u32,
        data: u32,
    ) -> u32 {
        let mut record = b"vk".to_vec();
        record.extend_from_slice(&u16::try_from(name.len()).unwrap().to_le_bytes());
        record.extend_from_slice(&size.to_le_bytes());
        record.extend_from_slice(&data.to_le_bytes());
        record.extend_from_slice(&kind.to_le_bytes());
        record.extend_from_slice(&u16::from(is_compressed).to_le_bytes());
        record.extend_from_slice(&[0, 0]);
        record.extend_from_slice(name);
        self.cell(&record)
    }

    /// A value with its data in one cell.
    pub(crate) fn value(&mut self, name: &[u8], kind: u32, data: &[u8]) -> u32 {
        let cell = self.cell(data);
        self.value_record(name, true, kind, u32::try_from(data.len()).unwrap(), cell)
    }

    /// A value with its data in the segments of a `db` record.
    pub(crate) fn big_value(&mut self, name: &[u8], kind: u32, data: &[u8]) -> u32 {
        let segments: Vec<u32> = data.chunks(16_344).map(|part| self.cell(part)).collect();
        let list = self.offsets(&segments);
        let mut record = b"db".to_vec();
        record.extend_from_slice(&u16::try_from(segments.len()).unwrap().to_le_bytes());
        record.extend_from_slice(&list.to_le_bytes());
        let cell = self.cell(&record);
        self.value_record(name, true, kind, u32::try_from(data.len()).unwrap(), cell)
    }

    /// A list of bare offsets: values of a key, segments of big data.
    pub(crate) fn offsets(&mut self, offsets: &[u32]) -> u32 {
        let bytes: Vec<u8> = offsets.iter().flat_map(|o| o.to_le_bytes()).collect();
        self.cell(&bytes)
    }

    /// A list `lf`, `lh`, `li` or `ri` of these offsets.
    pub(crate) fn list(&mut self, signature: [u8; 2], offsets: &[u32]) -> u32 {
        let mut bytes = signature.to_vec();
        bytes.extend_from_slice(&u16::try_from(offsets.len()).unwrap().to_le_bytes());
        for offset in offsets {
            bytes.extend_from_slice(&offset.to_le_bytes());
            if matches!(&signature, b"lf" | b"lh") {
                bytes.extend_from_slice(&[0; 4]);
            }
        }
        self.cell(&bytes)
    }

    pub(crate) fn key(&mut self, key: &Key<'_>) -> u32 {
        let class: Vec<u8> = key
            .class
            .unwrap_or_default()
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let class_cell = if key.class.is_some() {
            self.cell(&class)
        } else {
            NONE
        };
        let mut record = vec![0; 76];
        record[..2].copy_from_slice(b"nk");
        record[2..4].copy_from_slice(&if key.is_compressed { 0x20_u16 } else { 0 }.to_le_bytes());
        record[4..12].copy_from_slice(&WRITTEN.to_le_bytes());
        for (offset, value) in [
            (20, key.subkey_count),
            (28, key.subkey_list),
            (32, NONE),
            (36, key.value_count),
            (40, key.value_list),
            (44, NONE),
            (48, class_cell),
        ] {
            record[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
        }
        record[72..74].copy_from_slice(&u16::try_from(key.name.len()).unwrap().to_le_bytes());
        record[74..76].copy_from_slice(&u16::try_from(class.len()).unwrap().to_le_bytes());
        record.extend_from_slice(key.name);
        self.cell(&record)
    }

    /// A key with these subkeys in one list `lh` and these values.
    pub(crate) fn folder(&mut self, name: &[u8], subkeys: &[u32], values: &[u32]) -> u32 {
        let subkey_list = if subkeys.is_empty() {
            NONE
        } else {
            self.list(*b"lh", subkeys)
        };
        let value_list = if values.is_empty() {
            NONE
        } else {
            self.offsets(values)
        };
        self.key(&Key {
            subkey_count: u32::try_from(subkeys.len()).unwrap(),
            subkey_list,
            value_count: u32::try_from(values.len()).unwrap(),
            value_list,
            ..Key::named(name)
        })
    }

    /// The hive, clean, with `root` as its root key.
    pub(crate) fn finish(mut self, root: u32) -> Vec<u8> {
        let used = self.bins.len();
        let size = (used + 8).next_multiple_of(4096);
        self.bins.resize(size, 0);
        let free = u32::try_from(size - used).unwrap();
        self.bins[used..used + 4].copy_from_slice(&free.to_le_bytes());
        self.bins[..4].copy_from_slice(b"hbin");
        let bins_bytes = u32::try_from(size).unwrap();
        self.bins[8..12].copy_from_slice(&bins_bytes.to_le_bytes());
        let mut hive = base_block(self.minor, root, bins_bytes);
        hive.extend_from_slice(&self.bins);
        hive
    }
}

/// The base block of a clean hive.
pub(crate) fn base_block(minor: u32, root: u32, bins_bytes: u32) -> Vec<u8> {
    let mut block = vec![0; 4096];
    block[..4].copy_from_slice(b"regf");
    for (offset, value) in [
        (4, 1_u32),
        (8, 1),
        (20, 1),
        (24, minor),
        (32, 1),
        (36, root),
        (40, bins_bytes),
        (44, 1),
    ] {
        put(&mut block, offset, value);
    }
    fix_checksum(&mut block);
    block
}

/// Sets both sequence numbers and the checksum.
pub(crate) fn set_sequences(file: &mut [u8], primary: u32, secondary: u32) {
    put(file, 4, primary);
    put(file, 8, secondary);
    fix_checksum(file);
}

pub(crate) fn fix_checksum(file: &mut [u8]) {
    let sum = file[..508].chunks_exact(4).fold(0, |sum, word| {
        sum ^ u32::from_le_bytes(word.try_into().unwrap())
    });
    let sum = match sum {
        0 => 1,
        u32::MAX => u32::MAX - 1,
        sum => sum,
    };
    put(file, 508, sum);
}

pub(crate) fn put(file: &mut [u8], offset: usize, value: u32) {
    file[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
}

/// A page of a log: offset from the start of the hive bins, content.
pub(crate) type Page<'a> = (u32, &'a [u8]);

/// A log of the new format beside `hive`, its entries numbered from `first`.
pub(crate) fn new_log(hive: &[u8], first: u32, entries: &[&[Page<'_>]]) -> Vec<u8> {
    let mut log = hive[..512].to_vec();
    put(&mut log, 28, 6);
    set_sequences(&mut log, first, first);
    let bins_bytes = u32::from_le_bytes(hive[40..44].try_into().unwrap());
    for (sequence, pages) in (first..).zip(entries) {
        log.extend_from_slice(&log_entry(sequence, bins_bytes, pages));
    }
    log
}

/// One entry of a log of the new format.
pub(crate) fn log_entry(sequence: u32, bins_bytes: u32, pages: &[Page<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for (offset, page) in pages {
        body.extend_from_slice(&offset.to_le_bytes());
        body.extend_from_slice(&u32::try_from(page.len()).unwrap().to_le_bytes());
    }
    for (_, page) in pages {
        body.extend_from_slice(page);
    }
    let len = (40 + body.len()).next_multiple_of(512);
    body.resize(len - 40, 0);
    let mut entry = b"HvLE".to_vec();
    for value in [
        u32::try_from(len).unwrap(),
        0,
        sequence,
        bins_bytes,
        u32::try_from(pages.len()).unwrap(),
    ] {
        entry.extend_from_slice(&value.to_le_bytes());
    }
    entry.extend_from_slice(&marvin32(&body).to_le_bytes());
    let header_hash = marvin32(&entry);
    entry.extend_from_slice(&header_hash.to_le_bytes());
    entry.extend_from_slice(&body);
    entry
}

/// Makes the hashes of all entries of a log right.
pub(crate) fn fix_hashes(log: &mut [u8]) {
    let mut position = 512;
    while log.get(position..position + 4) == Some(b"HvLE") && position + 40 <= log.len() {
        let len = u32::from_le_bytes(log[position + 4..position + 8].try_into().unwrap()) as usize;
        if len < 40 || position + len > log.len() {
            return;
        }
        let body = marvin32(&log[position + 40..position + len]).to_le_bytes();
        log[position + 24..position + 32].copy_from_slice(&body);
        let header = marvin32(&log[position..position + 32]).to_le_bytes();
        log[position + 32..position + 40].copy_from_slice(&header);
        position += len;
    }
}

/// Marvin32 with the seed of the registry, written out from its description.
fn marvin32(data: &[u8]) -> u64 {
    let (mut lo, mut hi) = (0x7A4E_55C5_u32, 0x82EF_4D88_u32);
    let mut padded = data.to_vec();
    padded.push(0x80);
    padded.resize((data.len() / 4 + 2) * 4, 0);
    for word in padded.chunks_exact(4) {
        lo = lo.wrapping_add(u32::from_le_bytes(word.try_into().unwrap()));
        hi ^= lo;
        lo = lo.rotate_left(20).wrapping_add(hi);
        hi = hi.rotate_left(9) ^ lo;
        lo = lo.rotate_left(27).wrapping_add(hi);
        hi = hi.rotate_left(19);
    }
    u64::from(hi) << 32 | u64::from(lo)
}

/// A log of the old format beside `hive` with these 512-byte pages by their index.
pub(crate) fn old_log(hive: &[u8], sequence: u32, pages: &[(usize, &[u8])]) -> Vec<u8> {
    let mut log = hive[..512].to_vec();
    put(&mut log, 28, 1);
    set_sequences(&mut log, sequence, sequence);
    let bins_bytes = u32::from_le_bytes(hive[40..44].try_into().unwrap()) as usize;
    let mut bitmap = vec![0_u8; bins_bytes / 4096];
    for (index, _) in pages {
        bitmap[index / 8] |= 1 << (index % 8);
    }
    log.extend_from_slice(b"DIRT");
    log.extend_from_slice(&bitmap);
    log.resize(log.len().next_multiple_of(512), 0);
    for (_, page) in pages {
        assert_eq!(page.len(), 512);
        log.extend_from_slice(page);
    }
    log
}
