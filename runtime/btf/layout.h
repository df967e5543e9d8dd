// Layout: a BTF type and everything inside it, as the plain table that Lua builds views
// from.
//
// Typedefs and qualifiers are gone; a pointer is an address and does not pull in what it
// points to. Types refer to each other by their place in `types`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "btf/btf.h"

namespace ebl::btf {

struct LayoutField {
  std::string name;  ///< empty: anonymous, its own fields belong to the outer type
  std::size_t type = 0;
  std::uint32_t offset = 0;  ///< in bits
  std::uint32_t bits = 0;    ///< width of a bit-field, 0 otherwise
};

struct LayoutType {
  enum class Kind {
    integer,
    floating,
    enumeration,
    pointer,
    array,
    structure,
    union_type,
    opaque
  };
  Kind kind = Kind::opaque;
  std::string name;
  std::uint64_t size = 0;  ///< bytes
  bool is_signed = false;
  bool is_bool = false;
  bool is_char = false;  ///< plain C `char`: an array of it is a string
  std::size_t element = 0;
  std::uint32_t count = 0;
  std::vector<LayoutField> fields;
  struct Value {
    std::string name;
    std::uint64_t value = 0;
  };
  std::vector<Value> values;
};

struct Layout {
  std::vector<LayoutType> types;
  std::size_t root = 0;
};

/// Fails with Code::invalid for a type without a size (void, a function, an undefined
/// struct).
Result<Layout> layout_of(const Btf& btf, TypeId root);

/// The id of "struct NAME", "union NAME", "enum NAME", or of a bare NAME of any of these
/// or a typedef.
Result<TypeId> type_by_name(const Btf& btf, const std::string& name);

/// The value of an enumerator, in whatever enumeration it stands first.
Result<std::int64_t> enumerator_value(const Btf& btf, const std::string& name);

}  // namespace ebl::btf
