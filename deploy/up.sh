#!/bin/sh
# Starts Buildfeed with Docker Compose, and returns when every service is healthy. The first run makes
# .env, with a random password for each user and a random id of the recorder; only you can read it. A
# later one adds those that a newer version needs. Options go to `docker compose up`.
set -eu
cd "$(dirname "$0")/.."
umask 077

random() { od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }
if [ -e .env ]; then
    cat .env >.env.new
else
    # Whoever knows the id could interrupt the recorder, so it cannot be guessed.
    echo "RECORDER_ID=recorder-$(random 8)" >.env.new
fi
for user in GATEWAY WORKER RECORDER MOBILE CLOSER OPERATOR POSTGRES; do
    grep -q "^${user}_PASSWORD=" .env.new || echo "${user}_PASSWORD=$(random 16)" >>.env.new
done
grep -q "^BROKER_AUTH_SECRET=" .env.new || echo "BROKER_AUTH_SECRET=$(random 16)" >>.env.new
mv .env.new .env
exec docker compose up --build --detach --wait "$@"
