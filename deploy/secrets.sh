#!/usr/bin/env bash
# Make the secrets that compose.yaml and the manifests need: deploy/secrets.sh [FOLDER]
#
# Those that can be drawn are drawn, the vendors' are asked for. What is there already stays, so that it can be run again.
set -euo pipefail
cd "$(dirname "$0")"
umask 077
folder="${1:-secrets}"
mkdir -p "$folder"

drawn() {  # Write a random text into a file, unless it is there.
  [ -s "$folder/$1" ] || head -c 33 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n' >"$folder/$1"
}

given() {  # Write what somebody types into a file, unless it is there.
  [ -s "$folder/$1" ] && return
  read -rsp "$2: " text || true
  [ ! -t 0 ] || echo
  [ -n "$text" ] || { echo "$2: nothing was typed. With one source alone, take the other out first: deploy/README.md" >&2; exit 1; }
  printf %s "$text" >"$folder/$1"
}

drawn database_password
drawn grafana_password
drawn metrics_key
[ -s "$folder/store_url" ] ||
  printf %s "postgresql+psycopg://graph:$(cat "$folder/database_password")@database/graph" >"$folder/store_url"
# Callers: Prometheus has the first key. `python -m web.auth.api_keys NAME SCOPE` makes the line of another.
[ -s "$folder/api_keys" ] ||
  printf 'prometheus %s opportunities:read\n' "$(printf %s "$(cat "$folder/metrics_key")" | sha256sum | cut -d ' ' -f 1)" \
    >"$folder/api_keys"
given nexudus_password 'Password of the Nexudus administrator'
given chartmogul_api_key 'API key of ChartMogul'
# Each container runs as a user of its own, who must read the files that compose mounts. The folder stays closed.
chmod 644 "$folder"/*
