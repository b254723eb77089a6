#!/usr/bin/env bash
# Installs what the tests run beside Python and Node: Postgres, Redis, Chromium, bubblewrap. Only when something is missing.
set -euo pipefail
shopt -s nullglob

missing=()
postgres=(/usr/lib/postgresql/*/bin/postgres)
[ ${#postgres[@]} -gt 0 ] || command -v postgres >/dev/null || missing+=(postgresql)
command -v redis-server >/dev/null || missing+=(redis-server)
command -v chromium >/dev/null || missing+=(chromium)
command -v bwrap >/dev/null || missing+=(bubblewrap)
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "The tests need: ${missing[*]}. Install them (on Debian: sudo apt-get install ${missing[*]}) and try again." >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
# Debian would start a Postgres and a Redis of its own; the tests start theirs.
mkdir -p /etc/postgresql-common
[ -e /etc/postgresql-common/createcluster.conf ] || echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
