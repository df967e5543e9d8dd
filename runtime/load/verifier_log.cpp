#include "load/verifier_log.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace ebl::load {
namespace {

// What explains a refusal stands near the end; a log can have a million lines.
constexpr std::size_t kMostBytes = 4u << 20;

std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

/// Lines that count or trace and never give the reason.
bool is_noise(std::string_view line) {
  static constexpr std::array<std::string_view, 21> kBegin = {
      "processed ",     "verification time ",
      "max_states",     "func#",
      "mark_precise",   "last_idx",
      "regs=",          "parent ",
      "arg#0 refer",    "-- BEGIN",
      "-- END",         "callee:",
      "caller:",        "frame",
      "returning from", "to caller at",
      "cur state:",     "old state:",
      "Live regs",      "propagating",
      "Validating "};
  for (const std::string_view begin : kBegin)
    if (line.starts_with(begin)) return true;
  if (line.starts_with("Func#") && line.find("is safe") != std::string_view::npos)
    return true;
  return line.starts_with("func '") &&
         line.find(" has btf_id ") != std::string_view::npos;
}

/// Whether `text` is a list of states: "R0=1 R10=fp0", "frame1: R1=...", "fp-8=mmmm".
bool is_state(std::string_view text) {
  if (text.starts_with("frame")) return text.find(": ") != std::string_view::npos;
  if (text.starts_with("fp-") || text.starts_with("refs="))
    return text.find('=') != std::string_view::npos;
  if (!text.starts_with('R')) return false;
  const std::size_t equals = text.find_first_not_of("0123456789", 1);
  if (equals == 1 || equals == std::string_view::npos) return false;
  if (text[equals] == '=') return true;
  // R1_w=..., R1_rw=..., R1_rwD=...
  if (text[equals] != '_') return false;
  const std::size_t end = text.find_first_not_of("rwPD", equals + 1);
  return end != std::string_view::npos && text[end] == '=';
}

std::optional<std::size_t> leading_number(std::string_view& text) {
  std::size_t number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

std::optional<int> frame_of(std::string_view state) {
  const std::size_t at = state.find("frame");
  if (at == std::string_view::npos) return std::nullopt;
  state.remove_prefix(at + 5);
  const auto number = leading_number(state);
  if (!number || !state.starts_with(':')) return std::nullopt;
  return static_cast<int>(*number);
}

class LogReader {
 public:
  VerifierLog read(std::string_view text) {
    out_.line_count = count_lines(text);
    if (text.size() > kMostBytes) {
      text.remove_prefix(text.size() - kMostBytes);
      text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
    }
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      line(trim(text.substr(0, end)));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    return std::move(out_);
  }

 private:
  static std::size_t count_lines(std::string_view text) {
    std::size_t count = 0;
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      if (!trim(text.substr(0, end)).empty()) count++;
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    return count;
  }

  void line(std::string_view text) {
    if (text.empty()) return;
    if (report_line(text)) return;
    if (text.starts_with("stack depth ")) {
      out_.stack_depth = text.substr(12);
    } else if (text.starts_with(';')) {
      source_line(trim(text.substr(1)));
    } else if (text.starts_with("from ") && branch(text)) {
    } else if (is_state(text)) {
      state(text);
    } else if (is_noise(text)) {
      if (const auto frame = frame_of(text)) frame_ = *frame;
    } else if (!numbered(text)) {
      if (!out_.reason.empty()) out_.reason += '\n';
      out_.reason += text;
    }
  }

  /// The report of 7.3: headings that end in a colon, and their lines below.
  bool report_line(std::string_view text) {
    if (text.starts_with("Verification failed:")) {
      in_report_ = true;
      section_ = nullptr;
      out_.kernel_reason.clear();
      out_.kernel_suggestion.clear();
      return true;
    }
    if (!in_report_) return false;
    if (text.starts_with("processed ")) {
      in_report_ = false;
      return false;
    }
    if (text == "Reason:") {
      section_ = &out_.kernel_reason;
    } else if (text == "Suggestion:") {
      section_ = &out_.kernel_suggestion;
    } else if (text == "At:" || text == "Causal path:") {
      section_ = nullptr;
    } else if (section_) {
      if (!section_->empty()) *section_ += ' ';
      *section_ += text;
    }
    return true;
  }

  /// "int x = *p; @ script.lua:12", or without a place before 6.9.
  void source_line(std::string_view text) {
    // 6.x prints a state that does not fit its line as "; R1=..." below.
    if (is_state(text)) return state(text);
    location_ = {};
    const std::size_t at = text.rfind(" @ ");
    if (at != std::string_view::npos) {
      const std::string_view place = text.substr(at + 3);
      const std::size_t colon = place.rfind(':');
      int number = 0;
      if (colon != std::string_view::npos &&
          std::from_chars(place.data() + colon + 1, place.data() + place.size(), number)
                  .ec == std::errc()) {
        location_ = {.file = std::string(place.substr(0, colon)), .line = number};
        text = trim(text.substr(0, at));
      }
    }
    source_ = text;
  }

  /// "from 9 to 13: R0=..." (or " safe"): the path goes on behind instruction 9.
  bool branch(std::string_view text) {
    std::string_view rest = text.substr(5);
    const auto from = leading_number(rest);
    if (!from || !rest.starts_with(" to ")) return false;
    rest.remove_prefix(4);
    if (!leading_number(rest)) return false;
    if (rest.starts_with(": safe")) return true;
    resume_at(*from);
    if (const std::size_t colon = rest.find(": "); colon != std::string_view::npos)
      state(trim(rest.substr(colon + 2)), true);
    return true;
  }

  void resume_at(std::size_t instruction) {
    last_.reset();
    for (std::size_t i = out_.steps.size(); i-- > 0;)
      if (out_.steps[i].instruction == instruction) {
        last_ = i;
        frame_ = out_.steps[i].frame;
        break;
      }
    fresh_path_ = true;
  }

  void state(std::string_view text, bool is_entry = false) {
    if (const auto frame = frame_of(text)) frame_ = *frame;
    out_.reason.clear();
    if (is_entry || fresh_path_ || out_.steps.empty())
      before_ = text;
    else if (out_.steps.back().after.empty())
      out_.steps.back().after = text;
  }

  /// "12: (85) call ...  ; R0=...", "12: R0=...". False for what only begins with digits.
  bool numbered(std::string_view text) {
    std::string_view rest = text;
    const auto number = leading_number(rest);
    if (!number || !rest.starts_with(": ")) return false;
    rest = trim(rest.substr(2));
    if (!rest.starts_with('(')) {
      if (!is_state(rest)) return false;
      state(rest, true);
      return true;
    }
    const std::size_t close = rest.find(')');
    if (close == std::string_view::npos) return false;
    rest = trim(rest.substr(close + 1));
    VerifierStep step{.instruction = *number,
                      .text = rest,
                      .before = std::exchange(before_, {}),
                      .source = source_,
                      .location = location_,
                      .frame = frame_,
                      .previous = last_};
    const std::size_t semicolon = rest.find(';');
    std::string_view entry;
    if (semicolon != std::string_view::npos) {
      step.after = trim(rest.substr(semicolon + 1));
      step.text = trim(rest.substr(0, semicolon));
    } else if (const std::size_t at = std::min(rest.find(": R"), rest.find(": frame"));
               at != std::string_view::npos) {
      // "if r1 != 0x0 goto pc+3 13: R0=...": 6.x goes on with the branch it jumps to.
      entry = rest.substr(at + 2);
      step.text = trim(rest.substr(0, rest.rfind(' ', at)));
    }
    out_.reason.clear();
    fresh_path_ = false;
    frame_ = frame_after(step);
    last_ = out_.steps.size();
    out_.steps.push_back(std::move(step));
    if (!entry.empty()) state(entry, true);
    return true;
  }

  static int frame_after(const VerifierStep& step) {
    if (step.text.starts_with("call pc")) return step.frame + 1;
    if (step.text.starts_with("exit") && step.frame > 0) return step.frame - 1;
    return step.frame;
  }

  VerifierLog out_;
  std::string_view source_;
  std::string_view before_;
  Location location_;
  int frame_ = 0;
  std::optional<std::size_t> last_;
  bool fresh_path_ = true;
  bool in_report_ = false;
  std::string* section_ = nullptr;
};

}  // namespace

VerifierLog read_verifier_log(std::string_view log) {
  return LogReader().read(log);
}

}  // namespace ebl::load
