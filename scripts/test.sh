#!/usr/bin/env bash
# Everything that proves sluice, on a fresh clone too. Prints what it does and how long it took, and
# ends with one line. A test that cannot run is a failure, never a silent skip.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p build

started=$SECONDS
step_name=
step_started=$SECONDS
report=()

finish_step() {
    [ -n "$step_name" ] || return 0
    report+=("$(printf '%5d s  %s' $((SECONDS - step_started)) "$step_name")")
}
step() {
    finish_step
    step_name=$1
    step_started=$SECONDS
    printf '\n== %s\n' "$step_name"
}
closing() {
    local status=$?
    finish_step
    printf '\n'
    printf '%s\n' "${report[@]}"
    if [ $status = 0 ]; then
        printf 'all tests passed in %d s\n' $((SECONDS - started))
    else
        printf 'FAILED at "%s" after %d s\n' "$step_name" $((SECONDS - started))
    fi
}
trap closing EXIT

step "what is missing is installed"
scripts/bootstrap.sh build test
scripts/venv.sh
scripts/get_jars.sh

step "formatting"
scripts/check_format.sh

step "build with sanitizers (build/dev)"
cmake --preset dev -DSLUICE_WERROR=ON >/dev/null
cmake --build --preset dev

step "unit, sources, fuzz slices (ctest)"
ctest --preset dev -j "$(nproc)"

step "release build (build/sluice)"
scripts/build_release.sh

# One more than there are cores: many of these wait for a retry, or for a JVM.
step "command line, other people's readers, kill tests (pytest)"
SLUICE_NO_SKIPS=1 build/venv/bin/python -m pytest tests -n $(($(nproc) + 1)) --dist loadscope
