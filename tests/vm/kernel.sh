# bash tests/vm/kernel.sh VERSION: fetches a Debian cloud kernel into the cache and prints
# the directory that holds its vmlinuz, config and lib/modules. Exit code 77: there is no
# such kernel in the suites that this machine's apt knows. Nothing in apt is changed.
# bash tests/vm/kernel.sh --list: the versions.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
source "$root/cmake/packages.sh"

# version, its packages' names, the suite that has it: one line each
kernels() {
  cat <<'TABLE'
5.10 linux-image-5\.10\.[0-9]+-[0-9]+-cloud-amd64  bullseye
6.1  linux-image-6\.1\.[0-9]+-[0-9]+-cloud-amd64   bookworm
6.12 linux-image-6\.12\.[0-9].*-cloud-amd64        bookworm-security
7.2  linux-(image|binary)-7\.2\.[0-9].*-cloud-amd64 sid
TABLE
}

if [[ ${1-} == --list ]]; then
  kernels | cut -d' ' -f1
  exit
fi
version=${1:?a kernel version}
read -r _ pattern suite < <(kernels | grep "^${version//./\\.} ") ||
  die "no kernel $version; there are: $(kernels | cut -d' ' -f1 | tr '\n' ' ')" 2
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ebpf-lua/vm
mkdir -p -- "$cache"

# The newest package of that version that apt could fetch now.
newest() {
  { apt-cache pkgnames linux- | grep -Ex -- "$pattern" || true; } | sort -rV | while read -r package; do
    [[ $(apt-cache policy -- "$package" | sed -n 's/^  Candidate: //p') =~ ^[0-9] ]] || continue
    printf '%s\n' "$package"
    break
  done
}

fetch() { (cd -- "$1" && apt-get download -- "$2") >"$cache/fetch.log" 2>&1; }

# Unpacks a package to DIRECTORY, which exists only when it is complete.
unpack() {
  local deb=$1 directory=$2 work=$2.part release
  rm -rf -- "$work"
  mkdir -p -- "$work/deb" "$work/lib"
  dpkg-deb -x "$deb" "$work/deb"
  mv -- "$work"/deb/boot/vmlinuz-* "$work/vmlinuz"
  mv -- "$work"/deb/boot/config-* "$work/config"
  # since 6.12 below /usr
  mv -- "$(find "$work/deb" -path '*/lib/modules' -type d -print -quit)" "$work/lib/modules"
  release=$(ls "$work/lib/modules")
  find "$work/lib/modules" -name '*.ko.xz' -print0 | xargs -0 -r -n 64 -P 2 xz -d
  depmod -b "$work" "$release"
  rm -rf -- "$work/deb"
  mv -- "$work" "$directory"
}

cached() { find "$cache" -mindepth 1 -maxdepth 1 -type d -regextype posix-extended \
  -regex ".*/$pattern" | sort -V | tail -n 1; }

# Without apt, or without its lists, a kernel fetched earlier will do.
package=$(newest)
if [[ -z $package && -z $(cached) ]] && can_be_root; then
  as_root apt-get update >"$cache/fetch.log" 2>&1 || true
  package=$(newest)
fi
if [[ -z $package ]]; then
  directory=$(cached)
  [[ $directory ]] || die "kernel $version cannot be fetched: no configured suite has it (it is in $suite)" 77
elif [[ ! -d $cache/$package ]]; then
  directory=$cache/$package
  work=$(mktemp -d -- "$cache/fetch.XXXXXX")
  trap 'rm -rf -- "$work"' EXIT
  printf 'vm: fetching %s\n' "$package" >&2
  if ! fetch "$work" "$package"; then
    # the lists are older than the archive
    if can_be_root; then as_root apt-get update >"$cache/fetch.log" 2>&1 || true; fi
    package=$(newest) directory=$cache/$package
    if ! fetch "$work" "$package"; then
      cat -- "$cache/fetch.log" >&2
      die "kernel $version cannot be fetched: apt-get download $package failed" 77
    fi
  fi
  [[ -d $directory ]] || unpack "$work"/*.deb "$directory"
else
  directory=$cache/$package
fi
printf '%s\n' "$directory"
