#include "load/verifier_explanation.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <regex>

#include "load/helper_name.h"
#include "load/register_state.h"
#include "load/value_origin.h"
#include "load/verifier_log.h"
#include "load/verifier_rules.h"

namespace ebl::load {
namespace {

using Match = std::match_results<std::string::const_iterator>;

std::optional<std::size_t> number_in(std::string_view text) {
  std::size_t number = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), number).ec != std::errc())
    return std::nullopt;
  return number;
}

/// The first register that a text names: "R2 type=..." -> 2.
std::optional<int> register_in(const std::string& text) {
  static const std::regex kRegister(R"(\bR(\d+))");
  std::smatch match;
  if (!std::regex_search(text, match, kRegister)) return std::nullopt;
  const auto number = number_in(match[1].str());
  return number && *number <= 10 ? std::optional(static_cast<int>(*number))
                                 : std::nullopt;
}

/// Calls after which pointers into packets, records and objects are gone.
bool ends_pointers(std::string_view call) {
  static constexpr std::array<std::string_view, 12> kParts = {
      "_submit", "_discard",   "_release", "adjust_", "change_",     "pull_data",
      "_pop",    "_push_data", "_destroy", "unlock",  "store_bytes", "csum_replace"};
  return std::ranges::any_of(kParts, [call](std::string_view part) {
    return call.find(part) != std::string_view::npos;
  });
}

/// "call bpf_ringbuf_submit#132" -> "bpf_ringbuf_submit"; empty when it is none.
std::string_view called(std::string_view instruction) {
  if (!instruction.starts_with("call ")) return {};
  instruction.remove_prefix(5);
  return instruction.substr(0, instruction.find_first_of("# "));
}

/// "181" -> "bpf_loop(), number 181"; "9999" -> "number 9999".
std::string helper_in(const std::string& text) {
  const std::string name = helper_name(number_in(text).value_or(0));
  return (name.empty() ? "" : name + "(), ") + "number " + text;
}

class Explainer {
 public:
  Explainer(std::string_view text, const LineOf& lines)
      : log_(read_verifier_log(text)), lines_(lines) {
    if (!log_.steps.empty()) refused_ = log_.steps.size() - 1;
  }

  VerifierExplanation explain() {
    VerifierExplanation out;
    for (const auto& group : verifier_rules())
      for (const VerifierRule& rule : group)
        if (apply(rule, out)) return finish(std::move(out));
    out.sentence = !log_.kernel_reason.empty() ? log_.kernel_reason : last_reason();
    out.remedy = log_.kernel_suggestion;
    out.is_known = !log_.kernel_reason.empty();
    place_ = line_of_step(refused_);
    return finish(std::move(out));
  }

 private:
  // What is known about the register that a rule speaks of.
  struct Facts {
    std::optional<ValueOrigin> origin;
    std::optional<SourceLine> origin_line;
    std::optional<SourceLine> branch_line;  ///< where a path that leaks turned off
    std::string name;
    std::string call;
    std::string_view state;
    std::string limit;
    std::string ended_by;
    std::string helper;
    std::optional<int> number;
  };

  bool apply(const VerifierRule& rule, VerifierExplanation& out) {
    const std::regex pattern(rule.pattern, std::regex::ECMAScript);
    Match match;
    if (!std::regex_search(log_.reason, match, pattern)) return false;
    place_ = line_of_step(refused_);
    Facts facts;
    if (!gather(rule, match, facts)) return false;
    const auto sentence = fill(rule.sentence, rule, match, facts);
    const auto remedy = fill(rule.remedy, rule, match, facts);
    if (!sentence || !remedy) return false;
    out.sentence = *sentence;
    out.remedy = *remedy;
    out.is_known = true;
    out.kernel_lacks_it = rule.kernel_lacks_it;
    facts_ = facts;
    return true;
  }

  bool gather(const VerifierRule& rule, const Match& match, Facts& facts) {
    switch (rule.subject) {
      case Subject::none: return true;
      case Subject::loop:
        if (const auto loop = busiest_loop()) place_ = line_of_step(loop);
        return true;
      case Subject::instruction: {
        const auto number = number_in(match[1].str());
        if (number) place_ = line_of_instruction(*number);
        return true;
      }
      case Subject::helper: facts.helper = helper_in(match[1].str()); return true;
      case Subject::reference: {
        const auto number = number_in(match[1].str());
        if (number) acquired_at(*number, facts);
        return true;
      }
      case Subject::value:
        trace(register_in(match[0].str()), Follow::base, facts);
        return true;
      case Subject::address: trace(address_in(match), Follow::base, facts); return true;
      case Subject::null: {
        trace(address_in(match), Follow::base, facts);
        const auto range = range_of(facts.state);
        return range && range->low == 0 && range->high == 0;
      }
      case Subject::addend: trace_addend(match, facts); return true;
      case Subject::ended: return trace_ended(match, facts);
    }
    return true;
  }

  std::optional<int> address_in(const Match& match) const {
    if (const auto number = register_in(match[0].str())) return number;
    return refused_ ? address_register(log_.steps[*refused_].text) : std::nullopt;
  }

  void trace(std::optional<int> number, Follow follow, Facts& facts) {
    if (!number || !refused_ || *number > 9) return;
    facts.number = number;
    facts.state = state_before(log_, *refused_, "R" + std::to_string(*number));
    facts.origin = find_origin(log_, *refused_, *number, follow);
    if (!facts.origin) return;
    if (!facts.origin->state.empty()) facts.state = facts.origin->state;
    // An address on the stack is no value of a variable, but where one lies.
    if (facts.state.starts_with("fp"))
      facts.origin.reset();
    else
      name_origin(facts);
  }

  void name_origin(Facts& facts) {
    facts.call = facts.origin->call;
    if (facts.origin->is_argument) return;
    facts.origin_line = line_of_step(facts.origin->step);
    if (!facts.origin_line || same_line(*facts.origin_line)) {
      facts.origin_line.reset();
      return;
    }
    facts.name = assigned_name(facts.origin_line->text);
  }

  bool same_line(const SourceLine& line) const {
    return place_ && place_->text == line.text &&
           place_->location.line == line.location.line;
  }

  void trace_addend(const Match& match, Facts& facts) {
    if (!refused_) return;
    const std::string_view text = log_.steps[*refused_].text;
    // "r0 += r1" itself was refused: the number is one of the two.
    static const std::regex kAdd(R"(^r(\d{1,2}) \+= r(\d{1,2}))");
    std::cmatch add;
    if (std::regex_search(text.data(), text.data() + text.size(), add, kAdd)) {
      const int left = std::stoi(add[1]), right = std::stoi(add[2]);
      const bool left_is_number =
          is_number(state_before(log_, *refused_, "R" + std::to_string(left)));
      trace(left_is_number ? left : right, Follow::number, facts);
      return;
    }
    trace(address_in(match), Follow::addend, facts);
    if (!facts.origin || facts.state.empty() || !is_number(facts.state)) {
      facts = {};
      return;
    }
    facts.number.reset();
    facts.limit = first_outside(facts);
  }

  /// The smallest index that is outside of what "value_size=128 off=128 size=8" says.
  std::string first_outside(const Facts& facts) const {
    static const std::regex kAccess(
        R"((?:value|mem)_size=(\d{1,10}) off=(-?\d{1,10}) size=(\d{1,10}))");
    std::smatch match;
    const auto range = range_of(facts.state);
    if (!std::regex_search(log_.reason, match, kAccess) || !range || range->low < 0)
      return "";
    const std::int64_t whole = std::stoll(match[1]), offset = std::stoll(match[2]),
                       size = std::stoll(match[3]);
    const auto scale = static_cast<std::int64_t>(facts.origin->scale);
    if (range->high > (1u << 30) || scale <= 0) return "";
    const std::int64_t fixed = offset - static_cast<std::int64_t>(range->high) * scale;
    if (fixed < 0 || fixed + size > whole) return "";
    return std::to_string((whole - size - fixed) / scale + 1);
  }

  /// A pointer that was one when it was last seen, and is a number now.
  bool trace_ended(const Match& match, Facts& facts) {
    trace(register_in(match[0].str()), Follow::base, facts);
    if (!facts.origin || facts.state.empty() || is_number(facts.state)) return false;
    if (facts.state.starts_with("ctx") || facts.state.starts_with("fp")) return false;
    for (std::size_t at = *refused_; log_.steps[at].previous;) {
      at = *log_.steps[at].previous;
      if (at == facts.origin->step) break;
      const std::string_view call = called(log_.steps[at].text);
      if (!ends_pointers(call)) continue;
      facts.ended_by = std::string(call) + "()";
      if (const auto line = line_of_step(at); line && line->location.line > 0)
        facts.ended_by += " in line " + std::to_string(line->location.line);
      return true;
    }
    return false;
  }

  void acquired_at(std::size_t instruction, Facts& facts) {
    for (std::size_t i = log_.steps.size(); i-- > 0;) {
      if (log_.steps[i].instruction != instruction) continue;
      facts.origin = ValueOrigin{.step = i};
      facts.origin->call = called(log_.steps[i].text);
      name_origin(facts);
      facts.branch_line = last_branch(i);
      return;
    }
  }

  /// The last condition on the refused path behind step `begin`.
  std::optional<SourceLine> last_branch(std::size_t begin) const {
    for (std::size_t at = *refused_; log_.steps[at].previous;) {
      at = *log_.steps[at].previous;
      if (at == begin) break;
      if (!log_.steps[at].text.starts_with("if ")) continue;
      if (const auto line = line_of_step(at); line && !same_line(*line)) return line;
      return std::nullopt;
    }
    return std::nullopt;
  }

  /// The backward jump that was taken most often.
  std::optional<std::size_t> busiest_loop() const {
    std::map<std::size_t, std::pair<std::size_t, std::size_t>> count;  // -> times, step
    for (std::size_t i = 0; i < log_.steps.size(); i++) {
      const auto previous = log_.steps[i].previous;
      if (!previous) continue;
      const VerifierStep& jump = log_.steps[*previous];
      if (log_.steps[i].instruction > jump.instruction ||
          jump.frame != log_.steps[i].frame ||
          jump.text.find("goto") == std::string_view::npos)
        continue;
      auto& entry = count[jump.instruction];
      entry.first++;
      entry.second = *previous;
    }
    std::optional<std::size_t> best;
    std::size_t most = 0;
    for (const auto& [instruction, entry] : count)
      if (entry.first > most) {
        most = entry.first;
        best = entry.second;
      }
    return best;
  }

  std::optional<SourceLine> line_of_instruction(std::size_t instruction) const {
    if (lines_)
      if (auto line = lines_(instruction)) return line;
    for (std::size_t i = log_.steps.size(); i-- > 0;)
      if (log_.steps[i].instruction == instruction) return from_log(log_.steps[i]);
    return std::nullopt;
  }

  std::optional<SourceLine> line_of_step(std::optional<std::size_t> step) const {
    if (!step) return std::nullopt;
    const VerifierStep& at = log_.steps[*step];
    if (lines_)
      if (auto line = lines_(at.instruction)) {
        if (line->text.empty()) line->text = at.source;
        return line;
      }
    return from_log(at);
  }

  static std::optional<SourceLine> from_log(const VerifierStep& step) {
    if (step.source.empty()) return std::nullopt;
    return SourceLine{.location = step.location, .text = std::string(step.source)};
  }

  /// The last of several lines.
  std::string last_reason() const {
    return log_.reason.substr(log_.reason.rfind('\n') + 1);
  }

  /// Nothing where a placeholder has no value: the rule does not fit then.
  std::optional<std::string> fill(std::string_view text, const VerifierRule& rule,
                                  const Match& match, const Facts& facts) const {
    std::string out;
    while (!text.empty()) {
      const std::size_t at = std::min(text.find_first_of("${"), text.size());
      out += text.substr(0, at);
      text.remove_prefix(at);
      if (text.empty()) break;
      if (text[0] == '$' && text.size() > 1 && text[1] >= '1' && text[1] <= '9') {
        out += match[static_cast<std::size_t>(text[1] - '0')].str();
        text.remove_prefix(2);
        continue;
      }
      const std::size_t close = text.find('}');
      const bool is_word =
          text[0] == '{' && close != std::string_view::npos && close > 1 &&
          text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_", 1) == close;
      if (!is_word) {
        out += text[0];
        text.remove_prefix(1);
        continue;
      }
      const auto value = fact(text.substr(1, close - 1), rule, facts);
      if (!value) return std::nullopt;
      out += *value;
      text.remove_prefix(close + 1);
    }
    return out;
  }

  std::optional<std::string> fact(std::string_view word, const VerifierRule& rule,
                                  const Facts& facts) const {
    if (word == "name") return facts.name.empty() ? rule.thing : "'" + facts.name + "'";
    if (word == "variable") return facts.name.empty() ? "p" : facts.name;
    if (word == "index") return facts.name.empty() ? "i" : facts.name;
    if (word == "call") return facts.call.empty() ? "" : " (from " + facts.call + "())";
    if (word == "argument")
      return facts.number ? std::to_string(*facts.number) : std::string("?");
    std::string value;
    if (word == "range") {
      const auto range = range_of(facts.state);
      if (range) value = range_text(*range);
    } else if (word == "low_range") {
      value = low_range(facts.state);
    } else if (word == "pointer") {
      value = pointer_text(facts.state);
    } else if (word == "limit") {
      value = facts.limit;
    } else if (word == "ended_by") {
      value = facts.ended_by;
    } else if (word == "helper") {
      value = facts.helper;
    }
    if (value.empty()) return std::nullopt;
    return value;
  }

  /// The bounds of the low 32 bits, where only these have any.
  static std::string low_range(std::string_view state) {
    const auto range = range_of(state);
    const auto high = number_in(state_field(state, "umax32"));
    if (!range || !high || (range->low >= 0 && range->high <= UINT32_MAX)) return "";
    return range_text({.low = 0, .high = *high});
  }

  static std::string code_line(const SourceLine& line) {
    std::string number =
        line.location.line > 0 ? std::to_string(line.location.line) : std::string();
    number.insert(0, 6 - std::min<std::size_t>(6, number.size()), ' ');
    return number + " | " + line.text + "\n";
  }

  VerifierExplanation finish(VerifierExplanation out) {
    // What is said about the program as a whole is said at its beginning.
    if (!place_ && !log_.reason.empty()) place_ = line_of_instruction(0);
    if (place_) {
      out.location = place_->location;
      out.notes += code_line(*place_);
    }
    out.notes += value_note();
    if (facts_.branch_line)
      out.notes += "  on the way there:\n" + code_line(*facts_.branch_line);
    if (!log_.stack_depth.empty() && log_.stack_depth.find('+') != std::string::npos &&
        log_.reason.find("stack") != std::string::npos)
      out.notes += "  stack of each function: " + log_.stack_depth + " bytes\n";
    for (std::size_t at = 0; at < log_.reason.size();) {
      const std::size_t end = std::min(log_.reason.find('\n', at), log_.reason.size());
      out.notes += "  the kernel says: " + log_.reason.substr(at, end - at) + "\n";
      at = end + 1;
    }
    return out;
  }

  /// "  value (R0) is a value of map 'counts', or NULL, from line 7:" and that line.
  std::string value_note() const {
    std::string what = facts_.name.empty() ? "it" : facts_.name;
    if (facts_.number) what += " (R" + std::to_string(*facts_.number) + ")";
    std::string state;
    if (is_number(facts_.state)) {
      const auto range = range_of(facts_.state);
      if (range && (range->low > INT64_MIN || range->high < INT64_MAX))
        state = range_text(*range);
    } else if (!facts_.state.empty()) {
      state = pointer_text(facts_.state);
    }
    const auto& line = facts_.origin_line;
    if (state.empty() && !line) return "";
    std::string note = "  " + what + (state.empty() ? "" : " is " + state);
    if (!line) return note + "\n";
    note += state.empty() ? " comes" : ", and comes";
    note += " from";
    if (line->location.line > 0) note += " line " + std::to_string(line->location.line);
    return note + ":\n" + code_line(*line);
  }

  VerifierLog log_;
  const LineOf& lines_;
  std::optional<std::size_t> refused_;
  std::optional<SourceLine> place_;
  Facts facts_;
};

}  // namespace

VerifierExplanation explain_verifier_log(std::string_view log, const LineOf& lines) {
  return Explainer(log, lines).explain();
}

}  // namespace ebl::load
