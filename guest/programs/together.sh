#!/bin/busybox sh
# For the other scripts: what each of them does. Whatever is said on standard error goes to guest-load,
# which reports the last line of it when the script ends.

# Says the numbers that awk code finds as the work done in all: a line each, at once.
work_by() { awk "function work(done) { print \"work\", done; fflush() } $1"; }

# Waits until a command succeeds; ends when what was begun last does.
until_good() {
  until "$@" >/dev/null 2>&1; do
    kill -0 $! 2>/dev/null || exit 1
    sleep 0.1
  done
}

# Ends with the first that ends of what runs, which is a failure. What that said last stays the last
# word. (busybox's shell counts each part of a pipe.)
until_one_ends() {
  # shellcheck disable=SC3045 # busybox can
  wait -n
  exit 1
}
