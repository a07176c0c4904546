#!/bin/bash
# Boots the guest image under emulation and checks that it loads and reports as it should.
# usage: boot_test.sh IMAGEDIR [LOAD]     (environment: QEMU, ACCEL, BOOT_DEADLINE_S)
set -euo pipefail

image=${1:?usage: boot_test.sh IMAGEDIR [LOAD]}
load=${2:-memory-write,set=32MiB,rate=10MB/s,fill=8MiB}
qemu=${QEMU:-qemu-system-x86_64}
accel=${ACCEL:-tcg}
deadline_s=${BOOT_DEADLINE_S:-60}

temp=$(mktemp -d)
truncate -s 64M "$temp/disk"
qemu_pid=
cleanup() {
  [ -z "$qemu_pid" ] || kill -KILL "$qemu_pid" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$temp"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

console=$temp/console
report=$temp/report
touch "$console" "$report"

fail() {
  echo "boot_test: FAILED: $*" >&2
  echo "--- console" >&2 && tail -n 40 "$console" >&2
  echo "--- last reports" >&2 && tail -n 3 "$report" >&2
  exit 1
}

now_ms() { date +%s%3N; }

# Waits until a command succeeds; fails at the deadline, or as soon as QEMU is gone.
await() { # WHAT DEADLINE_S COMMAND...
  local what=$1 end_ms=$(($(now_ms) + $2 * 1000))
  shift 2
  until "$@"; do
    kill -0 "$qemu_pid" 2>/dev/null || fail "QEMU ended while waiting for $what"
    ! grep -q '^godwit:' "$console" || fail "init complains instead of $what"
    [ "$(now_ms)" -lt "$end_ms" ] || fail "no $what within its deadline"
    sleep 0.05
  done
}

# Complete lines only: the last one may be half written.
reports() { sed -n 's/}$/&/p' "$report"; }
is_ready() { grep -q '"state":"ready".*}$' "$report"; }
number() { sed -E "s/.*\"$1\":([0-9]+).*/\1/" <<<"$2"; }
ready_lines() { grep -c '"state":"ready".*}$' "$report" || true; }
has_ready_lines() { [ "$(ready_lines)" -ge "$1" ]; }

boot() {
  "$qemu" -accel "$accel" -M pc,hpet=off -cpu "${CPU:-Nehalem}" -m 256M -nodefaults \
    -no-user-config -display none -no-reboot \
    -kernel "$image/vmlinux" -initrd "$image/initrd.img" \
    -append "$(cat "$image/cmdline") godwit.ip=10.0.2.15/24 godwit.load=$load" \
    -serial "file:$console" -serial "file:$report" \
    -netdev user,id=net0,restrict=on -device virtio-net-pci,netdev=net0,romfile= \
    -blockdev "driver=raw,node-name=disk,file.driver=file,file.filename=$temp/disk" \
    -device virtio-blk-pci,drive=disk &
  qemu_pid=$!
}

check_console() {
  ! grep -nE 'BUG:|Oops|Call Trace|Kernel panic|WARNING:' "$console" || fail "the kernel complains"
}

# The rate over some 5 s of the guest's own clock, from whole report lines.
check_rate() {
  local first last pages elapsed_ms expected
  expected=$1
  first=$(reports | grep '"ready"' | sed -n 3p)
  last=$(reports | tail -n 1)
  pages=$(($(number work "$last") - $(number work "$first")))
  elapsed_ms=$(($(number clock_ms "$last") - $(number clock_ms "$first")))
  [ "$elapsed_ms" -gt 0 ] || fail "the guest's clock stands"
  local got=$((pages * 1000 / elapsed_ms))
  echo "boot_test: $got units of work a second, $expected expected"
  if [ $((got * 100)) -lt $((expected * 85)) ] || [ $((got * 100)) -gt $((expected * 115)) ]; then
    fail "work advances at $got a second instead of $expected"
  fi
}

# Every report has its number: none was lost on the serial line.
check_sequence() {
  local seen lines last
  seen=$(reports) # once: more come while this looks
  lines=$(wc -l <<<"$seen")
  last=$(number seq "$(tail -n 1 <<<"$seen")")
  [ "$lines" -eq $((last + 1)) ] || fail "$lines report lines, but the last one is number $last"
}

expected_rate() {
  case $load in
    *+* | *@*) echo 0 ;; # several loads
    idle*) echo 100 ;;   # one a tick of 10 ms
    *-send* | *-receive*) echo 0 ;;
    *rate=*MB/s*) sed -E 's/.*rate=([0-9]+)MB.*/\1/' <<<"$load" | awk '{print int($1 * 1e6 / 4096)}' ;;
    *) echo 0 ;;
  esac
}

start_ms=$(now_ms)
boot
await "report that says ready" "$deadline_s" is_ready
ready_ms=$(($(now_ms) - start_ms))
echo "boot_test: ready after $((ready_ms / 1000)).$(printf %03d $((ready_ms % 1000))) s"
await "50 reports" 30 has_ready_lines 50
rate=$(expected_rate)
[ "$rate" -eq 0 ] || check_rate "$rate"
check_sequence
check_console
echo "boot_test: passed ($load)"
