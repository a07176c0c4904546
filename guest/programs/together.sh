#!/bin/busybox sh
# For the other scripts: what each of them does. Whatever is said on standard error goes to guest-load,
# which reports the last line of it when the script ends.

# Begins what is to go on for ever: when it ends, so does the script.
trap 'exit 1' TERM
go_on() {
  {
    "$@"
    kill $$
  } &
}

# Waits until a command succeeds.
until_good() { until "$@" >/dev/null 2>&1; do sleep 0.1; done; }

# Says the numbers that awk code finds as the work done in all: a line each, at once.
work_by() { awk "function work(done) { print \"work\", done; fflush() } $1"; }
