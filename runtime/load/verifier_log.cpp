// Reads verifier logs: what the refusal says, and which C line it is about.
#include <array>
#include <charconv>
#include <vector>

#include "load/load_error.h"

namespace ebl::load {
namespace {

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

/// Lines that only count or trace: statistics, register states, instructions, branches.
bool is_trace_line(std::string_view line) {
  for (const std::string_view noise :
       {"processed ", "verification time ", "stack depth ", "max_states", "from ",
        "func#", "mark_precise", "last_idx", "regs=", "parent ", "arg#", "-- BEGIN",
        "-- END"})
    if (line.starts_with(noise)) return true;
  // "12: (85) call ..." and "12: R0=..." and "R1 type=..": the first two are traces, the
  // last is a reason ("R1 type=scalar expected=fp").
  const std::size_t digits = line.find_first_not_of("0123456789");
  return digits != 0 && digits != std::string_view::npos &&
         line.substr(digits).starts_with(":");
}

/// "; int x = *p; @ script.lua:12" -> its two parts. Kernels before 6.9 give the first
/// only.
void read_source_line(std::string_view line, VerifierReason& out) {
  line = trim(line.substr(1));
  out.location = {};
  const std::size_t at = line.rfind(" @ ");
  if (at != std::string_view::npos) {
    const std::string_view place = line.substr(at + 3);
    const std::size_t colon = place.rfind(':');
    int number = 0;
    if (colon != std::string_view::npos &&
        std::from_chars(place.data() + colon + 1, place.data() + place.size(), number)
                .ec == std::errc()) {
      out.location = {.file = std::string(place.substr(0, colon)), .line = number};
      line = trim(line.substr(0, at));
    }
  }
  out.source = std::string(line);
}

/// The number of an instruction line, "12: (85) call ..."; state lines ("12: R0=...")
/// have numbers of their own instruction too, but those of branches may be older.
std::optional<std::size_t> instruction_number(std::string_view line) {
  std::size_t number = 0;
  const auto [end, error] =
      std::from_chars(line.data(), line.data() + line.size(), number);
  if (error != std::errc()) return std::nullopt;
  line.remove_prefix(std::size_t(end - line.data()));
  if (!line.starts_with(": (")) return std::nullopt;
  return number;
}

struct Advice {
  std::string_view reason;
  std::string_view hint;
};

constexpr std::array kAdvice = {
    Advice{"map_value_or_null",
           "a look-up may fail: test the pointer for NULL before it is used"},
    Advice{"ringbuf_mem_or_null",
           "bpf_ringbuf_reserve may fail: test its result for NULL"},
    Advice{"_or_null'", "test the pointer for NULL before it is used"},
    Advice{"Unreleased reference",
           "every path must release it: submit or discard the record, or call the "
           "release helper"},
    Advice{"combined stack size",
           "a program has 512 bytes of stack: keep big data in a per-CPU array of one "
           "entry"},
    Advice{"invalid indirect read from stack",
           "zero the whole structure first (= {}), padding included"},
    Advice{"invalid read from stack",
           "initialise the variable on every path before it is read"},
    Advice{"unbounded memory access",
           "bound the length or index first, for example `i & 63` or `if (n > MAX) "
           "return 0`"},
    Advice{"min value is negative", "make it unsigned, or refuse negative values first"},
    Advice{"outside of the allowed memory range",
           "compare the index with the size before use"},
    Advice{"invalid access to packet",
           "compare the end of what is read with data_end before reading it"},
    Advice{"invalid mem access 'scalar'",
           "a pointer read from the kernel must be read with BPF_CORE_READ or "
           "bpf_probe_read_kernel"},
    Advice{"invalid mem access 'inv'",
           "a pointer read from the kernel must be read with BPF_CORE_READ or "
           "bpf_probe_read_kernel"},
    Advice{"cannot call GPL-restricted function",
           "the text must declare a GPL-compatible licence: char LICENSE[] "
           "SEC(\"license\") = \"GPL\""},
    Advice{"cannot call GPL only function",
           "the text must declare a GPL-compatible licence: char LICENSE[] "
           "SEC(\"license\") = \"GPL\""},
    Advice{"unknown func", "this kind of program cannot call that helper on this kernel"},
    Advice{"program of this type cannot use helper",
           "this kind of program cannot call that helper"},
    Advice{"back-edge",
           "bound the loop with a constant, or use bpf_loop() (5.17 and later)"},
    Advice{"infinite loop detected", "bound the loop with a constant, or use bpf_loop()"},
    Advice{"BPF program is too large",
           "the verifier gave up after a million instructions: shorten loops or use "
           "bpf_loop()"},
    Advice{"R0 !read_ok", "the program must return a value on every path"},
    Advice{"leaks addr", "a kernel pointer may not be stored where user space reads it"},
    Advice{"At program exit", "return one of the values that this hook allows"},
};

}  // namespace

VerifierReason verifier_reason(std::string_view log) {
  VerifierReason out;
  for (const std::string_view line : lines_of(log)) {
    const std::string_view text = trim(line);
    if (text.empty()) continue;
    if (text.starts_with(';'))
      read_source_line(text, out);
    else if (const auto number = instruction_number(text))
      out.instruction = number;
    else if (!is_trace_line(text))
      out.reason = std::string(text);
  }
  return out;
}

std::string verifier_hint(std::string_view reason) {
  for (const Advice& advice : kAdvice)
    if (reason.find(advice.reason) != std::string_view::npos)
      return std::string(advice.hint);
  return "";
}

}  // namespace ebl::load
