#!/usr/bin/env bash
# Makes a small Debian image with Git and ssh for docker/Dockerfile, and with more packages where they
# are named, without any image registry: base-image.sh TAG [PACKAGE...]. Needs root, Docker and the
# network once; the packed system is kept in target/lab. DEBIAN_MIRROR names the mirror; else the one in
# the apt sources is used.
set -euo pipefail

tag=${1:?usage: base-image.sh TAG [PACKAGE...]}
shift
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${MOORING_LAB:-$here/../../target/lab}
suite=bookworm
packages=$(IFS=,; echo "git,openssh-client,ca-certificates${*:+,$*}")

fail() {
  printf 'base-image.sh: %s\n  remedy: %s\n' "$1" "$2" >&2
  exit 1
}

docker info >/dev/null 2>&1 || fail "Docker does not answer" "start the Docker daemon, or run as a user who may use it"
mkdir -p "$cache"
packed=$cache/base-$suite-$(printf '%s' "$packages" | sha256sum | cut -c1-8).tar
exec 9>"$cache/.base-image.lock"
flock 9

if [ ! -s "$packed" ]; then
  [ "$(id -u)" = 0 ] || fail "debootstrap needs root" "run as root"
  command -v debootstrap >/dev/null || fail "debootstrap is missing" "apt-get install debootstrap"
  mirror=${DEBIAN_MIRROR:-$(
    cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null \
      | sed -n -E 's/^(URIs:|deb( \[[^]]*\])?) +(https?:[^ ]*\/debian)\/?( .*)?$/\3/p' | sed -n 1p || true
  )}
  work=$(mktemp -d "$cache/base.XXXXXX")
  trap 'rm -rf --one-file-system "$work"' EXIT
  debootstrap --variant=minbase --include="$packages" "$suite" "$work/root" \
    "${mirror:-http://deb.debian.org/debian}" >"$cache/base-image.log" 2>&1 \
    || fail "debootstrap failed, see $cache/base-image.log" "check the network, or set DEBIAN_MIRROR"
  rm -rf "$work"/root/var/cache/apt/archives/*.deb "$work"/root/var/lib/apt/lists/* \
    "$work"/root/usr/share/doc "$work"/root/usr/share/man "$work"/root/usr/share/locale
  tar -C "$work/root" --numeric-owner -cf "$work/packed.tar" --exclude='./dev/*' .
  mv "$work/packed.tar" "$packed"
fi

# An image made of this very file need not be made again.
digest=$(sha256sum "$packed" | cut -d' ' -f1)
if [ "$(docker image inspect -f '{{ index .Config.Labels "mooring.base" }}' "$tag" 2>/dev/null)" != "$digest" ]; then
  docker import --change "LABEL mooring.base=$digest" --change 'CMD ["/bin/sh"]' "$packed" "$tag" >/dev/null
fi
echo "$tag"
