#!/bin/sh
# Cargo's RUSTC_WORKSPACE_WRAPPER: compiles this package, and nothing it depends on, with the
# counters that libFuzzer goes by. A stable compiler knows the pass.
exec "$@" \
  -Cpasses=sancov-module \
  -Cllvm-args=-sanitizer-coverage-level=4 \
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
  -Cllvm-args=-sanitizer-coverage-pc-table \
  -Cllvm-args=-sanitizer-coverage-trace-compares \
  -Ccodegen-units=1 \
  -Copt-level=1 \
  -Cdebug-assertions=on \
  -Coverflow-checks=on
