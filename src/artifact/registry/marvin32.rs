//! Marvin32, the hash that guards the entries of a transaction log since Windows 8.1.
//!
//! Specification: US patent 8,555,036 and "Windows registry file format specification", section "Log entries".

use crate::base::bytes;

/// The seed of the registry.
pub(crate) const REGISTRY_SEED: u64 = 0x82EF_4D88_7A4E_55C5;

/// The 64-bit hash of `data`.
pub(crate) fn hash(seed: u64, data: &[u8]) -> u64 {
    let seed = seed.to_le_bytes();
    let half = |offset| bytes::u32_le(&seed, offset).unwrap_or(0);
    let mut state = State {
        low: half(0),
        high: half(4),
    };
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        state.add(bytes::u32_le(word, 0).unwrap_or(0));
    }
    let mut last = [0_u8; 4];
    let rest = words.remainder().iter().chain(&[0x80]);
    for (place, byte) in last.iter_mut().zip(rest) {
        *place = *byte;
    }
    state.add(u32::from_le_bytes(last));
    state.add(0);
    (u64::from(state.high) << 32) | u64::from(state.low)
}

struct State {
    low: u32,
    high: u32,
}

impl State {
    #[inline]
    fn add(&mut self, word: u32) {
        let (mut low, mut high) = (self.low.wrapping_add(word), self.high);
        high ^= low;
        low = low.rotate_left(20).wrapping_add(high);
        high = high.rotate_left(9) ^ low;
        low = low.rotate_left(27).wrapping_add(high);
        high = high.rotate_left(19);
        *self = Self { low, high };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of Microsoft's SymCrypt and of the .NET runtime's tests (MIT), seed 0x004FB61A001BDBCC.
    #[test]
    fn published_vectors_hash_as_published() {
        for (data, expected) in [
            (&[][..], 0x30ED_35C1_00CD_3C7D),
            (&[0xAF][..], 0x48E7_3FC7_7D75_DDC1),
            (&[0xE7, 0x0F][..], 0xB5F6_E1FC_485D_BFF8),
            (&[0x37, 0xF4, 0x95][..], 0xF0B0_7C78_9B8C_F7E8),
            (&[0x86, 0x42, 0xDC, 0x59][..], 0x7008_F2E8_7E9C_F556),
        ] {
            assert_eq!(hash(0x004F_B61A_001B_DBCC, data), expected, "{data:02x?}");
        }
    }
}
