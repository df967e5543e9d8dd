// Btf: a read-only index over BTF bytes (kernel, module or object file).
//
// The kernel's BTF has more than 100,000 types and is indexed at every start, so this is
// one pass over the mapped bytes that notes where each type begins; nothing is copied.
// (libbpf's btf__new copies and validates: three times as long, and it would bring libbpf
// into compiler.so.) Format: Documentation/bpf/btf.rst of the kernel.
//
// A split BTF (a module's) holds a reference to its base: ids below base->type_count()
// and string offsets below the base's belong to the base. All views are borrowed from the
// Btf. Thread-safe after construction.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ebl::btf {

using TypeId = std::uint32_t;  ///< 0 is void

/// BTF_KIND_*, with the kernel's numbers.
enum class Kind : std::uint8_t {
  void_type = 0,
  integer = 1,
  pointer = 2,
  array = 3,
  structure = 4,
  union_type = 5,
  enumeration = 6,
  forward = 7,
  type_definition = 8,
  volatile_qualifier = 9,
  const_qualifier = 10,
  restrict_qualifier = 11,
  function = 12,
  function_prototype = 13,
  variable = 14,
  data_section = 15,
  floating = 16,
  declaration_tag = 17,
  type_tag = 18,
  enumeration64 = 19,
};

struct Member {
  std::string_view name;  ///< empty: anonymous
  TypeId type = 0;
  std::uint32_t bit_offset = 0;
  std::uint32_t bit_size = 0;  ///< 0: not a bit-field
};

struct Enumerator {
  std::string_view name;
  std::uint64_t value = 0;  ///< sign-extended to 64 bits when the enumeration is signed
};

struct Parameter {
  std::string_view name;
  TypeId type = 0;  ///< 0 in the last place of a prototype: variadic
};

struct Array {
  TypeId element = 0;
  std::uint32_t count = 0;
};

struct Integer {
  bool is_signed = false;
  bool is_bool = false;
  std::uint32_t bits = 0;
};

/// A variable of a data section: where it lies and how long it is, in bytes.
struct SectionVariable {
  TypeId variable = 0;
  std::uint32_t offset = 0;
  std::uint32_t size = 0;
};

class Btf {
 public:
  /// Indexes `bytes`, which must outlive the result. `base` is the BTF that a split BTF
  /// continues. Fails with Code::invalid on anything malformed.
  static Result<Btf> parse(std::span<const std::byte> bytes, const Btf* base = nullptr);

  /// Reads raw BTF (/sys/kernel/btf/...) or the .BTF section of an ELF file, and owns the
  /// bytes.
  static Result<Btf> from_file(const std::string& path, const Btf* base = nullptr);

  /// A Btf that owns `bytes`.
  static Result<Btf> from_bytes(std::vector<std::byte> bytes, const Btf* base = nullptr);

  /// Ids run from 0 (void) to type_count() - 1, those of the base included.
  TypeId type_count() const { return first_id_ + static_cast<TypeId>(offsets_.size()); }
  /// The first id that is not the base's.
  TypeId first_id() const { return first_id_; }

  // REQUIRES for all below: id < type_count() and the kind named by the function.
  Kind kind(TypeId id) const;
  std::string_view name(TypeId id) const;
  bool kind_flag(TypeId id) const;  ///< forward: union; enumerations see below
  std::uint32_t byte_size(
      TypeId id) const;            ///< integer, float, struct, union, enum, datasec
  TypeId target(TypeId id) const;  ///< pointer, typedef, qualifiers, function, var, tags
  Integer integer(TypeId id) const;
  Array array(TypeId id) const;
  std::uint32_t count(TypeId id) const;  ///< members, enumerators, parameters, variables
  Member member(TypeId id, std::uint32_t index) const;
  Enumerator enumerator(TypeId id, std::uint32_t index) const;  ///< both widths
  bool is_signed_enumeration(TypeId id) const;                  ///< both widths
  Parameter parameter(TypeId id, std::uint32_t index) const;
  SectionVariable section_variable(TypeId id, std::uint32_t index) const;
  std::int32_t tag_component(
      TypeId id) const;  ///< declaration tag: index, or -1 for the whole
  std::uint32_t linkage(
      TypeId id) const;  ///< function, variable: 0 static, 1 global, 2 extern

  /// The words of a type's record where they lie in the bytes: struct btf_type and what
  /// follows it.
  const std::uint32_t* record(TypeId id) const { return words(id); }

  /// Follows typedefs, qualifiers and type tags.
  TypeId resolve(TypeId id) const;
  /// Size in bytes of any complete type; nullopt for void, functions and forwards.
  std::optional<std::uint64_t> size_of(TypeId id) const;
  /// The first type of that kind and name; a linear scan (compile/ keeps its own index).
  std::optional<TypeId> find(Kind kind, std::string_view name) const;

 private:
  Btf() = default;
  const std::uint32_t* words(TypeId id) const;
  /// A file may name any number: one that is no type's is void.
  TypeId known(TypeId id) const { return id < type_count() ? id : 0; }
  std::string_view string(std::uint32_t offset) const;

  const Btf* base_ = nullptr;
  TypeId first_id_ = 0;
  std::uint32_t first_string_ = 0;
  std::vector<std::uint32_t> offsets_;  // byte offset of each own type in types_
  std::span<const std::byte> types_;
  std::string_view strings_;
  std::shared_ptr<const void> owned_;  // the bytes, where this is their owner
  bool signs_by_value_ = false;        // see parse()
};

/// Where the kernel's BTF is: $EBPF_LUA_BTF where set, else /sys/kernel/btf/vmlinux.
std::string kernel_btf_path();

}  // namespace ebl::btf
