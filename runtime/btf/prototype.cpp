#include "btf/prototype.h"

#include <algorithm>

#include "base/nearest.h"

namespace ebl::btf {
namespace {

// A typedef for each tracepoint that BPF programs may be attached to, without the names
// of parameters; and the function that calls them, with the names.
constexpr std::string_view kTracepointPrefix = "btf_trace_";
constexpr std::string_view kIteratorPrefix = "__traceiter_";

std::string named(std::string_view word, std::string_view name, std::string_view other) {
  if (name.empty()) return std::string(other);
  return word.empty() ? std::string(name) : std::string(word) + " " + std::string(name);
}

Prototype prototype_of(const Btf& btf, TypeId id, std::uint32_t first) {
  Prototype prototype{.result = type_text(btf, btf.target(id))};
  for (std::uint32_t i = first; i < btf.count(id); i++) {
    const Parameter parameter = btf.parameter(id, i);
    if (parameter.type == 0) {
      prototype.variadic = true;
      break;
    }
    std::string name(parameter.name);
    if (name.empty()) name = "arg" + std::to_string(i - first);
    prototype.parameters.push_back({std::move(name), type_text(btf, parameter.type)});
  }
  return prototype;
}

std::vector<std::string> names_of(const Btf& btf, Kind kind, std::string_view prefix) {
  std::vector<std::string> names;
  for (TypeId id = btf.first_id(); id < btf.type_count(); id++)
    if (btf.kind(id) == kind && btf.name(id).starts_with(prefix))
      names.emplace_back(btf.name(id).substr(prefix.size()));
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  return names;
}

using IsWanted = std::function<bool(const std::string&)>;

std::vector<NamedPrototype> prototypes_of(const Btf& btf, std::string_view prefix,
                                          std::uint32_t first,
                                          const IsWanted& is_wanted) {
  std::vector<NamedPrototype> found;
  for (TypeId id = btf.first_id(); id < btf.type_count(); id++) {
    if (btf.kind(id) != Kind::function || !btf.name(id).starts_with(prefix)) continue;
    std::string name(btf.name(id).substr(prefix.size()));
    if (is_wanted(name))
      found.emplace_back(std::move(name), prototype_of(btf, btf.target(id), first));
  }
  return found;
}

Error unknown(const Btf& btf, std::string_view what, std::string_view name, Kind kind,
              std::string_view prefix) {
  return Error{.stage = Stage::attach,
               .code = Code::not_found,
               .message = "the kernel's BTF knows no " + std::string(what) + " '" +
                          std::string(name) + "'",
               .hint = did_you_mean(name, names_of(btf, kind, prefix))};
}

}  // namespace

std::string type_text(const Btf& btf, TypeId id) {
  if (id == 0) return "void";
  const std::string_view name = btf.name(id);
  switch (btf.kind(id)) {
    case Kind::integer:
    case Kind::floating:
    case Kind::type_definition: return std::string(name);
    case Kind::structure: return named("struct", name, "void");
    case Kind::union_type: return named("union", name, "void");
    case Kind::forward:
      return named(btf.kind_flag(id) ? "union" : "struct", name, "void");
    case Kind::enumeration:
    case Kind::enumeration64: return named("enum", name, "int");
    case Kind::const_qualifier: {
      const std::string target = type_text(btf, btf.target(id));
      return target.ends_with('*') ? target : "const " + target;  // not of a pointer
    }
    case Kind::volatile_qualifier:
    case Kind::restrict_qualifier:
    case Kind::type_tag: return type_text(btf, btf.target(id));
    case Kind::pointer: {
      const std::string target = type_text(btf, btf.target(id));
      return target + (target.ends_with('*') ? "*" : " *");
    }
    default: return "void";  // a function or an array: behind a pointer only
  }
}

Result<Prototype> function_prototype(const Btf& btf, std::string_view function) {
  const std::optional<TypeId> id = btf.find(Kind::function, function);
  if (!id) return unknown(btf, "function", function, Kind::function, "");
  return prototype_of(btf, btf.target(*id), 0);
}

Result<Prototype> tracepoint_prototype(const Btf& btf, std::string_view event) {
  const std::string name = std::string(kIteratorPrefix) + std::string(event);
  const std::optional<TypeId> id = btf.find(Kind::function, name);
  if (id) return prototype_of(btf, btf.target(*id), 1);
  return unknown(btf, "tracepoint", event, Kind::type_definition, kTracepointPrefix);
}

std::vector<NamedPrototype> function_prototypes(const Btf& btf,
                                                const IsWanted& is_wanted) {
  return prototypes_of(btf, "", 0, is_wanted);
}

std::vector<NamedPrototype> tracepoint_prototypes(const Btf& btf,
                                                  const IsWanted& is_wanted) {
  return prototypes_of(btf, kIteratorPrefix, 1, is_wanted);
}

std::vector<std::string> function_names(const Btf& btf) {
  return names_of(btf, Kind::function, "");
}

std::vector<std::string> tracepoint_names(const Btf& btf) {
  return names_of(btf, Kind::type_definition, kTracepointPrefix);
}

}  // namespace ebl::btf
