#!/bin/sh
# Makes .venv, and installs the packages of the lock file and this project into it.
# usage: setup/venv.sh LOCK_FILE
set -eu

if ! command -v python3 >/dev/null; then
    setup/packages.sh python3 python3-venv
fi
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "python3 has to be Python 3.11 or newer. Install it and run this again." >&2
    exit 1
fi
if ! { mkdir -p .venv && [ -w .venv ]; } 2>/dev/null; then
    echo "The folder $(pwd)/.venv cannot be written: take a checkout that you may write." >&2
    exit 1
fi

# Prints what a command says only when it fails, with the cause where that is known.
# usage: tell WHAT COMMAND...
tell() {
    what=$1
    shift
    log=$(mktemp)
    if ! "$@" >"$log" 2>&1; then
        if grep -qE 'NewConnectionError|NameResolutionError|ConnectTimeout|ProxyError|Temporary failure in name|EAI_AGAIN|ENOTFOUND|ECONNREFUSED|ETIMEDOUT|Network is unreachable' "$log"; then
            echo "Could not $what: the package index cannot be reached. Check the network, and the proxy and index that pip and npm are told." >&2
        elif grep -qE 'No space left|Errno 28|ENOSPC' "$log"; then
            echo "Could not $what: the disk is full." >&2
        else
            tail -20 "$log" >&2
            echo "Could not $what: the lines above say why." >&2
        fi
        rm -f "$log"
        exit 1
    fi
    rm -f "$log"
}

if [ ! -x .venv/bin/pip ]; then
    python3 -c 'import ensurepip' 2>/dev/null || setup/packages.sh python3-venv
    echo "Making .venv …"
    tell "make .venv" python3 -m venv --clear .venv
fi
echo "Installing $1 …"
pip=".venv/bin/pip install -q --disable-pip-version-check --retries 3"
tell "install the packages of $1" $pip --require-hashes -r "$1"
# --no-build-isolation: the build back end is in the lock file too, by hash.
tell "install this project" $pip --no-deps --no-build-isolation -e .
