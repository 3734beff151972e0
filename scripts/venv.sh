#!/usr/bin/env bash
# Makes build/venv: the Python environment of tests and benchmarks, from tests/requirements.txt.
set -euo pipefail
cd "$(dirname "$0")/.."

stamp=build/venv/.complete
if [ -e $stamp ] && cmp -s tests/requirements.txt $stamp; then
    exit 0
fi
echo "installing the packages of tests/requirements.txt into build/venv (about 1.5 GB)"
mkdir -p build
python3 -m venv build/venv
build/venv/bin/python -m pip --disable-pip-version-check install --quiet -r tests/requirements.txt
cp tests/requirements.txt $stamp
