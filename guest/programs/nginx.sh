#!/bin/busybox sh
# nginx and a client that asks it without a pause. A unit of work is a request answered.
. /tmp/together.sh
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
nginx -c /tmp/nginx.conf -e stderr &
url=http://127.0.0.1:8080
until_good wget -qO - $url/status
while ab -q -k -c "$1" -n 100000 $url/ >/dev/null; do :; done &
while sleep 0.2 && wget -qO - $url/status; do :; done | work_by 'NF == 3 && /^ / { work($3) }' &
until_one_ends
