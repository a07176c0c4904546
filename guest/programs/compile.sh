#!/bin/busybox sh
# A compiler at work on zlib's examples, again and again. A unit of work is a file compiled.
. /tmp/together.sh
cp /usr/share/doc/zlib1g-dev/examples/* /tmp
cd /tmp && gunzip -f ./*.c.gz 2>/dev/null # long ones come compressed
compile() {
  while :; do
    for file in zpipe gun gzjoin gzappend; do
      tcc -c $file.c -o "$1.o" || exit 1
      echo
    done
  done
}
{
  for client in $(seq "$1"); do compile "$client" & done
  # shellcheck disable=SC3045 # busybox can
  wait -n
} | work_by '{ work(NR) }' &
until_one_ends
