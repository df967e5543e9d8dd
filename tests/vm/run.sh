# bash tests/vm/run.sh BUILD VERSION[,VERSION...]|all [CTEST ARGUMENTS]: the tests of a build
# tree on Debian cloud kernels under qemu (machine.sh runs one). One machine prints a line for
# each test; several run two at a time and print what did not pass, then a line each. "all"
# also writes docs/kernels.md when every test ran. Exit code 1: a test failed or a machine did
# not answer; 77: a kernel cannot be fetched, so nothing was tested on it, and nothing failed
# on the others.
#   EBPF_LUA_VM_JOBS     machines at a time (2)
#   EBPF_LUA_VM_TIMEOUT  seconds for one machine (1500)
#   EBPF_LUA_VM_ACCEL    qemu's accelerator (tcg,tb-size=512)
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
source "$root/cmake/packages.sh"
here=$root/tests/vm
build=$(realpath -- "$1") wanted=$2
shift 2
IFS=, read -ra versions <<<"$wanted"
[[ $wanted != all ]] || mapfile -t versions < <(bash "$here/kernel.sh" --list)
((${#versions[@]} > 1)) || exec bash "$here/machine.sh" "$build" "${versions[0]}" "$@"
out=$root/build/vm
mkdir -p -- "$out"
declare -A code=() running=()   # exit code by version; version by process
trap 'kill "${!running[@]}" 2>/dev/null; exit 130' INT TERM HUP

# Waits for one machine and shows what it has to say.
finish_one() {
  local process version status=0
  wait -n -p process "${!running[@]}" || status=$?
  version=${running[$process]}
  unset "running[$process]"
  code[$version]=$status
  sed -n "/^\(FAIL\|skip\|note\||\|vm:\|machine\.sh:\)/s/^/$version: /p" -- "$out/$version.out"
}

for version in "${versions[@]}"; do
  ((${#running[@]} < ${EBPF_LUA_VM_JOBS:-2})) || finish_one
  bash "$here/machine.sh" "$build" "$version" "$@" >"$out/$version.out" 2>&1 &
  running[$!]=$version
  printf '%s: started; its whole output is in %s\n' "$version" "$out/$version.out"
done
while ((${#running[@]})); do finish_one; done

printf '\n'
worst=0
for version in "${versions[@]}"; do
  case ${code[$version]} in
    0) ;;
    77) ((worst)) || worst=77 ;;
    *) worst=1 ;;
  esac
  printf 'vm: %s: %s\n' "$version" "$(sed -n 's/^vm: [^:]*: \(.* passed, .*\|SKIPPED.*\)/\1/p' \
    -- "$out/$version.out" | tail -n 1 | grep . || printf 'no result (exit code %d)' "${code[$version]}")"
done
luajit "$root/tests/features.lua" check "$root" || worst=1
# Part of the tests, or a machine that failed, would put half a truth into the table.
if [[ $wanted == all && $# == 0 && $worst != 1 ]]; then
  luajit "$root/tests/features.lua" table "$root" "$out" >"$out/kernels.md"
  mv -- "$out/kernels.md" "$root/docs/kernels.md"
  printf 'vm: docs/kernels.md is written\n'
fi
exit "$worst"
