// Prototype: the parameters of a kernel function or tracepoint, as C text.
//
// Types are written by their names (a pointer to something without a name is void *):
// whoever compiles the text gets the rest from BTF itself.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "btf/btf.h"

namespace ebl::btf {

struct Prototype {
  struct Part {
    std::string name;  ///< "arg0"… where BTF gives none
    std::string type;  ///< "struct task_struct *", "unsigned int"
  };
  std::vector<Part> parameters;
  std::string result;     ///< "void" for tracepoints
  bool variadic = false;  ///< its further arguments are not in `parameters`
};

/// How C writes a type of a parameter or result: one that needs no text behind the name.
std::string type_text(const Btf& btf, TypeId id);

/// Code::not_found, with the nearest, for a function that BTF does not know.
Result<Prototype> function_prototype(const Btf& btf, std::string_view function);

/// What TP_PROTO of a tracepoint declares: without the first
/// parameter, which is the kernel's own.
Result<Prototype> tracepoint_prototype(const Btf& btf, std::string_view event);

/// The same for all functions or all tracepoints whose name `is_wanted`, in one pass.
using NamedPrototype = std::pair<std::string, Prototype>;
std::vector<NamedPrototype> function_prototypes(
    const Btf& btf, const std::function<bool(const std::string&)>& is_wanted);
std::vector<NamedPrototype> tracepoint_prototypes(
    const Btf& btf, const std::function<bool(const std::string&)>& is_wanted);

/// All that have one, sorted, each once.
std::vector<std::string> function_names(const Btf& btf);
std::vector<std::string> tracepoint_names(const Btf& btf);

}  // namespace ebl::btf
