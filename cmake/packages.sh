# Sourced by ./dev and tests/vm/: root's rights, and the packages of packages.list.
# Expects $root, the top of the source tree.

die() { printf '%s: %s\n' "${0##*/}" "$1" >&2; exit "${2:-1}"; }

can_be_root() { ((EUID == 0)) || command -v sudo >/dev/null; }

as_root() {
  can_be_root || die "this needs root and there is no sudo; run it as root: $*" 3
  if ((EUID)); then sudo -- "$@"; else "$@"; fi
}

# logged LOG COMMAND...: quiet unless it fails.
logged() {
  local log=$1
  shift
  mkdir -p -- "${log%/*}" && : >"$log" || die "cannot write $log"
  "$@" >"$log" 2>&1 </dev/null && return
  cat -- "$log" >&2
  die "this failed, its output is above: $*"
}

# missing GROUP...: the packages of these groups of packages.list that are not installed.
missing() {
  local wanted
  command -v dpkg-query >/dev/null || return 0   # not Debian: CMake names what is missing
  mapfile -t wanted < <(awk -v groups=" $* " '
    /^\[/ { inside = index(groups, " " substr($0, 2, length($0) - 2) " ") }
    /^[a-z0-9]/ && inside { print $1 }' "$root/packages.list")
  comm -23 <(printf '%s\n' "${wanted[@]}" | sort -u) \
    <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null |
      sed -n 's/^installed //p' | sort -u)
}

# need GROUP...: installs them.
need() {
  local missing
  mapfile -t missing < <(missing "$@")
  ((${#missing[@]})) || return 0
  can_be_root || die "these packages are missing, and installing them needs root: ${missing[*]}" 3
  printf '%s: installing %s\n' "${0##*/}" "${missing[*]}" >&2
  logged "$root/build/apt.log" as_root apt-get update
  logged "$root/build/apt.log" as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "${missing[@]}"
}
