# Sourced by the builders of small NTFS volumes: `begin NAME [MOUNT OPTION...]` makes and mounts a volume of 2 MiB at $mnt,
# `finish OUT.img.gz` unmounts and packs it. `--help` as the first argument of the builder prints its head comment.

set -euo pipefail
case "${1:-}" in
--help | -h)
    sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
esac
work=$(mktemp -d)
mnt=$work/mnt
trap 'umount "$mnt" 2>/dev/null || true; rm -rf "$work"' EXIT

begin() {
    mkdir "$mnt"
    truncate -s 2M "$work/volume.img"
    mkntfs -F -Q -q -c 512 -s 512 -p 0 -H 255 -S 63 -L "$1" "$work/volume.img" >/dev/null 2>&1
    ntfs-3g "${@:2}" "$work/volume.img" "$mnt"
}

finish() {
    umount "$mnt"
    gzip -9 -n -c "$work/volume.img" >"$1"
}
