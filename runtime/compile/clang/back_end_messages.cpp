#include "compile/clang/back_end_messages.h"

#include <algorithm>
#include <array>

namespace ebl::compile {
namespace {

struct Rule {
  std::string_view part;  ///< of LLVM's message
  std::string_view message;
  std::string_view hint;
};

constexpr std::array kRules = {
    Rule{"pass by value not supported",
         "a struct is passed by value to a function that is not inlined",
         "pass a pointer to it, or make the function static __always_inline"},
    Rule{"aggregate returns are not supported",
         "a function that is not inlined returns a struct",
         "return it through a pointer, or make the function static __always_inline"},
    Rule{"only small returns supported", "a function returns more than a register holds",
         "return it through a pointer, or make the function static __always_inline"},
    Rule{"too many arguments",
         "a function that is not inlined has more than five arguments",
         "pass a struct by pointer, or make the function static __always_inline"},
    Rule{"too many args", "a function that is not inlined has more than five arguments",
         "pass a struct by pointer, or make the function static __always_inline"},
    Rule{"stack arguments are not supported",
         "a function that is not inlined has more than five arguments",
         "pass a struct by pointer, or make the function static __always_inline"},
    Rule{"variadic functions are not supported", "a function takes '...'",
         "make it a macro: #define f(...) other(__VA_ARGS__)"},
    Rule{
        "unsupported signed division",
        "BPF divides unsigned numbers only (signed ones from -mcpu=v4 on)",
        "cast both sides to unsigned, or pass cflags = { \"-mcpu=v4\" } on Linux 6.6 and "
        "later"},
    Rule{"unsupported dynamic stack allocation",
         "an array on the stack has a size that is only known at run time",
         "give it a constant size, the largest that is needed"},
    Rule{"unsupported atomic operation", "BPF has no such atomic operation",
         "use __sync_fetch_and_add() without its result, or pass cflags = { "
         "\"-mcpu=v3\" }"},
    Rule{"Invalid usage of the XADD return value",
         "the result of this atomic operation cannot be had",
         "pass cflags = { \"-mcpu=v3\" } (Linux 5.12 and later)"},
};

/// "A call to built-in function '__muldf3' is not supported." -> "__muldf3".
std::string_view called_builtin(std::string_view message) {
  constexpr std::string_view kBegin = "built-in function '";
  const std::size_t at = message.find(kBegin);
  if (at == std::string_view::npos) return {};
  message.remove_prefix(at + kBegin.size());
  return message.substr(0, message.find('\''));
}

BackEndMessage explain_builtin(std::string_view name) {
  if (name == "memcpy" || name == "memmove" || name == "memset" || name == "memcmp") {
    const std::string function(name);
    return {.message = function +
                       "() of more than 1024 bytes, or of a size that is only known at "
                       "run time, is a call, and BPF has no C library",
            .hint =
                "give it a constant size, split it, or loop over the elements; "
                "bpf_probe_read_kernel() copies any size",
            .location = {}};
  }
  if (name.ends_with("ti3") || name.ends_with("ti2"))
    return {.message = "BPF cannot divide or multiply __int128",
            .hint = "compute with u64",
            .location = {}};
  const bool is_floating = name.ends_with("df3") || name.ends_with("sf3") ||
                           name.ends_with("df2") || name.ends_with("sf2") ||
                           name.starts_with("__float") || name.starts_with("__fix");
  if (is_floating)
    return {.message = "BPF has no floating point numbers",
            .hint = "compute with integers (multiply by 1000 first) and divide in Lua",
            .location = {}};
  return {.message = "BPF has no C library: " + std::string(name) + "() cannot be called",
          .hint = "use a bpf_ helper instead",
          .location = {}};
}

BackEndMessage explain_stack(int function_line,
                             const std::vector<LocalVariable>& locals) {
  BackEndMessage out{
      .message =
          "a function's variables take more than the 512 bytes of stack that there "
          "are",
      .hint =
          "keep the big ones in a map: PERCPU_ARRAY(scratch, struct big, 1), and look "
          "up key 0",
      .location = {}};
  const LocalVariable* biggest = nullptr;
  for (const bool same_function : {true, false}) {
    for (const LocalVariable& local : locals)
      if ((!same_function || local.function_line == function_line) &&
          (!biggest || local.bytes > biggest->bytes))
        biggest = &local;
    if (biggest && biggest->bytes >= 64) break;
  }
  if (!biggest) return out;
  out.message += ": '" + biggest->name + "' alone takes " +
                 std::to_string(biggest->bytes) + " in " + biggest->function + "()";
  out.location = biggest->location;
  return out;
}

}  // namespace

BackEndMessage explain_back_end(std::string_view message, int function_line,
                                const std::vector<LocalVariable>& locals) {
  if (message.find("BPF stack limit") != std::string_view::npos)
    return explain_stack(function_line, locals);
  if (const std::string_view name = called_builtin(message); !name.empty())
    return explain_builtin(name);
  for (const Rule& rule : kRules)
    if (message.find(rule.part) != std::string_view::npos)
      return {.message = std::string(rule.message),
              .hint = std::string(rule.hint),
              .location = {}};
  return {.message = std::string(message.substr(0, message.find('\n'))),
          .hint = {},
          .location = {}};
}

}  // namespace ebl::compile
