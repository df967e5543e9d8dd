// ProgramCode: what a loaded program has become in the kernel, with the C lines that it
// comes from: the instructions after the verifier's rewriting ("xlated") and what the JIT
// has made of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace ebl::load {

struct ProgramCode {
  /// A function of the program; the first is the program itself.
  struct Function {
    std::string name;
    std::size_t first = 0;      ///< instruction
    std::uint64_t address = 0;  ///< of the jited code; 0: hidden
    std::size_t begin = 0;      ///< in `jited`, bytes
    std::size_t size = 0;
  };
  struct Line {
    std::size_t instruction = 0;
    std::optional<std::size_t> jited;  ///< where its code begins, in `jited`
    std::string file;
    std::uint32_t number = 0;
    std::string text;
  };
  std::string name;
  std::vector<std::byte> xlated, jited;
  std::vector<Function> functions;
  std::vector<Line> lines;                    ///< in the order of instructions
  std::map<std::uint32_t, std::string> maps;  ///< names by id
};

/// Code::not_permitted where the kernel shows nothing to this process: it takes CAP_BPF.
/// Where kernel.kptr_restrict hides addresses, there are none, and no jited code.
Result<ProgramCode> program_code(int program_fd);

}  // namespace ebl::load
