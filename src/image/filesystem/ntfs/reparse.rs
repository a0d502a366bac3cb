//! Reparse tags by name: what stands behind a file whose stream is not its content.
//!
//! Source: [MS-FSCC] section 2.1.2.1.

/// What a reparse tag means, for an error text.
pub fn tag_name(tag: u32) -> &'static str {
    match tag {
        0xa000_0003 => "mount point or junction",
        0xa000_000c => "symbolic link",
        0x8000_0017 => "WOF: compressed by the operating system",
        0x8000_0013 => "deduplicated",
        0x8000_0007 => "single-instance storage",
        0xc000_0004 | 0x8000_0006 => "hierarchical storage",
        0x8000_0008 => "WIM mount",
        0xa000_0019 => "global reparse",
        0x8000_001b => "application execution link",
        0xa000_001d => "Linux symbolic link",
        0x8000_0023 => "Unix socket",
        tag if tag & 0xffff_0fff == 0x9000_001a => "cloud file",
        _ => "unknown reparse tag",
    }
}
