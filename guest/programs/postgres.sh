#!/bin/busybox sh
# PostgreSQL under its own benchmark, which is like TPC-B. A unit of work is a transaction.
. /tmp/together.sh
clients=$1
PATH=$PATH:$(echo /usr/lib/postgresql/*/bin)
export PGHOST=/tmp PGUSER=postgres PGDATABASE=postgres
as_postgres() { su postgres -c "$*"; } # it refuses to run as root
# few buffers and a short log: all of it is memory
server() {
  as_postgres postgres -D /tmp/data -k /tmp -c listen_addresses= -c shared_buffers=32MB \
    -c max_wal_size=32MB -c min_wal_size=8MB -c max_connections=80
}
load() { pgbench -n -c "$clients" -T 1000000 >/dev/null; }
# by the number of the next transaction, which asking does not use up
count() {
  printf '%s\n' 'select pg_snapshot_xmax(pg_current_snapshot())' '\watch 0.2' >/tmp/watch
  psql -Atqf /tmp/watch | work_by '/^[0-9]/ { if (!first) first = $1; work($1 - first) }'
}
as_postgres initdb -D /tmp/data --no-locale --no-sync --auth=trust --wal-segsize=1 >/dev/null || exit 1
go_on server
until_good psql -qc select
pgbench -qi >/dev/null || exit 1
go_on load
go_on count
wait
