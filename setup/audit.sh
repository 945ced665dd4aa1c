#!/bin/sh
# Asks whether a locked package of Python or npm has a weakness that is known.
# Ends with 1 when one has, and with 2 when that could not be asked of each: --strict, as pip-audit
# otherwise finds nothing wrong with a package that its database does not know.
# usage: setup/audit.sh
set -eu
cd "$(dirname "$0")/.."

result=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# usage: judge WHAT FOUND STATUS, with what the tool said in $log; FOUND is how it tells weaknesses.
judge() {
    if [ "$3" = 0 ]; then
        echo "$1: no weakness is known."
    elif grep -qE "$2" "$log"; then
        cat "$log"
        echo "$1: these weaknesses are known. Take the versions that mend them (make lock)." >&2
        result=1
    else
        tail -3 "$log" >&2
        echo "$1: not audited, as the database of weaknesses cannot be asked: the lines above say why." >&2
        [ "$result" = 1 ] || result=2
    fi
}

if [ ! -x .venv/audit/bin/pip-audit ]; then
    [ -d .venv ] || setup/venv.sh requirements/run.txt
    if ! { python3 -m venv .venv/audit && .venv/audit/bin/pip install -q --disable-pip-version-check \
        --retries 3 --require-hashes -r requirements/audit.txt; } >"$log" 2>&1; then
        tail -3 "$log" >&2
        echo "Python: not audited, as pip-audit cannot be installed: the lines above say why." >&2
        result=2
    fi
fi
if [ -x .venv/audit/bin/pip-audit ]; then
    for lock in run image test audit; do
        status=0
        .venv/audit/bin/pip-audit --strict --progress-spinner off --disable-pip --require-hashes \
            --requirement "requirements/$lock.txt" >"$log" 2>&1 || status=$?
        judge "requirements/$lock.txt" 'Found [0-9]+ known' "$status"
    done
fi

command -v npm >/dev/null || setup/packages.sh npm
for folder in . benchmarks/peers; do
    status=0
    npm audit --package-lock-only --prefix "$folder" >"$log" 2>&1 || status=$?
    judge "$folder/package-lock.json" 'severity vulnerabilit|[0-9]+ vulnerabilit' "$status"
done
exit $result
