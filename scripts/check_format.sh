#!/usr/bin/env bash
# Checks that all C files are formatted as .clang-format says; --fix formats them.
# clang-format 14 exactly: other versions format differently.
set -euo pipefail
cd "$(dirname "$0")/.."

tool=$(command -v clang-format-14 || command -v clang-format)
case $("$tool" --version) in
*" 14."*) ;;
*)
    echo "check_format: this needs clang-format 14, not: $("$tool" --version)" >&2
    exit 1
    ;;
esac
mapfile -t files < <(git ls-files '*.c' '*.h')
[ ${#files[@]} -gt 0 ] || exit 0
if [ "${1-}" = --fix ]; then
    "$tool" -i "${files[@]}"
else
    "$tool" --dry-run --Werror "${files[@]}"
fi
