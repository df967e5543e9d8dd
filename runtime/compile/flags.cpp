#include "compile/flags.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>
#include <optional>
#include <string_view>

#include "base/nearest.h"

namespace ebl::compile {
namespace {

struct Spelling {
  std::string_view user;
  std::string_view front_end;  ///< empty: accepted, and nothing to do
};

/// Flags without a value. Clang's driver renames some on the way to its front end.
constexpr auto kPlain = std::to_array<Spelling>({
    {"-w", "-w"},
    {"-pedantic", "-pedantic"},
    {"-O0", "-O0"},
    {"-O1", "-O1"},
    {"-O", "-O2"},
    {"-O2", "-O2"},
    {"-O3", "-O3"},
    {"-Os", "-Os"},
    {"-Oz", "-Oz"},
    {"-mcpu=v1", "-target-cpu v1"},
    {"-mcpu=v2", "-target-cpu v2"},
    {"-mcpu=v3", "-target-cpu v3"},
    {"-mcpu=v4", "-target-cpu v4"},
    {"-g", ""},
    {"-c", ""},
    {"--target=bpf", ""},
    {"-mlittle-endian", ""},
    {"-fno-stack-protector", ""},
    {"-fno-asynchronous-unwind-tables", ""},
    {"-fno-common", ""},
    {"-fno-exceptions", ""},
    {"-fno-PIC", ""},
    {"-fno-pic", ""},
    {"-fstrict-aliasing", ""},
    {"-fno-strict-aliasing", "-relaxed-aliasing"},
    {"-fno-builtin", "-fno-builtin"},
    {"-ffreestanding", "-ffreestanding"},
    {"-fno-inline", "-fno-inline"},
    {"-fno-inline-functions", "-fno-inline-functions"},
    {"-fno-jump-tables", "-fno-jump-tables"},
    {"-funroll-loops", "-funroll-loops"},
    {"-fno-unroll-loops", "-fno-unroll-loops"},
    {"-fwrapv", "-fwrapv"},
    {"-fms-extensions", "-fms-extensions"},
    {"-fshort-enums", "-fshort-enums"},
    {"-fpack-struct", "-fpack-struct=1"},
    {"-funsigned-char", "-fno-signed-char"},
    {"-fsigned-char", ""},
    {"-fmacro-backtrace-limit=0", "-fmacro-backtrace-limit=0"},
    {"-fno-caret-diagnostics", "-fno-caret-diagnostics"},
    {"-fno-diagnostics-fixit-info", "-fno-diagnostics-fixit-info"},
});

constexpr auto kStandards = std::to_array<std::string_view>(
    {"c89", "c90", "c99", "c11", "c17", "c18", "c23", "gnu89", "gnu90", "gnu99", "gnu11",
     "gnu17", "gnu18", "gnu23"});

Error refused(const std::string& flag) {
  std::vector<std::string> known;
  for (const Spelling& spelling : kPlain) known.emplace_back(spelling.user);
  Error error{.stage = Stage::compile,
              .code = Code::invalid,
              .message = "the compiler flag '" + flag + "' is not accepted"};
  error.hint = did_you_mean(flag, known);
  if (error.hint.empty())
    error.hint =
        "accepted are -D -U -I -W... -O... -std=... -mcpu=... and common -f flags";
  return error;
}

/// `flag` = option + value, or the option with its value as the next flag.
class Cursor {
 public:
  explicit Cursor(std::span<const std::string> flags) : flags_(flags) {}
  bool done() const { return at_ == flags_.size(); }
  const std::string& flag() const { return flags_[at_]; }
  void next() { at_++; }

  /// The value of `option` when the flag here is that option; moves to the flag with the
  /// value.
  std::optional<std::string> value_of(std::string_view option) {
    if (!std::string_view(flag()).starts_with(option)) return std::nullopt;
    std::string value = flag().substr(option.size());
    if (value.empty() && at_ + 1 < flags_.size()) value = flags_[++at_];
    return value;
  }

 private:
  std::span<const std::string> flags_;
  std::size_t at_ = 0;
};

bool is_warning(std::string_view flag) {
  if (!flag.starts_with("-W")) return false;
  return !flag.starts_with("-Wa,") && !flag.starts_with("-Wl,") &&
         !flag.starts_with("-Wp,");
}

bool is_standard(std::string_view flag) {
  return flag.starts_with("-std=") &&
         std::ranges::find(kStandards, flag.substr(5)) != kStandards.end();
}

/// Appends the words of a front-end spelling.
void append_words(std::vector<std::string>& arguments, std::string_view words) {
  while (!words.empty()) {
    const std::size_t space = std::min(words.find(' '), words.size());
    arguments.emplace_back(words.substr(0, space));
    words.remove_prefix(std::min(space + 1, words.size()));
  }
}

}  // namespace

Result<Flags> parse_flags(std::span<const std::string> flags) {
  Flags out;
  for (Cursor cursor(flags); !cursor.done(); cursor.next()) {
    const std::string flag = cursor.flag();
    std::optional<std::string> directory;
    for (const char* option : {"-I", "-iquote", "-isystem"})
      if (!directory) directory = cursor.value_of(option);
    if (directory) {
      if (directory->empty()) return refused(flag);
      out.directories.push_back(std::filesystem::absolute(*directory).lexically_normal());
      continue;
    }
    if (flag == "-target") {
      if (cursor.value_of("-target")->starts_with("bpf")) continue;
      return refused(flag);
    }
    const bool defines = flag.starts_with("-D");
    if (defines || flag.starts_with("-U")) {
      const std::string value = *cursor.value_of(defines ? "-D" : "-U");
      if (value.empty()) return refused(flag);
      out.arguments.push_back((defines ? "-D" : "-U") + value);
      continue;
    }
    const auto plain = std::ranges::find(kPlain, flag, &Spelling::user);
    if (plain != kPlain.end())
      append_words(out.arguments, plain->front_end);
    else if (is_warning(flag) || is_standard(flag))
      out.arguments.push_back(flag);
    else
      return refused(flag);
  }
  return out;
}

}  // namespace ebl::compile
