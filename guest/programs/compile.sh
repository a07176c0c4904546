#!/bin/busybox sh
# A compiler at work on zlib's examples, again and again. A unit of work is a file compiled.
. /tmp/together.sh
clients=$1
cp /usr/share/doc/zlib1g-dev/examples/* /tmp
cd /tmp && gunzip -f ./*.c.gz 2>/dev/null # long ones come compressed
compile() { # CLIENT; a line for each file
  while :; do
    for file in zpipe gun gzjoin gzappend; do
      tcc -c $file.c -o "$1.o" || return
      echo
    done
  done
}
all() {
  for client in $(seq "$clients"); do go_on compile "$client"; done
  wait
}
count() { all | work_by '{ work(NR) }'; }
go_on count
wait
