#!/bin/sh
# Installs the packages of the package-lock.json in a folder into its node_modules.
# usage: setup/npm.sh FOLDER
set -eu

command -v npm >/dev/null || setup/packages.sh npm
cd "$1"
# npm keeps a cache at home, and takes a home that is read-only for "root-owned files" in it.
cache=$(npm config get cache)
if ! { mkdir -p "$cache" && [ -w "$cache" ]; } 2>/dev/null; then
    cache=$PWD/node_modules/.cache/npm
fi
if ! said=$(npm ci --ignore-scripts --no-audit --no-fund --cache "$cache" --loglevel error \
    --fetch-retry-mintimeout 1000 --fetch-retry-maxtimeout 5000 2>&1); then
    case $said in
    *EAI_AGAIN* | *ENOTFOUND* | *ECONNREFUSED* | *ETIMEDOUT* | *ENETUNREACH*)
        echo "Could not install the packages of $1/package-lock.json: the registry of npm cannot be reached. Check the network, and the proxy and registry that npm is told." >&2 ;;
    *)
        printf '%s\n' "$said" | tail -20 >&2
        echo "Could not install the packages of $1/package-lock.json: the lines above say why." >&2 ;;
    esac
    exit 1
fi
