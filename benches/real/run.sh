#!/usr/bin/env bash
# Runs one of the benchmarks with real Terraform: run.sh warm|sweep|soak [ARGUMENT...]
# Makes the test lab, the program and, for `warm`, the tool it is compared with, if they are not there.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
what=${1:-}
case $what in
  warm | sweep | soak) shift ;;
  *)
    sed -n '2,3s/^# //p' "${BASH_SOURCE[0]}" >&2
    exit 64
    ;;
esac

tests/lab/setup.sh target/lab
if [ "$what" = warm ] && [ ! -x target/tfdrift/bin/tfdrift ]; then
  python3 -m venv target/tfdrift
  target/tfdrift/bin/python -m pip --quiet --disable-pip-version-check install tfdrift==0.5.5
fi
cargo build --release --locked --bin mooring
exec target/lab/venv/bin/python "benches/real/$what.py" "${CARGO_TARGET_DIR:-target}/release/mooring" "$@"
