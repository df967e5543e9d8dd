#include "btf/declaration.h"

#include <algorithm>

namespace ebl::btf {
namespace {

/// Types inside types inside …: more than this only a hostile file has.
constexpr int kDeepest = 64;

std::string_view keyword_of(const Btf& btf, TypeId id) {
  switch (btf.kind(id)) {
    case Kind::structure: return "struct";
    case Kind::union_type: return "union";
    case Kind::forward: return btf.kind_flag(id) ? "union" : "struct";
    case Kind::enumeration:
    case Kind::enumeration64: return "enum";
    default: return "";
  }
}

std::string join(std::string_view left, std::string_view right) {
  if (right.empty()) return std::string(left);
  std::string text(left);
  if (!left.empty() && !left.ends_with('*')) text += ' ';
  return text.append(right);
}

std::string declare(const Btf& btf, TypeId id, std::string name, int depth);

std::string parameters(const Btf& btf, TypeId id, int depth) {
  std::string text;
  for (std::uint32_t i = 0; i < btf.count(id); i++) {
    if (i > 0) text += ", ";
    const Parameter parameter = btf.parameter(id, i);
    text += parameter.type == 0 ? "..." : declare(btf, parameter.type, "", depth + 1);
  }
  return text.empty() ? "void" : text;
}

/// C writes a type around the name: what is nearest to it comes first.
std::string declare(const Btf& btf, TypeId id, std::string name, int depth) {
  if (depth > kDeepest) return join("void", name);
  if (id == 0) return join("void", name);
  const bool is_pointer = name.starts_with('*');
  switch (btf.kind(id)) {
    case Kind::pointer: return declare(btf, btf.target(id), "*" + name, depth + 1);
    case Kind::array: {
      const Array array = btf.array(id);
      const std::string inner = is_pointer ? "(" + name + ")" : std::move(name);
      return declare(btf, array.element, inner + "[" + std::to_string(array.count) + "]",
                     depth + 1);
    }
    case Kind::function_prototype: {
      const std::string inner = is_pointer ? "(" + name + ")" : std::move(name);
      return declare(btf, btf.target(id), inner + "(" + parameters(btf, id, depth) + ")",
                     depth + 1);
    }
    case Kind::const_qualifier: {
      const TypeId target = btf.target(id);
      if (target != 0 && btf.kind(target) == Kind::pointer)
        return declare(btf, target, join("const", name), depth + 1);
      return "const " + declare(btf, target, std::move(name), depth + 1);
    }
    case Kind::volatile_qualifier:
      return "volatile " + declare(btf, btf.target(id), std::move(name), depth + 1);
    case Kind::restrict_qualifier:
    case Kind::type_tag:
    case Kind::declaration_tag:
      return declare(btf, btf.target(id), std::move(name), depth + 1);
    case Kind::structure:
    case Kind::union_type:
    case Kind::forward:
    case Kind::enumeration:
    case Kind::enumeration64: {
      const std::string_view tag = btf.name(id);
      return join(join(keyword_of(btf, id), tag.empty() ? "{ … }" : tag), name);
    }
    default: return join(btf.name(id), name);
  }
}

bool is_tagless_record(const Btf& btf, TypeId id) {
  const Kind kind = btf.kind(id);
  return (kind == Kind::structure || kind == Kind::union_type) && btf.name(id).empty();
}

std::vector<MemberLine> members_below(const Btf& btf, TypeId id, std::uint64_t base,
                                      std::uint32_t depth) {
  std::vector<MemberLine> lines;
  for (std::uint32_t i = 0; i < btf.count(id); i++) {
    const Member member = btf.member(id, i);
    MemberLine line{.name = std::string(member.name),
                    .declaration = declaration(btf, member.type, member.name),
                    .offset = base + member.bit_offset,
                    .size = btf.size_of(member.type).value_or(0),
                    .bits = member.bit_size,
                    .depth = depth};
    if (member.bit_size > 0) line.declaration += " : " + std::to_string(member.bit_size);
    const std::uint64_t offset = line.offset;
    lines.push_back(std::move(line));
    const TypeId inner = btf.resolve(member.type);
    if (depth == kDeepest || !is_tagless_record(btf, inner)) continue;
    for (MemberLine& below : members_below(btf, inner, offset, depth + 1))
      lines.push_back(std::move(below));
  }
  return lines;
}

}  // namespace

std::string declaration(const Btf& btf, TypeId type, std::string_view name) {
  return declare(btf, type, std::string(name), 0);
}

std::vector<MemberLine> member_lines(const Btf& btf, TypeId id) {
  id = btf.resolve(id);
  const bool is_record =
      btf.kind(id) == Kind::structure || btf.kind(id) == Kind::union_type;
  return is_record ? members_below(btf, id, 0, 0) : std::vector<MemberLine>();
}

std::vector<std::string> tag_names(const Btf& btf, std::string_view keyword) {
  std::vector<std::string> names;
  for (TypeId id = btf.first_id(); id < btf.type_count(); id++)
    if (btf.kind(id) != Kind::forward && keyword_of(btf, id) == keyword &&
        !btf.name(id).empty())
      names.emplace_back(btf.name(id));
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  return names;
}

}  // namespace ebl::btf
