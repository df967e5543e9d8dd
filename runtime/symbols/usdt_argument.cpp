#include "symbols/usdt_argument.h"

#include <elf.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace ebl::symbols {
namespace {

using Kind = UsdtArgument::Kind;

/// The 64-bit and the short names of one x86 register, and its place in pt_regs.
struct X86Register {
  std::array<std::string_view, 5> names;  // the last one: bits 8 to 15
  const char* member;
  std::uint16_t offset;
};
constexpr std::uint16_t ip_offset = 128;
constexpr auto x86_registers = std::to_array<X86Register>({
    {{"r15", "r15d", "r15w", "r15b"}, "r15", 0},
    {{"r14", "r14d", "r14w", "r14b"}, "r14", 8},
    {{"r13", "r13d", "r13w", "r13b"}, "r13", 16},
    {{"r12", "r12d", "r12w", "r12b"}, "r12", 24},
    {{"rbp", "ebp", "bp", "bpl"}, "bp", 32},
    {{"rbx", "ebx", "bx", "bl", "bh"}, "bx", 40},
    {{"r11", "r11d", "r11w", "r11b"}, "r11", 48},
    {{"r10", "r10d", "r10w", "r10b"}, "r10", 56},
    {{"r9", "r9d", "r9w", "r9b"}, "r9", 64},
    {{"r8", "r8d", "r8w", "r8b"}, "r8", 72},
    {{"rax", "eax", "ax", "al", "ah"}, "ax", 80},
    {{"rcx", "ecx", "cx", "cl", "ch"}, "cx", 88},
    {{"rdx", "edx", "dx", "dl", "dh"}, "dx", 96},
    {{"rsi", "esi", "si", "sil"}, "si", 104},
    {{"rdi", "edi", "di", "dil"}, "di", 112},
    {{"rip", "eip"}, "ip", ip_offset},
    {{"rsp", "esp", "sp", "spl"}, "sp", 152},
});

std::optional<UsdtRegister> x86_register(std::string_view name) {
  if (!name.starts_with('%') || name.size() < 3) return std::nullopt;
  name.remove_prefix(1);
  for (const X86Register& entry : x86_registers)
    for (std::size_t i = 0; i < entry.names.size(); i++)
      if (entry.names[i] == name)
        return UsdtRegister{.member = entry.member,
                            .offset = entry.offset,
                            .shift = static_cast<std::uint8_t>(i == 4 ? 8 : 0)};
  return std::nullopt;
}

/// The whole text as a number: decimal or 0x, with a sign.
std::optional<std::int64_t> number(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const bool hex = text.starts_with("0x");
  if (hex) text.remove_prefix(2);
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value, hex ? 16 : 10);
  if (error != std::errc() || at != end) return std::nullopt;
  return static_cast<std::int64_t>(negative ? 0 - value : value);
}

std::optional<UsdtRegister> arm64_register(std::string_view name) {
  if (name == "sp" || name == "wsp") return UsdtRegister{.member = "sp", .offset = 248};
  if (name.size() < 2 || (name[0] != 'x' && name[0] != 'w')) return std::nullopt;
  const std::optional<std::int64_t> place = number(name.substr(1));
  if (!place || *place < 0 || *place > 30 || name[1] == '-' || name[1] == '+')
    return std::nullopt;
  return UsdtRegister{.member = "regs[" + std::to_string(*place) + "]",
                      .offset = static_cast<std::uint16_t>(*place * 8)};
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t at = text.find(separator);
    parts.push_back(trimmed(text.substr(0, at)));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

/// What stands before the parenthesis: a number, or SYMBOL[+NUMBER] with %rip.
bool set_displacement(UsdtArgument& argument, std::string_view text,
                      const SymbolDistance& distance) {
  if (text.empty()) return true;
  const bool from_ip = argument.base && argument.base->offset == ip_offset;
  if (const std::optional<std::int64_t> value = number(text)) {
    argument.value = *value;
    return !from_ip;  // counted from the next instruction, whose place is not known
  }
  if (!from_ip || argument.index || !distance) return false;
  const std::size_t sign = text.find_first_of("+-", 1);
  const std::optional<std::int64_t> place = distance(text.substr(0, sign));
  const std::optional<std::int64_t> more = sign == std::string_view::npos
                                               ? std::optional<std::int64_t>(0)
                                               : number(text.substr(sign));
  if (!place || !more) return false;
  argument.value = *place + *more;
  return true;
}

/// "disp(%base,%index,scale)"
bool parse_x86_memory(UsdtArgument& argument, std::string_view place,
                      const SymbolDistance& distance) {
  const std::size_t open = place.find('(');
  if (open == std::string_view::npos || !place.ends_with(')')) return false;
  const std::vector<std::string_view> parts =
      split(place.substr(open + 1, place.size() - open - 2), ',');
  if (parts.size() > 3) return false;
  if (!parts[0].empty()) {
    argument.base = x86_register(parts[0]);
    if (!argument.base || argument.base->shift) return false;
  }
  if (parts.size() > 1) {
    argument.index = x86_register(parts[1]);
    if (!argument.index || argument.index->shift) return false;
  }
  if (parts.size() > 2) {
    static constexpr std::string_view factors[] = {"1", "2", "4", "8"};
    const auto found = std::ranges::find(factors, parts[2]);
    if (found == std::end(factors)) return false;
    argument.scale = static_cast<std::uint8_t>(found - std::begin(factors));
  }
  if (!argument.base && !argument.index) return false;
  argument.kind = Kind::memory;
  return set_displacement(argument, trimmed(place.substr(0, open)), distance);
}

bool parse_x86(UsdtArgument& argument, std::string_view place,
               const SymbolDistance& distance) {
  if (place.starts_with('$')) {
    const std::optional<std::int64_t> value = number(place.substr(1));
    argument.kind = Kind::constant;
    argument.value = value.value_or(0);
    return value.has_value();
  }
  if (place.find('(') != std::string_view::npos)
    return parse_x86_memory(argument, place, distance);
  argument.kind = Kind::in_register;
  argument.base = x86_register(place);
  return argument.base.has_value();
}

/// "[base]", "[base, number]", "[base, index]", "[base, index, lsl number]"
bool parse_arm64_memory(UsdtArgument& argument, std::string_view place) {
  const std::vector<std::string_view> parts =
      split(place.substr(1, place.size() - 2), ',');
  if (parts.size() > 3) return false;
  argument.kind = Kind::memory;
  argument.base = arm64_register(parts[0]);
  if (!argument.base) return false;
  if (parts.size() == 1) return true;
  std::string_view second = parts[1];
  if (second.starts_with('#')) second.remove_prefix(1);
  if (const std::optional<std::int64_t> value = number(second)) {
    argument.value = *value;
    return parts.size() == 2;
  }
  argument.index = arm64_register(second);
  if (!argument.index || second.starts_with('w')) return false;
  if (parts.size() == 2) return true;
  if (!parts[2].starts_with("lsl ")) return false;
  std::string_view shift = trimmed(parts[2].substr(4));
  if (shift.starts_with('#')) shift.remove_prefix(1);
  const std::optional<std::int64_t> scale = number(shift);
  if (!scale || *scale < 0 || *scale > 4) return false;
  argument.scale = static_cast<std::uint8_t>(*scale);
  return true;
}

bool parse_arm64(UsdtArgument& argument, std::string_view place) {
  if (place.starts_with('[') && place.ends_with(']'))
    return parse_arm64_memory(argument, place);
  if (const std::optional<std::int64_t> value = number(place)) {
    argument.kind = Kind::constant;
    argument.value = *value;
    return true;
  }
  argument.kind = Kind::in_register;
  argument.base = arm64_register(place);
  return argument.base.has_value();
}

/// "-4", "8", "8f"
bool set_size(UsdtArgument& argument, std::string_view text) {
  argument.is_signed = text.starts_with('-');
  if (argument.is_signed) text.remove_prefix(1);
  argument.floating = text.ends_with('f');
  if (argument.floating) text.remove_suffix(1);
  if (text != "1" && text != "2" && text != "4" && text != "8") return false;
  argument.size = text[0] - '0';
  return true;
}

UsdtArgument parse_one(std::string_view text, UsdtMachine machine,
                       const SymbolDistance& distance) {
  UsdtArgument argument;
  const std::size_t at = text.find('@');
  // Without a size, as older assemblers' notes have it: a word of the machine.
  const bool sized =
      at == std::string_view::npos || set_size(argument, text.substr(0, at));
  const std::string_view place =
      at == std::string_view::npos ? text : text.substr(at + 1);
  const bool read = sized && (machine == EM_X86_64 ? parse_x86(argument, place, distance)
                              : machine == EM_AARCH64 ? parse_arm64(argument, place)
                                                      : false);
  // Of floating point values only those in memory have bytes that can be read.
  const bool in_vector = argument.floating && argument.kind != Kind::memory;
  if (!read || in_vector)
    argument = {.size = argument.size,
                .is_signed = argument.is_signed,
                .floating = argument.floating};
  argument.text = text;
  return argument;
}

/// The end of the argument that begins at `from`: arm64's brackets have spaces in them.
std::size_t end_of(std::string_view text, std::size_t from) {
  int depth = 0;
  for (std::size_t at = from; at < text.size(); at++) {
    if (text[at] == '[' || text[at] == '(') depth++;
    if (text[at] == ']' || text[at] == ')') depth--;
    if (text[at] == ' ' && depth <= 0) return at;
  }
  return text.size();
}

}  // namespace

std::vector<UsdtArgument> parse_usdt_arguments(std::string_view text, UsdtMachine machine,
                                               const SymbolDistance& distance) {
  std::vector<UsdtArgument> arguments;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == ' ') {
      at++;
      continue;
    }
    const std::size_t end = end_of(text, at);
    arguments.push_back(parse_one(text.substr(at, end - at), machine, distance));
    at = end;
  }
  return arguments;
}

}  // namespace ebl::symbols
