#!/bin/sh
# Starts Buildfeed with Docker Compose, and returns when every service is healthy. The first run makes
# .env, with a random password for each user and a random id of the recorder; only you can read it.
# Options go to `docker compose up`.
set -eu
cd "$(dirname "$0")/.."

if [ ! -e .env ]; then
    umask 077
    for user in GATEWAY WORKER RECORDER MOBILE OPERATOR POSTGRES; do
        password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
        echo "${user}_PASSWORD=$password"
    done >.env.new
    # Whoever knows the id could interrupt the recorder, so it cannot be guessed.
    echo "RECORDER_ID=recorder-$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')" >>.env.new
    mv .env.new .env
fi
exec docker compose up --build --detach --wait "$@"
