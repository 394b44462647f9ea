#!/usr/bin/env bash
# Breaks replicas on purpose, for as long as one likes: tests/replicas/soak.sh
# MOORING_BROKEN_ROUNDS (default 10) is how often everything breaks, in about three minutes each;
# MOORING_BROKEN_SEED repeats what a failure printed. Without a seed it is another one each time.
# With MOORING_BROKEN_CONTAINERS they are containers, as in docker/compose.replicas.yaml.
# As root with libfaketime installed, clocks are wrong and disks are full as well.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

export MOORING_BROKEN_ROUNDS=${MOORING_BROKEN_ROUNDS:-10}
exec cargo test --test it -- --exact replicas::broken::soak --ignored --nocapture
