#include "attach/kprobe_multi.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <unordered_set>

#include "attach/holders.h"
#include "attach/sift.h"
#include "base/mounts.h"

namespace ebl::attach {
namespace {

using Functions = std::span<const KernelFunction>;

constexpr std::uint32_t multi_return = 1;  // BPF_F_KPROBE_MULTI_RETURN

bool try_type(bpf_attach_type type) {
  const UniqueFd program = load_smallest(BPF_PROG_TYPE_KPROBE, type);
  if (!program) return false;  // the load of the real one will say why
  // A kernel that knows the type reads the list of functions, which is not there.
  LinkRequest request{.type = static_cast<std::uint32_t>(type)};
  request.kprobe_multi = {
      .flags = 0, .count = 1, .symbols = 0, .addresses = 1, .cookies = 0};
  return !create_link(program.get(), request) && errno == EFAULT;
}

/// The functions that ftrace can patch; empty where that cannot be read.
const std::unordered_set<std::string>& traceable_functions() {
  static const std::unordered_set<std::string> names = [] {
    std::unordered_set<std::string> all;
    const Result<std::string> tracefs = ensure_mounted("tracefs", "/sys/kernel/tracing");
    if (!tracefs) return all;
    std::ifstream file(*tracefs + "/available_filter_functions");
    for (std::string line; std::getline(file, line);)
      all.insert(line.substr(0, line.find(' ')));
    return all;
  }();
  return names;
}

/// One attempt after the other to attach to as many of the functions as can be.
class Attempt {
 public:
  Attempt(load::Program program, bpf_attach_type type, bool returns,
          const Options& options)
      : program_(program), type_(type), returns_(returns), options_(options) {}

  /// Empty, with errno, when the kernel refuses all of it because of any of them.
  UniqueFd attach(Functions functions) const {
    std::vector<std::uint64_t> addresses, cookies;
    bool any_cookie = false;
    for (const KernelFunction& function : functions) {
      addresses.push_back(function.address);
      cookies.push_back(cookie_at(function, options_));
      any_cookie |= cookies.back() != 0;
    }
    LinkRequest request{.type = static_cast<std::uint32_t>(type_)};
    request.kprobe_multi = {
        .flags = returns_ ? multi_return : 0,
        .count = static_cast<std::uint32_t>(functions.size()),
        .symbols = 0,
        .addresses = reinterpret_cast<std::uintptr_t>(addresses.data()),
        .cookies = any_cookie ? reinterpret_cast<std::uintptr_t>(cookies.data()) : 0};
    return create_link(program_, request);
  }

  static bool blames_a_function(int error) {
    return error == EINVAL || error == ENOENT || error == ESRCH || error == EADDRNOTAVAIL;
  }

 private:
  load::Program program_;
  bpf_attach_type type_;
  bool returns_;
  const Options& options_;
};

Error refused(const ProbeSpec& spec, int error, std::size_t count) {
  if (!Attempt::blames_a_function(error))
    return attach_errno(spec, error, {Capability::bpf, Capability::perfmon});
  return attach_error(
      Code::not_supported,
      count == 1
          ? fmt::format("the kernel refuses {}: {}", short_text(spec), errno_text(error))
          : fmt::format("the kernel refuses all {} functions of {}: {}", count,
                        short_text(spec), errno_text(error)),
      "they cannot be traced (notrace, noinstr): probe those that call them");
}

}  // namespace

bool has_kprobe_multi(bpf_attach_type type) {
  static const bool multi = try_type(BPF_TRACE_KPROBE_MULTI);
  static const bool session = try_type(type_kprobe_session);
  return type == type_kprobe_session ? session : multi;
}

Holding attach_multi(load::Program program, bpf_attach_type type, bool returns,
                     Functions functions, const ProbeSpec& spec, const Options& options) {
  const Attempt attempt(program, type, returns, options);
  const auto hold = [&](UniqueFd link, std::size_t count) -> Holding {
    const FunctionCount counts{.attached = count, .left_out = functions.size() - count};
    return Holding(std::make_unique<ManyHolder>(std::move(link), counts));
  };
  if (UniqueFd link = attempt.attach(functions))
    return hold(std::move(link), functions.size());
  const int error = errno;
  if (functions.size() == 1 || !Attempt::blames_a_function(error))
    return refused(spec, error, functions.size());

  // One that cannot be traced spoils all: leave out those that ftrace does not list, and
  // where that is not enough, find them by halves.
  std::vector<KernelFunction> good(functions.begin(), functions.end());
  if (const auto& traceable = traceable_functions(); !traceable.empty()) {
    std::erase_if(
        good, [&](const KernelFunction& one) { return !traceable.contains(one.name); });
    if (good.empty()) return refused(spec, error, functions.size());
    if (UniqueFd link = attempt.attach(good)) return hold(std::move(link), good.size());
  }
  good = sift(
      Functions(good), [&](Functions some) { return attempt.attach(some); },
      Attempt::blames_a_function);
  if (good.empty()) return refused(spec, error, functions.size());
  UniqueFd link = attempt.attach(good);
  if (!link) return refused(spec, errno, good.size());
  return hold(std::move(link), good.size());
}

}  // namespace ebl::attach
