#!/bin/busybox sh
# nginx and clients that ask it without a pause. A unit of work is a request answered.
. /tmp/together.sh
clients=$1
url=http://127.0.0.1:8080
mkdir -p /tmp/www /var/lib/nginx # where it keeps large requests, as built
yes godwit | head -c 4096 >/tmp/www/index.html
cat >/tmp/nginx.conf <<'CONF'
daemon off;
user root;
pid /tmp/nginx.pid;
error_log stderr;
events {}
http {
  access_log off; # the file would fill the memory
  server {
    listen 127.0.0.1:8080;
    root /tmp/www;
    location /status { stub_status; }
  }
}
CONF
load() { while ab -q -k -c "$clients" -n 100000 $url/ >/dev/null; do :; done; }
count() {
  while sleep 0.2 && wget -qO - $url/status; do :; done | work_by 'NF == 3 && /^ / { work($3) }'
}
go_on nginx -c /tmp/nginx.conf -e stderr
until_good wget -qO - $url/status
go_on load
go_on count
wait
