#!/usr/bin/env bash
# Makes testdata/ntfs/reparse.img.gz: an NTFS volume of 2 MiB with files whose stream is not their content.
#
#   scripts/make_reparse_ntfs.sh [OUT.img.gz]
#
# One file of each kind: compressed by the operating system (WOF), deduplicated, in the cloud, an unknown tag.
# Needs root, /dev/fuse, mkntfs, ntfs-3g, setfattr and gzip. Tags: [MS-FSCC] 2.1.2.1, reparse tags.

. "$(dirname "$0")/ntfs_volume.sh"
out=$(realpath "${1:-$(dirname "$0")/../testdata/ntfs/reparse.img.gz}")
begin reparse
# A reparse point: tag, length of the data, reserved, data; all little-endian.
make() {
    echo "what the stream holds" >"$mnt/$1"
    setfattr -h -n system.ntfs_reparse_data -v "0x$2$3" "$mnt/$1"
}
make wof.txt 17000080 1000000001000000020000000100000000000000
make dedup.txt 13000080 04000000aabbccdd
make cloud.txt 1a000090 04000000aabbccdd
make unknown.txt 78563492 04000000aabbccdd
finish "$out"
