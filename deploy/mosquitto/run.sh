#!/bin/sh
# Runs Mosquitto, and tells it (SIGHUP) when its certificate or its access list was replaced: it reads them again only
# then. `run.sh CONFIGURATION IDENTITY-FOLDER [SECONDS]`: how often it looks; once a minute unless given.
set -eu

configuration=$1 folder=$2 seconds=${3:-60}

content() { cat "$folder/process.pem" "$folder/acl"; }

known=$(content)
while sleep "$seconds" && kill -0 $$ 2>/dev/null; do
    now=$(content) || continue
    if [ "$now" != "$known" ]; then
        known=$now
        echo "the identity folder has changed: mosquitto reads it again" >&2
        kill -HUP $$
    fi
done &
# This process becomes Mosquitto and keeps its number ($$), so signals reach it, and it ends as it ends.
exec mosquitto -c "$configuration"
