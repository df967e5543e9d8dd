#include "load/test_run.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/permissions.h"
#include "base/unique_fd.h"

namespace ebl::load {
namespace {

// ENOTSUPP of the kernel, which no header of user space names.
constexpr int kNotSupportedByKernel = 524;

enum class ContextOut { none, where_given, always, in_place };

/// What the kernel takes and gives for a program type; anything else is EINVAL there.
struct Shape {
  std::uint32_t type;  ///< bpf_prog_type, of kernels newer than our headers too
  bool takes_packet;
  bool gives_data;
  ContextOut context;
  bool repeats;  ///< the kernel's own loop, with its own clock
};

constexpr std::uint32_t kNetfilter = 32;  // BPF_PROG_TYPE_NETFILTER, kernel 6.4

constexpr auto kShapes = std::to_array<Shape>({
    {BPF_PROG_TYPE_SOCKET_FILTER, true, true, ContextOut::always, true},
    {BPF_PROG_TYPE_SCHED_CLS, true, true, ContextOut::always, true},
    {BPF_PROG_TYPE_SCHED_ACT, true, true, ContextOut::always, true},
    {BPF_PROG_TYPE_CGROUP_SKB, true, true, ContextOut::always, true},
    {BPF_PROG_TYPE_LWT_IN, true, true, ContextOut::always, true},
    {BPF_PROG_TYPE_LWT_OUT, true, true, ContextOut::always, true},
    {BPF_PROG_TYPE_LWT_XMIT, true, true, ContextOut::always, true},
    {BPF_PROG_TYPE_LWT_SEG6LOCAL, true, true, ContextOut::always, true},
    // An xdp_md that the caller does not give would not fit the packet.
    {BPF_PROG_TYPE_XDP, true, true, ContextOut::where_given, true},
    {BPF_PROG_TYPE_FLOW_DISSECTOR, true, true, ContextOut::where_given, true},
    {kNetfilter, true, false, ContextOut::none, true},
    {BPF_PROG_TYPE_SK_LOOKUP, false, false, ContextOut::where_given, true},
    {BPF_PROG_TYPE_RAW_TRACEPOINT, false, false, ContextOut::none, false},
    {BPF_PROG_TYPE_TRACING, false, false, ContextOut::none, false},
    {BPF_PROG_TYPE_STRUCT_OPS, false, false, ContextOut::in_place, false},
    {BPF_PROG_TYPE_SYSCALL, false, false, ContextOut::in_place, false},
});

/// What a packet may grow to.
constexpr std::size_t kGrowth = 64u << 10;
constexpr std::size_t kLargestContext = 4096;
/// Arguments that a raw tracepoint can have, MAX_BPF_FUNC_ARGS of the kernel.
constexpr std::size_t kRawArguments = 12;

std::string type_name(bpf_prog_type type) {
  const char* name = libbpf_bpf_prog_type_str(type);
  return name ? name : "number " + std::to_string(type);
}

Error cannot_run(const Program& program) {
  return {.stage = Stage::load,
          .code = Code::not_supported,
          .message = "this kernel cannot test-run program '" + program.name() +
                     "', of type " + type_name(bpf_program__type(program.handle)),
          .hint =
              "it runs those that get a packet, raw tracepoints, fentry and fexit on "
              "its bpf_fentry_test functions, sk_lookup and syscall programs"};
}

/// Whether the kernel runs the smallest program on a packet with a context that is valid.
bool xdp_takes_context() {
  const bpf_insn smallest[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = XDP_PASS},
      {.code = BPF_JMP | BPF_EXIT}};
  const UniqueFd trial(
      bpf_prog_load(BPF_PROG_TYPE_XDP, "trial", "GPL", smallest, 2, nullptr));
  std::array<std::byte, 64> packet{};
  xdp_md context{.data_end = packet.size()};
  LIBBPF_OPTS(bpf_test_run_opts, options);
  options.data_in = packet.data();
  options.data_size_in = packet.size();
  options.ctx_in = &context;
  options.ctx_size_in = sizeof context;
  return !trial || bpf_prog_test_run_opts(trial.get(), &options) != -EINVAL;
}

Error refused(const Program& program, const Shape& shape, const TestRunInput& input,
              int error_number) {
  if (error_number == kNotSupportedByKernel) return cannot_run(program);
  if (error_number == EPERM || error_number == EACCES) {
    static constexpr std::array kNeeded = {Capability::bpf};
    return explain_permission(Stage::load, "test-run program '" + program.name() + "'",
                              error_number, kNeeded);
  }
  Error error{.stage = Stage::load,
              .code = Code::invalid,
              .message = "the kernel refused to test-run program '" + program.name() +
                         "': " + errno_text(error_number)};
  // EFAULT is what a program of a kind like tp_btf gets.
  const bool of_tracing = shape.type == BPF_PROG_TYPE_TRACING && error_number == EFAULT;
  if (error_number != EINVAL && !of_tracing) return error;
  if (shape.type == BPF_PROG_TYPE_XDP && !input.context.empty() && !xdp_takes_context()) {
    error.code = Code::not_supported;
    error.message += ": this kernel gives programs of type xdp no context";
    error.hint = "leave out ctx";
    return error;
  }
  if (shape.takes_packet)
    error.hint =
        "data must be a whole Ethernet frame that fits a page, and ctx a valid " +
        std::string(shape.type == BPF_PROG_TYPE_XDP ? "struct xdp_md" : "context") +
        " for it";
  else if (shape.type == BPF_PROG_TYPE_TRACING)
    error.hint =
        "only fentry, fexit and fmod_ret programs on bpf_fentry_test functions "
        "of the kernel can be run; tp_btf as SEC(\"raw_tracepoint\")";
  else
    error.hint = "ctx must be as large as the context that the program reads";
  return error;
}

Result<Shape> shape_of(const Program& program, const TestRunInput& input) {
  const auto* found =
      std::ranges::find(kShapes, bpf_program__type(program.handle), &Shape::type);
  if (found == kShapes.end()) return cannot_run(program);
  Error misuse{.stage = Stage::load, .code = Code::invalid};
  const std::string name = "program '" + program.name() + "'";
  if (found->takes_packet && input.data.empty()) {
    misuse.message = name + " runs on a packet, and test_run got no data";
    misuse.hint = "pass data = an Ethernet frame, as a string";
    return misuse;
  }
  if (!found->takes_packet && !input.data.empty()) {
    misuse.message = name + " gets no packet, and test_run got data";
    misuse.hint = "what it gets is its context: pass ctx";
    return misuse;
  }
  return *found;
}

}  // namespace

Result<TestRunOutput> test_run(const Program& program, TestRunInput input) {
  const Result<Shape> shape = shape_of(program, input);
  if (!shape) return shape.error();
  TestRunOutput out;
  // The program may read arguments that the caller leaves out.
  if (shape->type == BPF_PROG_TYPE_RAW_TRACEPOINT)
    input.context.resize(std::max(input.context.size(), kRawArguments * 8));
  const bool context_out =
      shape->context == ContextOut::always ||
      (shape->context == ContextOut::where_given && !input.context.empty());
  if (shape->gives_data) out.data.resize(input.data.size() + kGrowth);
  if (context_out) out.context.resize(kLargestContext);

  LIBBPF_OPTS(bpf_test_run_opts, options);
  options.data_in = input.data.empty() ? nullptr : input.data.data();
  options.data_size_in = static_cast<std::uint32_t>(input.data.size());
  options.ctx_in = input.context.empty() ? nullptr : input.context.data();
  options.ctx_size_in = static_cast<std::uint32_t>(input.context.size());
  options.repeat = shape->repeats ? static_cast<int>(input.times) : 0;
  for (std::uint32_t run = 0; run < (shape->repeats ? 1 : input.times); run++) {
    options.data_out = out.data.empty() ? nullptr : out.data.data();
    options.data_size_out = static_cast<std::uint32_t>(out.data.size());
    options.ctx_out = out.context.empty() ? nullptr : out.context.data();
    options.ctx_size_out = static_cast<std::uint32_t>(out.context.size());
    if (const int result = bpf_prog_test_run_opts(program.fd, &options); result < 0)
      return refused(program, *shape, input, -result);
  }

  out.return_value = options.retval;
  out.data.resize(options.data_size_out);
  if (context_out) out.context.resize(options.ctx_size_out);
  if (shape->context == ContextOut::in_place) out.context = std::move(input.context);
  if (shape->repeats) out.duration = options.duration;
  return out;
}

}  // namespace ebl::load
