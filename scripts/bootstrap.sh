#!/usr/bin/env bash
# Installs what is missing for building sluice, and says so first.
#
#     scripts/bootstrap.sh [build] [test] [fuzz] [format]      (nothing named: build)
#
# On Debian and its relatives packages come by apt-get, as root or through sudo; elsewhere the list
# is printed. Rust is not installed by this script: it says how to get it.
set -euo pipefail
cd "$(dirname "$0")/.."

RUST_WANTED=1.88

# rustup puts cargo here, and only login shells know.
PATH=$PATH:$HOME/.cargo/bin

say() { printf '%s\n' "$*" >&2; }

# Command or pkg-config module or file that proves a package, then the package.
needed_for() {
    case $1 in
    build)
        cat <<'LIST'
cmd:cc gcc
cmd:make make
cmd:cmake cmake
cmd:ninja ninja-build
cmd:pkg-config pkg-config
cmd:git git
file:/etc/ssl/certs/ca-certificates.crt ca-certificates
file:/usr/share/zoneinfo/Europe/Berlin tzdata
cmd:python3 python3
py:pip python3-pip
py:ensurepip python3-venv
pc:libcurl libcurl4-openssl-dev
pc:sqlite3 libsqlite3-dev
pc:libsodium libsodium-dev
pc:libmicrohttpd libmicrohttpd-dev
pc:libisal libisal-dev
LIST
        ;;
    test)
        cat <<'LIST'
pc:cmocka libcmocka-dev
java:17 openjdk-17-jre-headless
cmd:mvn maven
cmd:clang-format-14 clang-format-14
LIST
        ;;
    fuzz)
        cat <<'LIST'
pc:cmocka libcmocka-dev
cmd:clang clang
fuzzer:clang libclang-rt-14-dev
LIST
        ;;
    format) echo "cmd:clang-format-14 clang-format-14" ;;
    *)
        say "bootstrap: unknown part '$1' (known: build test fuzz format)"
        exit 2
        ;;
    esac
}

is_there() {
    local what=${1#*:}
    case $1 in
    cmd:*) command -v "$what" >/dev/null 2>&1 ;;
    pc:*) command -v pkg-config >/dev/null 2>&1 && pkg-config --exists "$what" ;;
    py:*) command -v python3 >/dev/null 2>&1 && python3 -c "import $what" 2>/dev/null ;;
    file:*) [ -e "$what" ] ;;
    java:*)
        local major
        major=$(java -version 2>&1 | sed -n '1s/.*version "\([0-9]*\).*/\1/p') || return 1
        [ "${major:-0}" -ge "$what" ]
        ;;
    fuzzer:*)
        local folder
        folder=$("$what" -print-runtime-dir 2>/dev/null) || return 1
        compgen -G "$folder/libclang_rt.fuzzer*" >/dev/null
        ;;
    esac
}

# Older than RUST_WANTED, or not there at all.
rust_is_fine() {
    local version
    command -v cargo >/dev/null 2>&1 || return 1
    version=$(rustc --version 2>/dev/null | awk '{print $2}') || return 1
    [ "$(printf '%s\n%s\n' "$RUST_WANTED" "$version" | sort -V | head -1)" = "$RUST_WANTED" ]
}

install_packages() {
    local as_root=()
    if [ "$(id -u)" != 0 ]; then
        if ! command -v sudo >/dev/null 2>&1; then
            say "These packages are missing, and there is neither root nor sudo to install them:"
            say "    apt-get install $*"
            exit 1
        fi
        as_root=(sudo)
        if ! sudo -n true 2>/dev/null && [ ! -t 0 ]; then
            say "sudo asks for a password, but there is no terminal to ask on. Please run:"
            say "    sudo apt-get install $*"
            exit 1
        fi
    fi
    say "sluice needs some Debian packages that are not there yet. Installing with apt-get:"
    say "    $*"
    # Package lists may be missing (containers) or old: then the first try fails and is repeated.
    apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 "$@"; }
    if ! apt install --no-install-recommends "$@" >/dev/null 2>&1; then
        apt update
        apt install --no-install-recommends "$@" >/dev/null
    fi
}

[ $# -gt 0 ] || set -- build
missing=()
for part in "$@"; do
    while read -r proof package; do
        is_there "$proof" && continue
        [[ " ${missing[*]-} " == *" $package "* ]] || missing+=("$package")
    done < <(needed_for "$part")
done

if [ ${#missing[@]} -gt 0 ]; then
    if command -v apt-get >/dev/null 2>&1; then
        install_packages "${missing[@]}"
    else
        say "This is not a Debian system. Please install what these Debian packages hold:"
        say "    ${missing[*]}"
        exit 1
    fi
fi

if ! rust_is_fine; then
    say "sluice needs Rust $RUST_WANTED or newer (it is used for the Delta log), found: $(rustc --version 2>/dev/null || echo none)."
    say "Get it with rustup, see https://rustup.rs, then open a new shell:"
    say "    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal"
    say "or, where rustup is already there:  rustup update stable"
    exit 1
fi
