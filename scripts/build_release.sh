#!/usr/bin/env bash
# Builds the release preset and leaves the stripped program at build/sluice.
# The first time it says how long that took (and keeps the number for bench/run.py).
set -euo pipefail
cd "$(dirname "$0")/.."

started=$SECONDS
first=yes
[ -e build/cargo/release/libsluice_delta.a ] && first=no

if [ ! -e build/release/build.ninja ]; then
    echo "configuring (build/release)"
    cmake --preset release >/dev/null
fi
if [ $first = yes ]; then
    echo "building: the first time takes some minutes, most of them for the Delta kernel in Rust"
fi
cmake --build --preset release --target sluice

if [ ! build/sluice -nt build/release/sluice ]; then
    strip -o build/sluice.new build/release/sluice
    mv build/sluice.new build/sluice
fi
size=$(($(stat -c %s build/sluice) / 1024))
if [ $first = yes ]; then
    took=$((SECONDS - started))
    echo "{\"first_build_s\": $took, \"cores\": $(nproc)}" >build/first_build.json
    echo "built build/sluice ($size KiB); the first build took $took s on $(nproc) cores"
else
    echo "built build/sluice ($size KiB)"
fi
