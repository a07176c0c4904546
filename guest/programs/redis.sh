#!/bin/busybox sh
# Redis under its own benchmark. A unit of work is a command answered.
. /tmp/together.sh
socket=/tmp/redis.sock
redis-server --port 0 --unixsocket $socket --save '' --dir /tmp --loglevel warning >&2 &
until_good redis-cli -s $socket ping
redis-benchmark -s $socket -c "$1" -t set -n 2000000000 -r 100000 -d 256 -q >/dev/null &
redis-cli -s $socket -r -1 -i 0.2 info stats | work_by '/^total_commands_processed:/ { work(substr($0, 26) + 0) }' &
until_one_ends
