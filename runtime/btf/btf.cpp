#include "btf/btf.h"

#include <linux/btf.h>

#include <cstring>

namespace ebl::btf {
namespace {

Error malformed(const std::string& what) {
  return {
      .stage = Stage::load, .code = Code::invalid, .message = "malformed BTF: " + what};
}

std::uint32_t info_count(std::uint32_t info) {
  return info & 0xffff;
}
std::uint32_t info_kind(std::uint32_t info) {
  return (info >> 24) & 0x1f;
}
bool info_flag(std::uint32_t info) {
  return info >> 31;
}

/// Bytes of a type record, its header included; 0 for an unknown kind.
std::size_t record_size(std::uint32_t info) {
  const std::size_t header = sizeof(btf_type);
  const std::size_t count = info_count(info);
  switch (static_cast<Kind>(info_kind(info))) {
    case Kind::integer: return header + 4;
    case Kind::array: return header + sizeof(btf_array);
    case Kind::structure:
    case Kind::union_type: return header + count * sizeof(btf_member);
    case Kind::enumeration: return header + count * sizeof(btf_enum);
    case Kind::enumeration64: return header + count * 12;
    case Kind::function_prototype: return header + count * sizeof(btf_param);
    case Kind::variable: return header + sizeof(btf_var);
    case Kind::data_section: return header + count * sizeof(btf_var_secinfo);
    case Kind::declaration_tag: return header + 4;
    case Kind::pointer:
    case Kind::forward:
    case Kind::type_definition:
    case Kind::volatile_qualifier:
    case Kind::const_qualifier:
    case Kind::restrict_qualifier:
    case Kind::function:
    case Kind::floating:
    case Kind::type_tag: return header;
    case Kind::void_type: break;
  }
  return 0;
}

/// More than a program's object has, fewer than any kernel.
constexpr std::size_t kKernelEnumerations = 500;

constexpr std::uint32_t kRecordHeaderWords = sizeof(btf_type) / 4;

}  // namespace

Result<Btf> Btf::parse(std::span<const std::byte> bytes, const Btf* base) {
  btf_header header;
  if (bytes.size() < sizeof(header)) return malformed("shorter than its header");
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % 4) return malformed("not aligned");
  if (header.magic != BTF_MAGIC) return malformed("wrong magic number or byte order");
  const std::uint64_t types_end =
      std::uint64_t{header.hdr_len} + header.type_off + header.type_len;
  const std::uint64_t strings_end =
      std::uint64_t{header.hdr_len} + header.str_off + header.str_len;
  if (header.hdr_len < sizeof(header) || types_end > bytes.size() ||
      strings_end > bytes.size() || header.type_off % 4 || header.hdr_len % 4)
    return malformed("a section lies outside the file");

  Btf btf;
  btf.base_ = base;
  btf.first_id_ = base ? base->type_count() : 1;
  btf.first_string_ =
      base ? base->first_string_ + static_cast<std::uint32_t>(base->strings_.size()) : 0;
  btf.types_ = bytes.subspan(header.hdr_len + header.type_off, header.type_len);
  btf.strings_ = {
      reinterpret_cast<const char*>(bytes.data()) + header.hdr_len + header.str_off,
      header.str_len};
  if (btf.strings_.empty() || btf.strings_.back() != '\0')
    return malformed("strings without an end");

  std::size_t enumerations = 0;
  bool has_signs = false;
  btf.offsets_.reserve(header.type_len / 20);
  const std::uint64_t strings_limit =
      std::uint64_t{btf.first_string_} + btf.strings_.size();
  for (std::size_t at = 0; at < btf.types_.size();) {
    if (btf.types_.size() - at < sizeof(btf_type))
      return malformed("a type is cut short");
    const auto* record = reinterpret_cast<const btf_type*>(btf.types_.data() + at);
    const std::size_t size = record_size(record->info);
    if (!size)
      return malformed("unknown kind " + std::to_string(info_kind(record->info)));
    if (size > btf.types_.size() - at) return malformed("a type is cut short");
    if (record->name_off >= strings_limit) return malformed("a name outside the strings");
    btf.offsets_.push_back(static_cast<std::uint32_t>(at));
    at += size;
    if (static_cast<Kind>(info_kind(record->info)) == Kind::enumeration) {
      enumerations++;
      has_signs |= info_flag(record->info);
    }
  }
  // Before 2022 no writer of BTF told the sign, and the values were int32_t. A whole
  // kernel has signed enumerations; where none is marked, the writer was such a one.
  btf.signs_by_value_ =
      base ? base->signs_by_value_ : enumerations > kKernelEnumerations && !has_signs;
  return btf;
}

const std::uint32_t* Btf::words(TypeId id) const {
  if (id < first_id_ && base_) return base_->words(id);
  return reinterpret_cast<const std::uint32_t*>(types_.data() + offsets_[id - first_id_]);
}

std::string_view Btf::string(std::uint32_t offset) const {
  if (offset < first_string_ && base_) return base_->string(offset);
  offset -= first_string_;
  if (offset >= strings_.size()) return {};
  return {strings_.data() + offset};  // the strings end in a NUL, checked by parse()
}

Kind Btf::kind(TypeId id) const {
  return id == 0 || id >= type_count() ? Kind::void_type
                                       : static_cast<Kind>(info_kind(words(id)[1]));
}

std::string_view Btf::name(TypeId id) const {
  return id ? string(words(id)[0]) : "void";
}

bool Btf::kind_flag(TypeId id) const {
  return info_flag(words(id)[1]);
}

std::uint32_t Btf::byte_size(TypeId id) const {
  return words(id)[2];
}

TypeId Btf::target(TypeId id) const {
  return known(words(id)[2]);
}

Integer Btf::integer(TypeId id) const {
  const std::uint32_t encoding = words(id)[kRecordHeaderWords];
  // The BTF of kernel 5.10 calls signed char unsigned.
  return {.is_signed = (BTF_INT_ENCODING(encoding) & BTF_INT_SIGNED) != 0 ||
                       (byte_size(id) == 1 && name(id) == "signed char"),
          .is_bool = (BTF_INT_ENCODING(encoding) & BTF_INT_BOOL) != 0,
          .bits = BTF_INT_BITS(encoding)};
}

Array Btf::array(TypeId id) const {
  const std::uint32_t* record = words(id) + kRecordHeaderWords;
  return {.element = known(record[0]), .count = record[2]};
}

std::uint32_t Btf::count(TypeId id) const {
  return info_count(words(id)[1]);
}

Member Btf::member(TypeId id, std::uint32_t index) const {
  const std::uint32_t* record = words(id) + kRecordHeaderWords + index * 3;
  if (!kind_flag(id))
    return {.name = string(record[0]), .type = known(record[1]), .bit_offset = record[2]};
  return {.name = string(record[0]),
          .type = known(record[1]),
          .bit_offset = BTF_MEMBER_BIT_OFFSET(record[2]),
          .bit_size = BTF_MEMBER_BITFIELD_SIZE(record[2])};
}

Enumerator Btf::enumerator(TypeId id, std::uint32_t index) const {
  if (kind(id) == Kind::enumeration64) {
    const std::uint32_t* record = words(id) + kRecordHeaderWords + index * 3;
    return {.name = string(record[0]),
            .value = record[1] | (std::uint64_t{record[2]} << 32)};
  }
  const std::uint32_t* record = words(id) + kRecordHeaderWords + index * 2;
  // A value of eight bytes has lost its upper half to such a writer, its sign with it.
  const std::uint64_t value =
      kind_flag(id) || (signs_by_value_ && byte_size(id) <= 4)
          ? static_cast<std::uint64_t>(static_cast<std::int32_t>(record[1]))
          : record[1];
  return {.name = string(record[0]), .value = value};
}

bool Btf::is_signed_enumeration(TypeId id) const {
  if (kind_flag(id) || !signs_by_value_) return kind_flag(id);
  for (std::uint32_t i = 0; i < count(id); i++)
    if (static_cast<std::int64_t>(enumerator(id, i).value) < 0) return true;
  return false;
}

Parameter Btf::parameter(TypeId id, std::uint32_t index) const {
  const std::uint32_t* record = words(id) + kRecordHeaderWords + index * 2;
  return {.name = string(record[0]), .type = known(record[1])};
}

SectionVariable Btf::section_variable(TypeId id, std::uint32_t index) const {
  const std::uint32_t* record = words(id) + kRecordHeaderWords + index * 3;
  return {.variable = known(record[0]), .offset = record[1], .size = record[2]};
}

std::int32_t Btf::tag_component(TypeId id) const {
  return static_cast<std::int32_t>(words(id)[kRecordHeaderWords]);
}

std::uint32_t Btf::linkage(TypeId id) const {
  return kind(id) == Kind::variable ? words(id)[kRecordHeaderWords] : count(id);
}

TypeId Btf::resolve(TypeId id) const {
  // A chain longer than this is a loop, which only a hostile file has.
  for (int steps = 0; steps < 64; steps++) {
    switch (kind(id)) {
      case Kind::type_definition:
      case Kind::volatile_qualifier:
      case Kind::const_qualifier:
      case Kind::restrict_qualifier:
      case Kind::type_tag: id = target(id); break;
      default: return id;
    }
  }
  return 0;
}

std::optional<std::uint64_t> Btf::size_of(TypeId id) const {
  std::uint64_t elements = 1;
  for (int steps = 0; steps < 64; steps++) {
    id = resolve(id);
    switch (kind(id)) {
      case Kind::array: {
        const Array dimension = array(id);
        if (__builtin_mul_overflow(elements, dimension.count, &elements))
          return std::nullopt;
        id = dimension.element;
        break;
      }
      case Kind::pointer: return elements * 8;
      case Kind::integer:
      case Kind::floating:
      case Kind::enumeration:
      case Kind::enumeration64:
      case Kind::structure:
      case Kind::union_type: return elements * byte_size(id);
      default: return std::nullopt;
    }
  }
  return std::nullopt;
}

std::optional<TypeId> Btf::find(Kind wanted, std::string_view wanted_name) const {
  for (TypeId id = 1; id < type_count(); id++)
    if (kind(id) == wanted && name(id) == wanted_name) return id;
  return std::nullopt;
}

}  // namespace ebl::btf
