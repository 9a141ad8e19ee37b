#!/usr/bin/env bash
# What backends/kafka/src/client/native.rs, the one file of this backend with `unsafe`, does with memory: its tests under
# Valgrind. Fails on any wrong access, and on memory that nobody can give back any more.
#
# Options are those of cargo, as of the tests that were built before. Needs valgrind. About a minute once everything is built.
set -euo pipefail
cd "$(dirname "$0")/../.."
tests=$(cargo test --workspace "$@" --lib --no-run 2>&1 |
    sed -n 's/.*unittests src\/lib.rs (\(.*seismic_kafka-[0-9a-f]*\))$/\1/p')
[ -n "$tests" ] || { echo 'the tests of seismic-kafka cannot be built' >&2; exit 1; }
said=$(valgrind --quiet --error-exitcode=1 --leak-check=full \
    --show-leak-kinds=definite --errors-for-leak-kinds=definite \
    --suppressions=backends/kafka/valgrind.supp \
    "$tests" native --test-threads 1 2>&1) || { printf '%s\n' "$said" >&2; exit 1; }
# A filter that matches nothing is no proof.
grep -E '^test result: ok\. [1-9]' <<<"$said"
