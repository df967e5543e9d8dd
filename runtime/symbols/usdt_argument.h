// UsdtArgument: where a statically defined probe (USDT) leaves one of its arguments, from
// the text that <sys/sdt.h> lets the assembler write: "-4@%eax", "8@16(%rbx,%rcx,8)",
// "4@$12"; on arm64 "8@x0", "-4@[sp, 12]", "8@5".
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ebl::symbols {

/// A register of the traced process as the kernel's struct pt_regs holds it.
struct UsdtRegister {
  std::string member;        ///< in C: "bx", "regs[3]"
  std::uint16_t offset = 0;  ///< in bytes from the start of pt_regs
  std::uint8_t shift = 0;    ///< bits to the right: 8 for %ah and its like
  bool operator==(const UsdtRegister&) const = default;
};

struct UsdtArgument {
  enum class Kind {
    constant,     ///< `value`
    in_register,  ///< `base`
    memory,      ///< at base + (index << scale) + value; without base, at the index alone
    unreadable,  ///< vector registers and forms that are not known: see `text`
  };
  Kind kind = Kind::unreadable;
  int size = 8;  ///< in bytes: 1, 2, 4 or 8
  bool is_signed = false;
  bool floating = false;
  std::int64_t value = 0;
  std::optional<UsdtRegister> base;
  std::optional<UsdtRegister> index;
  std::uint8_t scale = 0;  ///< as a shift: 3 for eight
  std::string text;        ///< as written

  bool operator==(const UsdtArgument&) const = default;
};

/// Whose registers the text names: an ELF machine, EM_X86_64 (also for EM_386) or
/// EM_AARCH64. Of any other, every argument is unreadable.
using UsdtMachine = std::uint16_t;

/// The distance of a variable from the probe, for arguments such as "4@counter(%rip)";
/// nullopt where the file has no such symbol.
using SymbolDistance = std::function<std::optional<std::int64_t>(std::string_view name)>;

/// Reads all arguments of a probe. Text that makes no sense becomes unreadable arguments:
/// the probe itself can be attached all the same.
std::vector<UsdtArgument> parse_usdt_arguments(std::string_view text, UsdtMachine machine,
                                               const SymbolDistance& distance);

}  // namespace ebl::symbols
