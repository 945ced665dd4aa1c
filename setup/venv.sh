#!/bin/sh
# Makes .venv, and installs the packages of the lock file and this project into it.
# usage: setup/venv.sh LOCK_FILE
set -eu

if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "python3 has to be Python 3.11 or newer. Install it and run this again." >&2
    exit 1
fi
if [ ! -x .venv/bin/pip ]; then
    python3 -c 'import ensurepip' 2>/dev/null || setup/packages.sh python3-venv
    echo "Making .venv …"
    python3 -m venv --clear .venv
fi
echo "Installing $1 …"
.venv/bin/pip install -qq --disable-pip-version-check --require-hashes -r "$1"
# --no-build-isolation: the build back end is in the lock file too, by hash.
.venv/bin/pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
