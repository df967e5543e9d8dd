#include "load/value_origin.h"

#include <charconv>
#include <regex>

#include "load/register_state.h"

namespace ebl::load {
namespace {

/// "r1", "w1" at the start -> 1.
std::optional<int> register_at(std::string_view text) {
  if (text.size() < 2 || (text[0] != 'r' && text[0] != 'w')) return std::nullopt;
  int number = 0;
  const auto [end, error] =
      std::from_chars(text.data() + 1, text.data() + text.size(), number);
  if (error != std::errc() || number > 10) return std::nullopt;
  return number;
}

/// An instruction's text, as far as it moves values.
struct Move {
  enum class Kind { none, copy, fill, spill, arithmetic, add, other, call };
  Kind kind = Kind::none;
  int to = -1;
  int from = -1;            ///< -1: a constant
  int slot = 0;             ///< fill, spill: offset from the frame pointer
  std::uint64_t scale = 1;  ///< arithmetic by a constant factor
  std::string_view call;
};

/// "*(u64 *)(r10 -8)" -> -8.
std::optional<int> stack_slot(std::string_view text) {
  const std::size_t at = text.find("(r10");
  if (!text.starts_with("*(") || at == std::string_view::npos) return std::nullopt;
  std::string_view offset = text.substr(at + 4);
  if (offset.starts_with(' ')) offset.remove_prefix(1);
  if (offset.starts_with('+')) offset.remove_prefix(1);
  int number = 0;
  const auto [end, error] =
      std::from_chars(offset.data(), offset.data() + offset.size(), number);
  if (error != std::errc()) return std::nullopt;
  return number;
}

Move call_of(std::string_view text) {
  Move move{.kind = Move::Kind::call, .to = 0, .call = text.substr(5)};
  move.call = move.call.substr(0, move.call.find('#'));
  return move;
}

Move arithmetic(Move move, std::string_view operation, std::string_view value) {
  move.kind = Move::Kind::arithmetic;
  std::uint64_t constant = 0;
  const bool is_constant =
      std::from_chars(value.data(), value.data() + value.size(), constant).ec ==
      std::errc();
  if (!is_constant) {
    const auto from = register_at(value);
    if (operation != "+=" || !from) {
      move.kind = Move::Kind::other;
      if (from && operation != "-=") move.kind = Move::Kind::arithmetic;
      return move;
    }
    move.kind = Move::Kind::add;
    move.from = *from;
  } else if (operation == "<<=" && constant < 32) {
    move.scale = 1ull << constant;
  } else if (operation == "*=") {
    move.scale = constant;
  }
  return move;
}

Move read_move(std::string_view text) {
  if (text.starts_with("call ")) return call_of(text);
  if (text.starts_with("*(")) {
    const std::size_t equals = text.find(") = ");
    const auto slot = stack_slot(text);
    if (!slot || equals == std::string_view::npos) return {};
    const auto from = register_at(text.substr(equals + 4));
    return {.kind = Move::Kind::spill, .from = from.value_or(-1), .slot = *slot};
  }
  const auto to = register_at(text);
  const std::size_t blank = text.find(' ');
  if (!to || blank == std::string_view::npos) return {};
  std::string_view rest = text.substr(blank + 1);
  const std::size_t end = rest.find(' ');
  if (end == std::string_view::npos) return {};
  const std::string_view operation = rest.substr(0, end);
  std::string_view value = rest.substr(end + 1);
  Move move{.kind = Move::Kind::other, .to = *to};
  if (operation != "=") return arithmetic(move, operation, value);
  if (value.starts_with("(s") || value.starts_with("(u"))  // r1 = (s32)r2
    if (const std::size_t close = value.find(')'); close != std::string_view::npos)
      value.remove_prefix(close + 1);
  if (const auto from = register_at(value)) {
    move.kind = Move::Kind::copy;
    move.from = *from;
  } else if (const auto slot = stack_slot(value)) {
    move.kind = Move::Kind::fill;
    move.slot = *slot;
  }
  return move;
}

std::string register_name(int number) {
  return "R" + std::to_string(number);
}

/// The walk: a register or a stack slot in one frame, followed to where it was made.
class Walk {
 public:
  Walk(const VerifierLog& log, std::size_t step, int number, Follow follow)
      : log_(log),
        follow_(follow),
        at_(step),
        register_(number),
        found_addend_(follow == Follow::number) {
    frame_ = log.steps[step].frame;
    origin_.state = state_before(log, step, register_name(number));
  }

  std::optional<ValueOrigin> run() {
    // A path can go through a loop a million times; a value comes from close by.
    for (int budget = 100'000; budget > 0; budget--) {
      const VerifierStep& here = log_.steps[at_];
      if (!here.previous) return beginning();
      at_ = *here.previous;
      const VerifierStep& step = log_.steps[at_];
      if (step.frame != frame_) {
        if (step.frame != frame_ - 1 || !step.text.starts_with("call pc")) continue;
        // The function's parameters are the caller's R1 to R5.
        if (is_slot_ || register_ > 5) return std::nullopt;
        frame_--;
        continue;
      }
      if (visit(step)) return origin_;
    }
    return std::nullopt;
  }

 private:
  std::optional<ValueOrigin> beginning() {
    if (is_slot_ || register_ < 1 || register_ > 5) return std::nullopt;
    origin_.step = at_;
    origin_.is_argument = true;
    return origin_;
  }

  /// True when this step made the value.
  bool visit(const VerifierStep& step) {
    const Move move = read_move(step.text);
    if (is_slot_) {
      if (move.kind != Move::Kind::spill || move.slot != register_) return false;
      if (move.from < 0) return made_here();
      is_slot_ = false;
      register_ = move.from;
      return false;
    }
    if (move.kind == Move::Kind::call) {
      if (register_ > 5) return false;
      if (register_ == 0) origin_.call = move.call;
      return made_here();
    }
    if (move.to != register_) return false;
    switch (move.kind) {
      case Move::Kind::copy: register_ = move.from; return false;
      case Move::Kind::fill:
        if (!spilled(move.slot)) return made_here();
        is_slot_ = true;
        register_ = move.slot;
        return false;
      case Move::Kind::arithmetic:
        if (found_addend_ && move.scale > 1) {
          origin_.scale *= move.scale;
          keep_state_before(register_);
        }
        return false;
      case Move::Kind::add: return visit_add(move);
      default: return made_here();
    }
  }

  /// rD += rS: one is the address, the other what is added to it.
  bool visit_add(const Move& move) {
    const std::string_view left = state_before(log_, at_, register_name(move.to));
    const bool left_is_base = left.empty() || !is_number(left);
    const std::string_view right = state_before(log_, at_, register_name(move.from));
    if (left_is_base == (follow_ == Follow::addend)) register_ = move.from;
    if (follow_ == Follow::addend && !found_addend_) {
      found_addend_ = true;
      origin_.state = left_is_base ? right : left;
    }
    return false;
  }

  void keep_state_before(int number) {
    const std::string_view state = state_before(log_, at_, register_name(number));
    if (!state.empty()) origin_.state = state;
  }

  /// Whether the path before stored something to that slot.
  bool spilled(int slot) const {
    std::size_t at = at_;
    for (int budget = 100'000; budget > 0 && log_.steps[at].previous; budget--) {
      at = *log_.steps[at].previous;
      const VerifierStep& step = log_.steps[at];
      if (step.frame != frame_) continue;
      const Move move = read_move(step.text);
      if (move.kind == Move::Kind::spill && move.slot == slot) return true;
    }
    return false;
  }

  bool made_here() {
    origin_.step = at_;
    return true;
  }

  const VerifierLog& log_;
  Follow follow_;
  std::size_t at_;
  int register_;  // or the slot's offset
  bool found_addend_;
  bool is_slot_ = false;
  int frame_ = 0;
  ValueOrigin origin_;
};

/// Whether the step may change `name`, so that older states say nothing.
bool changes(const VerifierStep& step, std::string_view name) {
  const Move move = read_move(step.text);
  if (name.starts_with("fp"))
    return move.kind == Move::Kind::spill || move.kind == Move::Kind::call;
  int number = 0;
  std::from_chars(name.data() + 1, name.data() + name.size(), number);
  if (move.kind == Move::Kind::call) return number <= 5;
  return move.to == number && move.kind != Move::Kind::spill;
}

}  // namespace

std::string_view state_before(const VerifierLog& log, std::size_t step,
                              std::string_view name) {
  const int frame = log.steps[step].frame;
  for (int budget = 100'000; budget > 0; budget--) {
    const VerifierStep& here = log.steps[step];
    if (here.frame == frame)
      if (const std::string_view state = state_of(here.before, name); !state.empty())
        return state;
    if (!here.previous) return {};
    step = *here.previous;
    const VerifierStep& before = log.steps[step];
    if (before.frame != frame && !before.text.starts_with("exit")) continue;
    if (const std::string_view state = state_of(before.after, name); !state.empty())
      return state;
    if (before.frame == frame && changes(before, name)) return {};
  }
  return {};
}

std::optional<ValueOrigin> find_origin(const VerifierLog& log, std::size_t step,
                                       int number, Follow follow) {
  return Walk(log, step, number, follow).run();
}

std::optional<int> address_register(std::string_view instruction) {
  const std::size_t at = instruction.find("*)(r");
  if (at == std::string_view::npos) return std::nullopt;
  return register_at(instruction.substr(at + 3));
}

std::string assigned_name(std::string_view source) {
  static const std::regex kAssignment(
      R"(([A-Za-z_][A-Za-z_0-9]*(?:(?:->|\.)[A-Za-z_][A-Za-z_0-9]*|\[[^\]=]*\])*)\s*=(?!=))");
  std::cmatch match;
  if (!std::regex_search(source.data(), source.data() + source.size(), match,
                         kAssignment))
    return "";
  return match[1];
}

}  // namespace ebl::load
