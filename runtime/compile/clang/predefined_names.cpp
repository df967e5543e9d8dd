#include "compile/clang/predefined_names.h"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <iterator>

namespace ebl::compile {
namespace {

struct Constant {
  std::string_view name;
  PredefinedConstant constant;
};

template <typename Value>
constexpr PredefinedConstant constant_of(Value value) {
  return {.is_negative = value < Value{0}, .value = static_cast<std::uint64_t>(value)};
}

constexpr Constant kConstants[] = {
#define EBL_CONSTANT(name, value) {#name, constant_of(value)},
#include "bpf_templates/kernel_constants.def"
#undef EBL_CONSTANT
};

/// Sizes in bytes; the sign tells signedness.
struct Integer {
  std::string_view name;
  int bytes;
};

constexpr Integer kIntegers[] = {
    {"u8", 1},           {"u16", 2},       {"u32", 4},       {"u64", 8},
    {"s8", -1},          {"s16", -2},      {"s32", -4},      {"s64", -8},
    {"__u8", 1},         {"__u16", 2},     {"__u32", 4},     {"__u64", 8},
    {"__s8", -1},        {"__s16", -2},    {"__s32", -4},    {"__s64", -8},
    {"uint8_t", 1},      {"uint16_t", 2},  {"uint32_t", 4},  {"uint64_t", 8},
    {"int8_t", -1},      {"int16_t", -2},  {"int32_t", -4},  {"int64_t", -8},
    {"u_int8_t", 1},     {"u_int16_t", 2}, {"u_int32_t", 4}, {"u_int64_t", 8},
    {"__be16", 2},       {"__be32", 4},    {"__be64", 8},    {"__le16", 2},
    {"__le32", 4},       {"__le64", 8},    {"__sum16", 2},   {"__wsum", 4},
    {"unchar", 1},       {"ushort", 2},    {"uint", 4},      {"pid_t", -4},
    {"uid_t", 4},        {"gid_t", 4},     {"dev_t", 4},     {"__u128", 16},
    {"__s128", -16},     {"u128", 16},     {"s128", -16},    {"int_fast8_t", -1},
    {"uint_fast8_t", 1},
};

}  // namespace

std::optional<PredefinedConstant> predefined_constant(std::string_view name) {
  // The programs run on this machine, and its page size is not in BTF.
  if (name == "PAGE_SIZE") return constant_of(::sysconf(_SC_PAGESIZE));
  if (name == "PAGE_SHIFT")
    return constant_of(
        std::countr_zero(static_cast<unsigned long>(::sysconf(_SC_PAGESIZE))));
  const auto* found = std::ranges::find(kConstants, name, &Constant::name);
  if (found == std::end(kConstants)) return std::nullopt;
  return found->constant;
}

std::vector<std::string> predefined_names() {
  std::vector<std::string> names = {"PAGE_SIZE", "PAGE_SHIFT", "bool", "size_t"};
  for (const Constant& constant : kConstants) names.emplace_back(constant.name);
  for (const Integer& integer : kIntegers) names.emplace_back(integer.name);
  return names;
}

clang::QualType predefined_type(const clang::ASTContext& context, std::string_view name) {
  const auto* found = std::ranges::find(kIntegers, name, &Integer::name);
  if (found != std::end(kIntegers)) {
    const bool is_signed = found->bytes < 0;
    switch (is_signed ? -found->bytes : found->bytes) {
      case 1: return is_signed ? context.SignedCharTy : context.UnsignedCharTy;
      case 2: return is_signed ? context.ShortTy : context.UnsignedShortTy;
      case 4: return is_signed ? context.IntTy : context.UnsignedIntTy;
      case 8: return is_signed ? context.LongLongTy : context.UnsignedLongLongTy;
      default: return is_signed ? context.Int128Ty : context.UnsignedInt128Ty;
    }
  }
  if (name == "bool") return context.BoolTy;
  if (name == "size_t" || name == "uintptr_t" || name == "ulong")
    return context.UnsignedLongTy;
  if (name == "ssize_t" || name == "intptr_t" || name == "ptrdiff_t")
    return context.LongTy;
  return {};
}

}  // namespace ebl::compile
