// Reading probe specs: what all kinds share. Each kind's file reads its own part.
#include "attach/spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "attach/kind.h"
#include "base/nearest.h"

namespace ebl::attach {
namespace {

Error invalid_spec(std::string message, std::string hint) {
  return Error{.stage = Stage::attach,
               .code = Code::invalid,
               .message = std::move(message),
               .hint = std::move(hint)};
}

Result<ProbeSpec> parse_rest(const KindInfo& info, std::string_view whole,
                             std::string_view rest) {
  Result<ProbeSpec> spec = info.parse(rest, ProbeSpec{.kind = info.kind});
  if (spec) return spec;
  Error error = spec.take_error();
  error.message = fmt::format("'{}': {}", whole, error.message);
  error.hint = fmt::format("write {}", info.form);
  return error;
}

bool known_section(const KindInfo& info, std::string_view prefix) {
  return std::ranges::find(info.sections, prefix) != info.sections.end();
}

/// What a word that bpftrace knows is called here, as a hint; empty for any other.
std::string bpftrace_word(std::string_view word) {
  struct Word {
    std::string_view theirs, shorter, ours;
  };
  static constexpr Word kWords[] = {
      {"tracepoint", "t", "tracepoint:CATEGORY:EVENT"},
      {"tracepoint", "tp", "tracepoint:CATEGORY:EVENT"},
      {"rawtracepoint", "rt", "raw_tracepoint:EVENT"},
      {"kprobe", "k", "kprobe:FUNCTION"},
      {"kretprobe", "kr", "kretprobe:FUNCTION"},
      {"kfunc", "f", "fentry:FUNCTION"},
      {"kretfunc", "fr", "fexit:FUNCTION"},
      {"uprobe", "u", "uprobe:BINARY:FUNCTION"},
      {"uretprobe", "ur", "uretprobe:BINARY:FUNCTION"},
      {"usdt", "U", "usdt:BINARY:PROVIDER:PROBE"},
      {"profile", "p", "perf:cpu-clock:99hz"},
      {"software", "s", "perf:EVENT:COUNT"},
      {"hardware", "h", "perf:EVENT:COUNT"},
      {"interval", "i", "interval:1s"},
      {"iter", "it", "iter:OBJECT"},
      {"watchpoint", "w", "breakpoint:ADDRESS:w8"},
  };
  for (const Word& known : kWords)
    if (word == known.theirs || word == known.shorter)
      return fmt::format("bpftrace's {} is {} here", word, known.ours);
  return word == "BEGIN" || word == "END"
             ? fmt::format("bpftrace's {} is plain Lua before or after the loop", word)
             : "";
}

}  // namespace

std::string ProbeSpec::text() const {
  const KindInfo& info = info_of(kind);
  const std::string rest = info.text(*this);
  return rest.empty() ? std::string(info.word) : fmt::format("{}:{}", info.word, rest);
}

Result<ProbeSpec> parse_probe_spec(std::string_view text) {
  if (const std::size_t zero = text.find('\0'); zero != std::string_view::npos)
    return invalid_spec(
        fmt::format("a probe's spec has a zero byte behind '{}'", text.substr(0, zero)),
        "");
  const std::size_t colon = text.find(':');
  const std::string_view word = text.substr(0, colon);
  std::vector<std::string> words;
  for (const KindInfo* info : all_kinds()) {
    if (info->word != word) {
      words.emplace_back(info->word);
      continue;
    }
    const bool bare = colon == std::string_view::npos || colon + 1 == text.size();
    if (bare && info->bare) return parse_rest(*info, text, "");
    if (bare)
      return invalid_spec(fmt::format("'{}' does not say where to attach", text),
                          fmt::format("write {}", info->form));
    return parse_rest(*info, text, text.substr(colon + 1));
  }
  if (word.empty())
    return invalid_spec(fmt::format("'{}' does not begin with a kind of probe", text),
                        "write KIND:TARGET, for instance tracepoint:sched:sched_switch");
  std::string hint = bpftrace_word(word);
  if (hint.empty()) hint = did_you_mean(word, words);
  if (hint.empty()) hint = fmt::format("the kinds are {}", fmt::join(words, ", "));
  return invalid_spec(fmt::format("'{}': unknown kind of probe '{}'", text, word), hint);
}

Result<std::optional<ProbeSpec>> spec_of_section(std::string_view section) {
  if (section.starts_with('?'))
    section.remove_prefix(1);  // libbpf: do not load by itself
  const std::size_t slash = section.find('/');
  if (slash == std::string_view::npos) return std::optional<ProbeSpec>();
  const std::string_view prefix = section.substr(0, slash);
  const std::string_view rest = section.substr(slash + 1);
  for (const KindInfo* info : all_kinds()) {
    if (!known_section(*info, prefix)) continue;
    const std::string text =
        info->section_text ? info->section_text(rest) : std::string(rest);
    if (text.empty()) return std::optional<ProbeSpec>();
    Result<ProbeSpec> spec = parse_rest(*info, section, text);
    if (!spec) return spec.take_error();
    return std::optional<ProbeSpec>(std::move(*spec));
  }
  return std::optional<ProbeSpec>();
}

Error malformed(std::string message) {
  return Error{
      .stage = Stage::attach, .code = Code::invalid, .message = std::move(message)};
}

bool is_name(std::string_view text, std::string_view more) {
  const auto ok = [&](char c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return letter || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '$' ||
           c == '@' || more.find(c) != std::string_view::npos;
  };
  return !text.empty() && text != "." && text != ".." && std::ranges::all_of(text, ok);
}

Result<std::uint64_t> parse_number(std::string_view text) {
  std::string_view digits = text;
  const bool hex = digits.starts_with("0x");
  if (hex) digits.remove_prefix(2);
  std::uint64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [at, error] = std::from_chars(digits.data(), end, value, hex ? 16 : 10);
  if (error == std::errc::result_out_of_range)
    return malformed(fmt::format("{} does not fit into 64 bits", text));
  if (error != std::errc() || at != end)
    return malformed(fmt::format("'{}' is not a number", text));
  return value;
}

Result<ProbeSpec> parse_symbol(std::string_view text, ProbeSpec spec) {
  const std::size_t plus = text.find('+');
  const std::string_view name = text.substr(0, plus);
  if (name.find_first_of("*?") != std::string_view::npos)
    return malformed("patterns are not implemented");
  if (!is_name(name, ":~<>,()[]&"))
    return malformed(fmt::format("'{}' is not a function name", name));
  spec.target = name;
  if (plus == std::string_view::npos) return spec;
  const Result<std::uint64_t> offset = parse_number(text.substr(plus + 1));
  if (!offset) return offset.error();
  spec.offset = *offset;
  return spec;
}

std::string symbol_text(const ProbeSpec& spec) {
  if (spec.offset == 0) return spec.target;
  return fmt::format("{}+{:#x}", spec.target, spec.offset);
}

std::string slashes_to_colons(std::string_view rest) {
  std::string text(rest);
  std::ranges::replace(text, '/', ':');
  return text;
}

}  // namespace ebl::attach
