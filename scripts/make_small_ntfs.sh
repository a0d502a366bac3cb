#!/usr/bin/env bash
# Makes testdata/ntfs/small.img.gz: an NTFS volume of 2 MiB that holds one of each thing that the reader has code for.
#
#   scripts/make_small_ntfs.sh [OUT.img.gz]
#
# Needs root, /dev/fuse, mkntfs, ntfs-3g, setfattr and gzip. The bytes differ from run to run (times, serial number); the
# tests need the things in it and not the bytes.

set -euo pipefail
case "${1:-}" in
--help | -h)
    sed -n '2,7s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
esac
out=$(realpath "${1:-$(dirname "$0")/../testdata/ntfs/small.img.gz}")
work=$(mktemp -d)
trap 'umount "$work/mnt" 2>/dev/null || true; rm -rf "$work"' EXIT
mkdir "$work/mnt"
truncate -s 2M "$work/small.img"
mkntfs -F -Q -q -c 512 -s 512 -p 0 -H 255 -S 63 -L small "$work/small.img" >/dev/null 2>&1
ntfs-3g -o streams_interface=xattr,compression "$work/small.img" "$work/mnt"
mnt=$work/mnt
mkdir -p "$mnt/Windows/System32/config" "$mnt/packed"
for number in $(seq 1 60); do echo "content $number" >"$mnt/Windows/System32/some_longer_name_of_a_file_$number.txt"; done
setfattr -h -n system.ntfs_dos_name -v 'SOMELO~1.TXT' "$mnt/Windows/System32/some_longer_name_of_a_file_1.txt"
setfattr -n user.Zone.Identifier -v 'a stream' "$mnt/Windows/System32/some_longer_name_of_a_file_2.txt"
for number in $(seq 1 30); do ln "$mnt/Windows/System32/some_longer_name_of_a_file_3.txt" "$mnt/Windows/link_number_$number"; done
setfattr -h -v 0x00000810 -n system.ntfs_attrib_be "$mnt/packed"
seq 1 8000 >"$mnt/packed/numbers.txt"
seq 1 4000 >"$mnt/Windows/System32/config/plain.txt"
truncate -s 200K "$mnt/sparse"
printf 'end' | dd of="$mnt/sparse" bs=1 seek=204800 conv=notrunc status=none
umount "$mnt"
gzip -9 -n -c "$work/small.img" >"$out"
ls -l "$out"
