// How C declares what BTF describes: members of structs, one a line, with their places.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "btf/btf.h"

namespace ebl::btf {

/// "int (*next)(struct list *, void *)", "char comm[16]", "struct { … } lock".
std::string declaration(const Btf& btf, TypeId type, std::string_view name);

struct MemberLine {
  std::string name;          ///< empty: an anonymous struct or union
  std::string declaration;   ///< with the width of a bit-field: "unsigned int on : 1"
  std::uint64_t offset = 0;  ///< in bits, from the start of the outermost type
  std::uint64_t size = 0;    ///< in bytes
  std::uint32_t bits = 0;    ///< of a bit-field
  std::uint32_t depth = 0;   ///< inside how many structs without a name of their own
};

/// The members of a struct or union; those of a struct inside it that has no tag come
/// after it, one deeper. Empty for other types.
std::vector<MemberLine> member_lines(const Btf& btf, TypeId id);

/// The tags of all structs, unions or enums, sorted, each once; `keyword` is "struct",
/// "union" or "enum".
std::vector<std::string> tag_names(const Btf& btf, std::string_view keyword);

}  // namespace ebl::btf
