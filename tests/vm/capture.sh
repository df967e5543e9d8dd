# bash tests/vm/capture.sh BUILD VERSION: the verifier logs of a Debian cloud kernel for
# tests/data/verifier/*.c, written to tests/data/verifier/VERSION (see
# tests/capture_verifier_logs.lua).
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
source "$root/cmake/packages.sh"
here=$root/tests/vm
build=$(realpath -- "$1") version=$2
kernel=$(bash "$here/kernel.sh" "$version")
mkdir -p -- "$root/build/vm"
base=$root/build/vm/capture-$version
trap 'rm -f -- "$base.cpio"' EXIT

# The plan is a shell script that /init reads twice: the first time to count.
cat >"$base.plan" <<PLAN
if [ -e /run/vm/counted ]; then
  mkdir -p /run/logs
  cd $root
  export IN_A_VIRTUAL_MACHINE=1
  # One that takes an emulated processor minutes to refuse is given up.
  for source in $root/tests/data/verifier/*.c; do
    name=\${source##*/}
    timeout 60 $build/bin/ebpf-lua $root/tests/capture_verifier_logs.lua /run/logs \${name%.c} ||
      echo "\$name: no end after 60 s"
  done
  { echo BEGIN; tar -C /run/logs -czf - . | base64; echo END; } >\$results
fi
touch /run/vm/counted
PLAN
bash "$here/image.sh" "$build" "$kernel" "$base.plan" "$base.cpio"
timeout -k 5 900 qemu-system-x86_64 -accel "${EBPF_LUA_VM_ACCEL:-tcg}" -cpu max -smp 1 \
  -m 2048 -display none -monitor none -nic none -no-reboot \
  -serial "file:$base.log" -serial "file:$base.results" \
  -kernel "$kernel/vmlinuz" -initrd "$base.cpio" \
  -append "console=ttyS0 quiet panic=-1 lsm=landlock,lockdown,yama,integrity,apparmor,bpf" </dev/null
out=$root/tests/data/verifier/$version
mkdir -p -- "$out"
rm -f -- "$out"/*.log
tr -d '\r' <"$base.results" | sed -n '/^BEGIN$/,/^END$/{//!p}' | base64 -d | tar -C "$out" -xzf -
printf 'vm: %s: %s logs\n' "$version" "$(ls "$out"/*.log | wc -l)"
