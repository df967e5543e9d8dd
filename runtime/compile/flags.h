// The compiler flags that a user may pass, checked and turned into what clang's front end
// takes.
//
// Accepted:
//   -DNAME[=VALUE] -UNAME        (also with the name as the next flag, like -D NAME)
//   -IDIR -iquote DIR -isystem DIR   a directory that #include may read; relative to the
//   caller's -W... -pedantic -w           warnings, but not -Wa, -Wl, -Wp, (they carry
//   other flags) -O0 -O1 -O2 -O3 -Os -Oz      (-O2 is the default) -std=c99 ... gnu23
//   (gnu17 is the default) -mcpu=v1 ... v4              (v3 is the default) the -f flags
//   of the table in flags.cpp -g -c -target bpf --target=bpf -mlittle-endian   as what
//   happens anyway
// Everything else is refused: many clang flags read or write files or load plug-ins.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace ebl::compile {

struct Flags {
  std::vector<std::string> arguments;    ///< for `clang -cc1`
  std::vector<std::string> directories;  ///< absolute, in the order given
};

/// Code::invalid names the first flag that is refused.
Result<Flags> parse_flags(std::span<const std::string> flags);

}  // namespace ebl::compile
