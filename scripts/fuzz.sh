#!/usr/bin/env bash
# Runs every fuzz target with libFuzzer for FUZZ_SECONDS (60). What is found: build/fuzz/found/.
set -euo pipefail
cd "$(dirname "$0")/.."

cmake --preset fuzz >/dev/null
cmake --build --preset fuzz
failed=0
for target in build/fuzz/fuzz/fuzz_*; do
    [ -x "$target" ] || continue
    name=$(basename "$target")
    name=${name#fuzz_}
    mkdir -p "build/fuzz/corpus/$name" "build/fuzz/found/$name"
    echo "== $name: ${FUZZ_SECONDS:-60} s"
    seeds=()
    [ -d "tests/fuzz/corpus/$name" ] && seeds=("tests/fuzz/corpus/$name")
    if ! "$target" -max_total_time="${FUZZ_SECONDS:-60}" -timeout=10 -rss_limit_mb=2048 \
        -print_final_stats=1 -verbosity=0 -artifact_prefix="build/fuzz/found/$name/" \
        "build/fuzz/corpus/$name" "${seeds[@]}"; then
        failed=1
        echo "== $name FAILED: see build/fuzz/found/$name/"
    fi
done
exit $failed
