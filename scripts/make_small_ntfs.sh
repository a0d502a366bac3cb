#!/usr/bin/env bash
# Makes testdata/ntfs/small.img.gz: an NTFS volume of 2 MiB that holds one of each thing that the reader has code for.
#
#   scripts/make_small_ntfs.sh [OUT.img.gz]
#
# Needs root, /dev/fuse, mkntfs, ntfs-3g, setfattr and gzip. The bytes differ from run to run (times, serial number); the
# tests need the things in it and not the bytes.

. "$(dirname "$0")/ntfs_volume.sh"
out=$(realpath "${1:-$(dirname "$0")/../testdata/ntfs/small.img.gz}")
begin small -o streams_interface=xattr,compression
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
finish "$out"
