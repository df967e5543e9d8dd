# bash tests/vm/machine.sh BUILD VERSION [CTEST ARGUMENTS]: the tests of a build tree on one
# Debian cloud kernel under qemu. Prints a line for each test; the console is kept in
# build/vm/VERSION.log, what the machine reported in build/vm/VERSION.results (see init).
# Exit code 1: a test failed or the machine did not answer; 77: the kernel cannot be
# fetched, nothing was tested. Called by run.sh, which says what the environment sets.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
source "$root/cmake/packages.sh"
here=$root/tests/vm
build=$1 version=$2
shift 2
limit=${EBPF_LUA_VM_TIMEOUT:-1500}

mkdir -p -- "$root/build/vm"
base=$root/build/vm/$version
log=$base.log
exec 9>"$base.lock"
flock 9   # one machine of a version at a time
rm -f -- "$base.results"
kernel=$(bash "$here/kernel.sh" "$version" 9>&-) || {
  code=$?
  ((code == 77)) && printf 'vm: %s: SKIPPED, nothing was tested\n' "$version"
  exit "$code"
}

# Listing writes to the build tree: one at a time.
flock "$root/build/vm/list.lock" ctest --test-dir "$build" --show-only=json-v1 "$@" \
  9>&- >"$base.json"
planned=$(cmake -DLIST="$base.json" -DOUT="$base.plan" -DBUILD="$build" -P "$here/plan.cmake" 2>&1) ||
  die "no plan of the tests: $planned"
((planned)) || die "$version: no test matches $*"
bash "$here/image.sh" "$build" "$kernel" "$base.plan" "$base.cpio"

: >"$log"
: >"$base.results"
qemu=
stop() { if [[ $qemu ]]; then kill "$qemu" 2>/dev/null || true; fi; rm -f -- "$base.cpio"; }
trap stop EXIT
trap 'exit 130' INT TERM HUP
# One processor: with two, the emulation now and then runs a breakpoint of the kernel's code
# patching (a tracepoint switched on or off) after it is gone, and the guest panics.
#
# Time goes into translating code. A translation is found by its address, so programs and
# libraries lie where they lay before (norandmaps: a program starts four times as fast, a
# compile ten times), and there is room to keep the compiler's (tb-size, MiB). An eighth less
# processor time is spent without erms and fsrm, with which the kernel clears and copies
# memory by string instructions, a turn of a loop for each byte; without smap, for which
# memory translations are kept twice; and without la57, page tables of five levels.
timeout -k 5 "$limit" qemu-system-x86_64 -accel "${EBPF_LUA_VM_ACCEL:-tcg,tb-size=512}" \
  -cpu max,-erms,-fsrm,-smap,-la57 -smp 1 \
  -m 2048 -display none -monitor none -nic none -no-reboot \
  -serial "file:$log" -serial "file:$base.results" \
  -kernel "$kernel/vmlinuz" -initrd "$base.cpio" \
  -append "console=ttyS0 quiet panic=-1 norandmaps lsm=landlock,lockdown,yama,integrity,apparmor,bpf" \
  </dev/null >"$base.qemu" 2>&1 9>&- &
qemu=$!
# Both in the background: a signal interrupts `wait`, but not a pipeline.
{ tail -n +1 -f --pid="$qemu" -- "$base.results" 2>/dev/null | grep --line-buffered -Ev '^(end|case|time|slow) '; } &
reader=$!
code=0
wait "$qemu" || code=$?
qemu=
wait "$reader" || true
cat -- "$base.qemu" >&2

if read -r passed failed skipped < <(tr -d '\r' <"$base.results" | sed -n 's/^end //p'); then
  printf 'vm: %s: the slowest: %s\n' "$version" "$(tr -d '\r' <"$base.results" |
    sed -n 's/^time //p' | sort -rn | head -n 6 | sed 's/ / s /' | paste -sd, | sed 's/,/, /g')"
  printf 'vm: %s: %d passed, %d failed, %d skipped, %d s\n' "$version" "$passed" "$failed" \
    "$skipped" "$SECONDS"
  ((passed + failed + skipped == planned)) ||
    die "$version: $planned tests were planned; the console is in $log"
  ((failed == 0)) || die "$version: tests failed; the console is in $log"
  ((passed > 0)) || die "$version: no test passed; the console is in $log"
else
  tail -n 20 -- "$log" >&2
  ((code == 124 || code == 137)) && die "$version: no end after $limit s; the console is in $log"
  die "$version: the machine ended before the tests did (qemu: exit code $code); the console is in $log"
fi
