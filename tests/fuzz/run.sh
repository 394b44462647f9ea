#!/usr/bin/env bash
# Fuzzes what reads plans, each target for SECONDS (30 unless told): tests/fuzz/run.sh [SECONDS] [TARGET...]
# Needs a C++ compiler. An input that breaks something is kept in target/fuzz, and is run again by
#   target/debug/examples/fuzz_TARGET FILE
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

seconds=30
if [[ ${1:-} =~ ^[0-9]+$ ]]; then
  seconds=$1
  shift
fi
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(json stream plan_file)

examples=()
for target in "${targets[@]}"; do
  examples+=(--example "fuzz_$target")
done
RUSTC_WORKSPACE_WRAPPER=$PWD/tests/fuzz/rustc.sh \
  cargo build --locked --features fuzz "${examples[@]}"

work=$PWD/target/fuzz
python3 tests/fuzz/seeds.py tests/golden/plans "$work/seeds"
status=0
for target in "${targets[@]}"; do
  corpus=$work/corpus-$target
  mkdir -p "$corpus"
  printf '== fuzz %s, %s s\n' "$target" "$seconds"
  # A deeply nested plan is read on a thread with a large stack, of which little is touched.
  "target/debug/examples/fuzz_$target" "$corpus" "$work/seeds/$target" \
    -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=65536 \
    -dict=tests/fuzz/plan.dict -artifact_prefix="$work/$target-" -print_final_stats=1 \
    >"$work/$target.log" 2>&1 || status=$?
  grep -E '^stat::(number_of_executed_units|average_exec_per_sec|peak_rss_mb)|^#[0-9]+.*DONE' \
    "$work/$target.log" || true
  if [ "$status" != 0 ]; then
    tail -40 "$work/$target.log" >&2
    echo "run.sh: $target failed; the input is in $work" >&2
    exit 1
  fi
done
