//! Small registry hives for tests, written from the regf format specification (msuhanov/regf) and not by the reader.

use std::collections::BTreeMap;

use crate::base::utf16;

/// A key of a hive that is being built.
#[derive(Debug, Default)]
struct Node {
    name: String,
    subkeys: BTreeMap<String, Node>,
    values: Vec<(String, u32, Vec<u8>)>,
}

/// A hive that is being built.
#[derive(Debug, Default)]
pub(crate) struct TestHive {
    root: Node,
}

impl TestHive {
    /// A hive with a root key only.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a key.
    pub(crate) fn key(mut self, path: &str) -> Self {
        self.node(path);
        self
    }

    /// Adds a value.
    pub(crate) fn value(mut self, path: &str, name: &str, kind: u32, data: &[u8]) -> Self {
        let values = &mut self.node(path).values;
        values.push((name.to_owned(), kind, data.to_vec()));
        self
    }

    /// Adds a REG_SZ.
    pub(crate) fn text(self, path: &str, name: &str, text: &str) -> Self {
        let mut data = utf16::encode_le(text);
        data.extend([0, 0]);
        self.value(path, name, 1, &data)
    }

    /// Adds a REG_DWORD.
    pub(crate) fn number(self, path: &str, name: &str, number: u32) -> Self {
        self.value(path, name, 4, &number.to_le_bytes())
    }

    fn node(&mut self, path: &str) -> &mut Node {
        let mut node = &mut self.root;
        for name in path.split('\\').filter(|name| !name.is_empty()) {
            node = node.subkeys.entry(name.to_uppercase()).or_default();
            name.clone_into(&mut node.name);
        }
        node
    }

    /// The bytes of the hive.
    pub(crate) fn bytes(mut self) -> Vec<u8> {
        "root".clone_into(&mut self.root.name);
        let mut bin = vec![0; 32];
        let root = write(&mut bin, &self.root, 0, 0x2c);
        let size = bin.len().next_multiple_of(4096);
        let free = size - bin.len();
        if free > 0 {
            bin.extend(i32::try_from(free).unwrap().to_le_bytes());
        }
        bin.resize(size, 0);
        bin[..4].copy_from_slice(b"hbin");
        bin[8..12].copy_from_slice(&u32::try_from(size).unwrap().to_le_bytes());
        let mut base = vec![0; 4096];
        base[..4].copy_from_slice(b"regf");
        for (offset, word) in [
            (4, 1),
            (8, 1),
            (20, 1),
            (24, 3),
            (32, 1),
            (36, root),
            (40, u32::try_from(size).unwrap()),
            (44, 1),
        ] {
            base[offset..offset + 4].copy_from_slice(&word.to_le_bytes());
        }
        let checksum = base[..508].chunks_exact(4).fold(0, |sum, word| {
            sum ^ u32::from_le_bytes(word.try_into().unwrap())
        });
        base[508..512].copy_from_slice(&checksum.to_le_bytes());
        base.extend(bin);
        base
    }
}

/// Appends a cell and answers with its offset.
fn cell(bin: &mut Vec<u8>, data: &[u8]) -> u32 {
    let offset = u32::try_from(bin.len()).unwrap();
    let size = (data.len() + 4).next_multiple_of(8);
    bin.extend((-i32::try_from(size).unwrap()).to_le_bytes());
    bin.extend(data);
    bin.resize(offset as usize + size, 0);
    offset
}

/// Appends a key with all that is below it; the key comes after its children.
fn write(bin: &mut Vec<u8>, node: &Node, parent: u32, flags: u16) -> u32 {
    let values: Vec<u32> = node
        .values
        .iter()
        .map(|(name, kind, data)| {
            let (size, place) = if data.len() <= 4 {
                let mut inline = [0; 4];
                inline[..data.len()].copy_from_slice(data);
                (0x8000_0000, u32::from_le_bytes(inline))
            } else {
                (0, cell(bin, data))
            };
            let mut vk = b"vk".to_vec();
            vk.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
            vk.extend((u32::try_from(data.len()).unwrap() | size).to_le_bytes());
            vk.extend(place.to_le_bytes());
            vk.extend(kind.to_le_bytes());
            vk.extend([1, 0, 0, 0]);
            vk.extend(name.bytes());
            cell(bin, &vk)
        })
        .collect();
    let value_list = list_cell(bin, &values, &[]);
    let subkeys: Vec<u32> = node
        .subkeys
        .values()
        .map(|subkey| write(bin, subkey, 0, 0x20))
        .collect();
    let mut index = b"li".to_vec();
    index.extend(u16::try_from(subkeys.len()).unwrap().to_le_bytes());
    let subkey_list = list_cell(bin, &subkeys, &index);
    let mut nk = b"nk".to_vec();
    nk.extend(flags.to_le_bytes());
    nk.extend(0x01c4_9a29_1237_1234_u64.to_le_bytes());
    for word in [
        0,
        parent,
        u32::try_from(subkeys.len()).unwrap(),
        0,
        subkey_list,
        u32::MAX,
        u32::try_from(values.len()).unwrap(),
        value_list,
        u32::MAX,
        u32::MAX,
        0,
        0,
        0,
        0,
        0,
        u32::try_from(node.name.len()).unwrap(),
    ] {
        nk.extend(word.to_le_bytes());
    }
    nk.extend(node.name.bytes());
    cell(bin, &nk)
}

fn list_cell(bin: &mut Vec<u8>, offsets: &[u32], head: &[u8]) -> u32 {
    if offsets.is_empty() {
        return u32::MAX;
    }
    let mut list = head.to_vec();
    list.extend(offsets.iter().flat_map(|offset| offset.to_le_bytes()));
    cell(bin, &list)
}
