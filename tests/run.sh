#!/usr/bin/env bash
# Runs every test, with the lab that the larger ones need: tests/run.sh [--install] [ARGUMENTS]
# ARGUMENTS go to `cargo nextest run` (to `cargo test` where nextest is not installed).
# --install (or CI=true) installs missing Debian packages first, which needs root.
# With CI=true a test that could not run fails the whole; otherwise it is only listed.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

install=no
[ "${CI:-}" != true ] || install=yes
if [ "${1:-}" = --install ]; then
  install=yes
  shift
fi

if [ "$install" = yes ]; then
  missing=()
  for package in ca-certificates debootstrap g++ gcc git libc6-dev libfaketime openssh-client openssh-server postgresql-15 python3 python3-venv util-linux; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' \
      || missing+=("$package")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    [ "$(id -u)" = 0 ] || { echo "run.sh: --install needs root to install: ${missing[*]}" >&2; exit 1; }
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
  fi
fi

MOORING_SKIPPED_FILE=$(mktemp)
export MOORING_SKIPPED_FILE
trap 'rm -f "$MOORING_SKIPPED_FILE"' EXIT
skipped() { echo "$1: $2" >>"$MOORING_SKIPPED_FILE"; }

if tests/lab/setup.sh target/lab; then
  export MOORING_LAB=$root/target/lab
else
  unset MOORING_LAB
  skipped lab "tests/lab/setup.sh failed, see above"
fi
for tool in terraform git; do
  command -v "$tool" >/dev/null || skipped "$tool" "not installed"
done

status=0
if cargo nextest --version >/dev/null 2>&1; then
  cargo nextest run "$@" || status=$?
else
  echo "run.sh: cargo-nextest is not installed, so cargo test it is (without time limits)" >&2
  # The lab's tests would all start at once: cargo test knows no groups.
  RUST_TEST_THREADS=${RUST_TEST_THREADS:-2} cargo test "$@" || status=$?
fi

if [ -s "$MOORING_SKIPPED_FILE" ]; then
  {
    echo
    echo "################ NOT RUN ################"
    sort -u "$MOORING_SKIPPED_FILE" | sed 's/^/  /'
    echo "#########################################"
  } >&2
  if [ "${CI:-}" = true ] && [ "$status" = 0 ]; then
    echo "run.sh: with CI=true nothing may be left out" >&2
    status=1
  fi
fi
exit "$status"
