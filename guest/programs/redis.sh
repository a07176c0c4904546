#!/bin/busybox sh
# Redis under its own benchmark. A unit of work is a command answered.
. /tmp/together.sh
clients=$1
socket=/tmp/redis.sock
server() { redis-server --port 0 --unixsocket $socket --save '' --dir /tmp --loglevel warning >&2; }
load() { redis-benchmark -s $socket -c "$clients" -t set -n 2000000000 -r 100000 -d 256 -q >/dev/null; }
count() {
  redis-cli -s $socket -r -1 -i 0.2 info stats |
    work_by '/^total_commands_processed:/ { work(substr($0, 26) + 0) }'
}
go_on server
until_good redis-cli -s $socket ping
go_on load
go_on count
wait
