#!/bin/sh
# Makes a login of its own for one phone or app: sh deploy/phone.sh NAME. It may read what `mobile`
# may, on at most 5 connections, with at most 3 sessions. Nobody can guess their client ids.
# Remove it with: docker compose exec rabbitmq rabbitmqctl delete_user phone-NAME
set -eu
cd "$(dirname "$0")/.."

name=${1-}
case $name in
    '' | *[!a-z0-9-]* | -*) echo "Usage: sh deploy/phone.sh NAME  (a-z, 0-9 and -)" >&2; exit 2 ;;
esac
user=phone-$name
password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
client=$name-$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
session="mqtt-subscription-$client(-[12])?qos[01]"

ctl() { docker compose exec -T rabbitmq rabbitmqctl --silent "$@"; }
# As an argument, seen inside the container for a moment: RabbitMQ 4.0 hangs when it reads from a pipe.
ctl add_user "$user" "$password" </dev/null
ctl set_user_limits "$user" '{"max-connections": 5, "max-channels": 10}' </dev/null
ctl set_topic_permissions -p / "$user" amq.topic '^$' '^(builds|projects|workers)\.[a-z0-9_#*.-]{1,200}\z' </dev/null
# The last one: without it the user can do nothing.
ctl set_permissions -p / "$user" "^$session\\z" "^$session\\z" "^(amq\\.topic|builds\\.stream|$session)\\z" </dev/null
echo "user:       $user"
echo "password:   $password"
echo "client ids: $client $client-1 $client-2"
