# bash cmake/lint.sh JOBS [CHECK...]: every check runs, or those named (clang-format, luacheck,
# includes, clang-tidy), and the last line says which ones failed.
set -uo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." || exit 1
jobs=$1
wanted=" ${*:2} "
failed=()

check() {
  local name=$1 start=$SECONDS
  shift
  [[ $wanted =~ ^\ *$ || $wanted == *" $name "* ]] || return 0
  if "$@"; then
    printf 'lint: %s: ok (%d s)\n' "$name" "$((SECONDS - start))"
  else
    printf 'lint: %s: FAILED (%d s)\n' "$name" "$((SECONDS - start))"
    failed+=("$name")
  fi
}

# clang-format reports each token; a line for each file is enough to act on.
format() {
  find runtime tests \( -name '*.h' -o -name '*.cpp' \) -print0 | sort -z |
    xargs -0 -r -n 16 clang-format-19 --dry-run -Werror 2>&1 | awk -F: '
      /: error: code should be clang-formatted/ { if (!count[$1]++) first[$1] = $2; next }
      /^(clang-format|error|xargs)/ { print; failed = 1 }
      END {
        for (file in count) {
          failed = 1
          printf "%s:%d: %d places differ from clang-format-19\n", file, first[file], count[file] | "sort"
        }
        exit failed
      }'
}

# Only what the build compiles: other files have no command line to check them with.
tidy() {
  local file
  find "$PWD/runtime" -name '*.cpp' -print0 | while IFS= read -rd '' file; do
    if grep -qF "\"file\": \"$file\"" build/dev/compile_commands.json; then
      printf '%s\0' "$file"
    else
      printf 'lint: clang-tidy: no target compiles %s\n' "$file" >&2
    fi
  done | xargs -0 -r -n 1 -P "$jobs" sh -c '
    out=$(clang-tidy-19 --quiet -p build/dev \
      --extra-arg=-Wno-unknown-warning-option "$1" 2>&1) || {
      printf "%s\n" "$out" | grep -v "warnings.* generated\.$"; exit 1; }' sh
}

lua() {
  find lua scripts tests examples -name '*.lua' -print0 | xargs -0 -r luacheck -q
}

check clang-format format
check luacheck lua
check includes luajit tests/include_check.lua .
check clang-tidy tidy
((${#failed[@]} == 0)) || { printf 'lint: failed: %s\n' "${failed[*]}"; exit 1; }
