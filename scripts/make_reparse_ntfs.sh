#!/usr/bin/env bash
# Makes testdata/ntfs/reparse.img.gz: an NTFS volume of 2 MiB with files whose stream is not their content.
#
#   scripts/make_reparse_ntfs.sh [OUT.img.gz]
#
# One file of each kind: compressed by the operating system (WOF), deduplicated, in the cloud, an unknown tag.
# Needs root, /dev/fuse, mkntfs, ntfs-3g, setfattr and gzip. Tags: [MS-FSCC] 2.1.2.1, reparse tags.

set -euo pipefail
case "${1:-}" in
--help | -h)
    sed -n '2,7s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
esac
out=$(realpath "${1:-$(dirname "$0")/../testdata/ntfs/reparse.img.gz}")
work=$(mktemp -d)
trap 'umount "$work/mnt" 2>/dev/null || true; rm -rf "$work"' EXIT
mkdir "$work/mnt"
truncate -s 2M "$work/volume.img"
mkntfs -F -Q -q -c 512 -s 512 -p 0 -H 255 -S 63 -L reparse "$work/volume.img" >/dev/null 2>&1
ntfs-3g "$work/volume.img" "$work/mnt"
# A reparse point: tag, length of the data, reserved, data; all little-endian.
make() {
    echo "what the stream holds" >"$work/mnt/$1"
    setfattr -h -n system.ntfs_reparse_data -v "0x$2$3" "$work/mnt/$1"
}
make wof.txt 17000080 1000000001000000020000000100000000000000
make dedup.txt 13000080 04000000aabbccdd
make cloud.txt 1a000090 04000000aabbccdd
make unknown.txt 78563492 04000000aabbccdd
umount "$work/mnt"
gzip -9 -n -c "$work/volume.img" >"$out"
ls -l "$out"
