#include "btf/layout.h"

#include <unordered_map>

#include "base/nearest.h"

namespace ebl::btf {
namespace {

class Builder {
 public:
  explicit Builder(const Btf& btf) : btf_(btf) {}

  std::size_t add(TypeId id) {
    id = btf_.resolve(id);
    const auto known = places_.find(id);
    if (known != places_.end()) return known->second;
    const std::size_t place = types_.size();
    places_[id] = place;
    types_.emplace_back();
    if (depth_ == kDeepest) return place;  // opaque
    depth_++;
    LayoutType made = make(id);  // adds what is inside, so types_ may move meanwhile
    depth_--;
    types_[place] = std::move(made);
    return place;
  }
  std::vector<LayoutType> take() { return std::move(types_); }

 private:
  LayoutType make(TypeId id) {
    LayoutType type{.name = std::string(id ? btf_.name(id) : "void"),
                    .size = btf_.size_of(id).value_or(0)};
    switch (btf_.kind(id)) {
      case Kind::integer: {
        const Integer encoding = btf_.integer(id);
        type.kind = LayoutType::Kind::integer;
        type.is_signed = encoding.is_signed;
        type.is_bool = encoding.is_bool;
        type.is_char = type.size == 1 && type.name == "char";
        break;
      }
      case Kind::floating: type.kind = LayoutType::Kind::floating; break;
      case Kind::pointer: type.kind = LayoutType::Kind::pointer; break;
      case Kind::enumeration:
      case Kind::enumeration64:
        type.kind = LayoutType::Kind::enumeration;
        type.is_signed = btf_.is_signed_enumeration(id);
        for (std::uint32_t i = 0; i < btf_.count(id); i++) {
          const Enumerator entry = btf_.enumerator(id, i);
          type.values.push_back({std::string(entry.name), entry.value});
        }
        break;
      case Kind::array:
        type.kind = LayoutType::Kind::array;
        type.count = btf_.array(id).count;
        type.element = add(btf_.array(id).element);
        break;
      case Kind::structure:
      case Kind::union_type:
        type.kind = btf_.kind(id) == Kind::structure ? LayoutType::Kind::structure
                                                     : LayoutType::Kind::union_type;
        for (std::uint32_t i = 0; i < btf_.count(id); i++) {
          const Member member = btf_.member(id, i);
          const std::size_t field_type = add(member.type);
          type.fields.push_back({.name = std::string(member.name),
                                 .type = field_type,
                                 .offset = member.bit_offset,
                                 .bits = member.bit_size});
        }
        break;
      default: type.kind = LayoutType::Kind::opaque; break;
    }
    return type;
  }

  /// Types inside types inside ...: more than this only a hostile file has.
  static constexpr int kDeepest = 200;

  const Btf& btf_;
  int depth_ = 0;
  std::vector<LayoutType> types_;
  std::unordered_map<TypeId, std::size_t> places_;
};

bool is_tag(Kind kind) {
  return kind == Kind::structure || kind == Kind::union_type ||
         kind == Kind::enumeration || kind == Kind::enumeration64;
}

bool matches(Kind kind, std::string_view keyword) {
  if (keyword == "struct") return kind == Kind::structure;
  if (keyword == "union") return kind == Kind::union_type;
  if (keyword == "enum") return kind == Kind::enumeration || kind == Kind::enumeration64;
  return is_tag(kind) || kind == Kind::type_definition || kind == Kind::integer;
}

}  // namespace

Result<Layout> layout_of(const Btf& btf, TypeId root) {
  if (!btf.size_of(root))
    return Error{.stage = Stage::load,
                 .code = Code::invalid,
                 .message = "type '" + std::string(btf.name(btf.resolve(root))) +
                            "' has no size, so it cannot be read"};
  Builder builder(btf);
  const std::size_t place = builder.add(root);
  return Layout{.types = builder.take(), .root = place};
}

Result<TypeId> type_by_name(const Btf& btf, const std::string& name) {
  const std::size_t space = name.find(' ');
  std::string keyword = space == std::string::npos ? "" : name.substr(0, space);
  std::string wanted = name;
  if (keyword == "struct" || keyword == "union" || keyword == "enum")
    wanted = name.substr(name.find_first_not_of(' ', space));
  else
    keyword.clear();
  for (TypeId id = 1; id < btf.type_count(); id++)
    if (matches(btf.kind(id), keyword) && btf.name(id) == wanted) return id;
  std::vector<std::string> names;
  for (TypeId id = 1; id < btf.type_count(); id++)
    if (matches(btf.kind(id), keyword) && !btf.name(id).empty())
      names.emplace_back(btf.name(id));
  return Error{.stage = Stage::load,
               .code = Code::not_found,
               .message = "no type '" + name + "'",
               .hint = did_you_mean(wanted, names)};
}

Result<std::int64_t> enumerator_value(const Btf& btf, const std::string& name) {
  std::vector<std::string> names;
  for (TypeId id = 1; id < btf.type_count(); id++) {
    const Kind kind = btf.kind(id);
    if (kind != Kind::enumeration && kind != Kind::enumeration64) continue;
    for (std::uint32_t i = 0; i < btf.count(id); i++) {
      const Enumerator entry = btf.enumerator(id, i);
      if (entry.name == name) return static_cast<std::int64_t>(entry.value);
      names.emplace_back(entry.name);
    }
  }
  return Error{.stage = Stage::symbols,
               .code = Code::not_found,
               .message = "no enumerator '" + name + "' in the kernel's types",
               .hint = did_you_mean(name, names)};
}

}  // namespace ebl::btf
