# bash tests/vm/kernel.sh VERSION: fetches a Debian cloud kernel into the cache and prints
# the directory that holds its vmlinuz, config and lib/modules. Exit code 77: it cannot be
# fetched, and no earlier fetch left one. Suites that this machine's apt does not know come
# from the archive that it does use, by lists of their own in the cache; nothing in apt is
# changed. bash tests/vm/kernel.sh --list: the versions.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
source "$root/cmake/packages.sh"

# version, its releases, the suite that has it: one line each
kernels() {
  cat <<'TABLE'
5.10 5\.10\.[0-9]+-[0-9]+-cloud-amd64 bullseye
6.1  6\.1\.[0-9]+-[0-9]+-cloud-amd64  bookworm
6.12 6\.12\.[0-9].*-cloud-amd64       bookworm-security
7.2  7\.2\.[0-9].*-cloud-amd64        sid
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
state=$cache/apt-$suite   # apt's lists of a suite that this machine does not have
mkdir -p -- "$cache"
log=$cache/fetch-$version.log
exec 8>"$cache/fetch-$version.lock"
flock 8   # the two machines of `vm-test all` fetch different versions
: >"$log"

# Which apt: the machine's own, or one with a single suite. "apt apt-cache …"
quick=(-o Acquire::Retries=2 -o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30)
own=()
apt() { "$1" "${quick[@]}" "${own[@]}" "${@:2}" 8>&-; }

# The newest release of that version that this apt could fetch now.
newest() {
  { apt apt-cache pkgnames linux- 2>>"$log" |
    sed -En "s/^linux-(image|binary)-($pattern)$/\2/p" || true; } | sort -u -rV |
    while read -r release; do
      [[ $(packages_of "$release") ]] || continue
      printf '%s\n' "$release"
      break
    done
}

# The packages that a release is made of: all in one, or several since 7.1.
packages_of() {
  local package
  for package in linux-image-"$1" linux-binary-"$1" linux-base-"$1" linux-modules-"$1"; do
    [[ $(apt apt-cache policy -- "$package" 2>>"$log" | sed -n 's/^  Candidate: //p') =~ ^[0-9] ]] &&
      printf '%s\n' "$package"
  done
  return 0
}

# The archives of this machine's apt, those that are known to be Debian's first: they hold
# every suite.
archives() {
  local filter
  for filter in 'Origin: Debian' 'Created-By: Packages'; do
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "$filter" \
      2>>"$log" | sort -u
  done | awk '!seen[$0]++'
}

# Turns `own` to the suite's lists, brought up to date at most once a day.
use_suite() {
  local archive key=/usr/share/keyrings/debian-archive-keyring.gpg
  mkdir -p -- "$state"/{lists/partial,cache/archives/partial}
  own=(-o Dir::State="$state" -o Dir::Cache="$state/cache" -o Dir::Etc::SourceParts=/dev/null
    -o Dir::Etc::SourceList="$state/sources.list" -o Acquire::Languages=none)
  [[ ! $(find "$state/updated" -mtime -1 2>/dev/null) ]] || return 0
  for archive in $(archives); do
    printf 'deb [arch=amd64%s] %s %s main\n' \
      "$([[ ! -e $key ]] || printf ' signed-by=%s' "$key")" "$archive" "$suite" \
      >"$state/sources.list"
    apt apt-get update --error-on=any >>"$log" 2>&1 || continue
    [[ $(newest) ]] || continue
    : >"$state/updated"
    return 0
  done
  return 1
}

# fetch RELEASE: its packages to $work; false where apt cannot.
fetch() {
  local packages
  mapfile -t packages < <(packages_of "$1")
  ((${#packages[@]})) && (cd -- "$work" && apt apt-get download -- "${packages[@]}") >>"$log" 2>&1
}

# Unpacks the packages in $work to DIRECTORY, which exists only when it is complete.
unpack() {
  local directory=$1 part=$1.part tree=$1.part/deb deb modules release
  rm -rf -- "$part"
  mkdir -p -- "$tree" "$part/lib"
  for deb in "$work"/*.deb; do dpkg-deb -x "$deb" "$tree"; done
  modules=$(find "$tree" -path '*/lib/modules' -type d -print -quit)   # since 6.12 below /usr
  release=$(ls "$modules")
  mv -- "$(find "$tree" -name 'vmlinuz*' -print -quit)" "$part/vmlinuz"
  mv -- "$(find "$tree" -name "config-$release" -o -path "*/$release/config")" "$part/config"
  mv -- "$modules" "$part/lib/modules"
  find "$part/lib/modules" -name '*.ko.xz' -print0 | xargs -0 -r -n 64 -P 2 xz -d
  depmod -b "$part" "$release"
  rm -rf -- "$tree"
  mv -- "$part" "$directory"
}

cached() {
  find "$cache" -mindepth 1 -maxdepth 1 -type d -regextype posix-extended \
    -regex ".*/$pattern" | sort -V | tail -n 1
}

# Without apt, or without the archive, a kernel fetched earlier will do.
release=
if command -v apt-get >/dev/null; then
  release=$(newest)
  if [[ -z $release ]] && use_suite; then release=$(newest); fi
fi
if [[ -z $release ]]; then
  directory=$(cached)
  [[ $directory ]] || {
    tail -n 3 -- "$log" >&2
    die "kernel $version cannot be fetched: no suite of this machine's apt has it, and neither does $suite of its archive" 77
  }
else
  directory=$cache/$release
  if [[ ! -d $directory ]]; then
    work=$(mktemp -d -- "$cache/fetch.XXXXXX")
    trap 'rm -rf -- "$work"' EXIT
    printf 'vm: fetching linux %s\n' "$release" >&2
    if ! fetch "$release"; then
      # The machine's lists are older than its archive: lists of our own are not.
      rm -f -- "$state/updated"
      { use_suite && release=$(newest) && fetch "$release"; } || {
        tail -n 3 -- "$log" >&2
        die "kernel $version cannot be fetched: apt-get download failed ($log)" 77
      }
      directory=$cache/$release
    fi
    [[ -d $directory ]] || unpack "$directory"
  fi
fi
printf '%s\n' "$directory"
