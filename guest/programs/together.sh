# For the other scripts: what each of them does.

# Says the numbers that awk code finds as the work done in all: a line each, at once.
work_by() { awk "function work(done) { print \"work\", done; fflush() } $1"; }

fail() {
  tail -n 1 /tmp/log >&2
  exit 1
}

# Ends with the first that ends of what runs, which is a failure. What that said last stays the last
# word. (busybox's shell counts each part of a pipe.)
until_one_ends() {
  wait -n
  exit 1
}
