#!/bin/sh
# Starts Buildfeed with Docker Compose and returns when all of it is healthy.
# The first time it makes .env: a random password for each user, readable by you alone.
set -eu
cd "$(dirname "$0")/.."

if [ ! -e .env ]; then
    umask 077
    for user in GATEWAY WORKER RECORDER MOBILE OPERATOR POSTGRES; do
        password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
        echo "${user}_PASSWORD=$password"
    done >.env.new
    mv .env.new .env
fi
exec docker compose up --build --detach --wait "$@"
