#include "load/register_state.h"

#include <array>
#include <charconv>

namespace ebl::load {
namespace {

/// The state that begins `text`, up to the next blank outside of parentheses.
std::string_view first_state(std::string_view text) {
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); i++) {
    if (text[i] == '(') depth++;
    if (text[i] == ')') depth--;
    if (text[i] == ' ' && depth <= 0) return text.substr(0, i);
  }
  return text;
}

struct Number {
  bool negative = false;
  std::uint64_t magnitude = 0;
};

std::optional<Number> number_of(std::string_view text) {
  Number out;
  if (text.starts_with('-')) {
    out.negative = true;
    text.remove_prefix(1);
  }
  int base = 10;
  if (text.starts_with("0x")) {
    base = 16;
    text.remove_prefix(2);
  }
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), out.magnitude, base);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return out;
}

/// The inside of the parentheses, without those in it.
std::string_view inside(std::string_view state) {
  const std::size_t open = state.find('(');
  if (open == std::string_view::npos) return {};
  const std::size_t close = state.rfind(')');
  return state.substr(
      open + 1, (close == std::string_view::npos ? state.size() : close) - open - 1);
}

}  // namespace

std::string_view state_of(std::string_view states, std::string_view name) {
  std::string_view found;
  for (std::size_t at = states.find(name); at != std::string_view::npos;
       at = states.find(name, at + 1)) {
    if (at > 0 && states[at - 1] != ' ') continue;
    std::string_view rest = states.substr(at + name.size());
    if (rest.starts_with('_')) {
      const std::size_t end = rest.find_first_not_of("rwPD", 1);
      if (end == std::string_view::npos) continue;
      rest.remove_prefix(end);
    }
    if (!rest.starts_with('=')) continue;
    found = first_state(rest.substr(1));
  }
  return found;
}

std::string_view state_field(std::string_view state, std::string_view key) {
  std::string_view rest = inside(state);
  while (!rest.empty()) {
    std::size_t end = 0;
    int depth = 0;
    while (end < rest.size() && (rest[end] != ',' || depth > 0)) {
      if (rest[end] == '(') depth++;
      if (rest[end] == ')') depth--;
      end++;
    }
    // "smax=umax=255": several keys with one value
    std::string_view field = rest.substr(0, end);
    const std::size_t value = field.rfind('=');
    for (std::string_view keys = field; value != std::string_view::npos;) {
      const std::size_t equals = keys.find('=');
      if (equals == std::string_view::npos) break;
      if (keys.substr(0, equals) == key) return field.substr(value + 1);
      keys.remove_prefix(equals + 1);
    }
    rest.remove_prefix(end == rest.size() ? end : end + 1);
  }
  return {};
}

bool is_number(std::string_view state) {
  return state.starts_with("scalar") || state.starts_with("inv") ||
         state.starts_with("P") || number_of(state).has_value();
}

std::optional<Range> range_of(std::string_view state) {
  if (state.starts_with('P')) state.remove_prefix(1);  // "Pscalar": a precise one
  if (state.starts_with("inv") && !state.starts_with("inv(")) state.remove_prefix(3);
  if (const auto constant = number_of(state)) {
    if (constant->negative)
      return Range{-static_cast<std::int64_t>(constant->magnitude), 0};
    return Range{static_cast<std::int64_t>(
                     std::min<std::uint64_t>(constant->magnitude, INT64_MAX)),
                 constant->magnitude};
  }
  auto field = [state](std::string_view key) {
    std::string_view text = state_field(state, key);
    if (text.empty()) text = state_field(state, std::string(key) + "_value");
    return number_of(text);
  };
  const auto smin = field("smin"), smax = field("smax"), umin = field("umin"),
             umax = field("umax");
  if (!is_number(state) && !smin && !smax && !umin && !umax &&
      state_field(state, "var_off").empty())
    return std::nullopt;
  Range out;
  // Without a signed bound, an unsigned one below 2^63 says that it is not negative.
  if (smin)
    out.low = smin->negative ? -static_cast<std::int64_t>(smin->magnitude - 1) - 1
                             : static_cast<std::int64_t>(smin->magnitude);
  else if (umax && umax->magnitude <= INT64_MAX)
    out.low = 0;
  if (umin && out.low >= 0)
    out.low = std::max(out.low, static_cast<std::int64_t>(
                                    std::min<std::uint64_t>(umin->magnitude, INT64_MAX)));
  if (umax) out.high = umax->magnitude;
  if (smax && out.low < 0)
    out.high = smax->negative ? 0 : smax->magnitude;
  else if (smax && !smax->negative)
    out.high = std::min(out.high, smax->magnitude);
  return out;
}

std::string range_text(const Range& range) {
  if (range.low >= 0) {
    if (static_cast<std::uint64_t>(range.low) == range.high)
      return std::to_string(range.high);
    if (range.high >= INT64_MAX) return "any number";
    return std::to_string(range.low) + " to " + std::to_string(range.high);
  }
  if (range.high > INT64_MAX || (range.low == INT64_MIN && range.high == INT64_MAX))
    return "any number, negative ones too";
  if (range.low == INT64_MIN) return "negative, or up to " + std::to_string(range.high);
  return std::to_string(range.low) + " to " + std::to_string(range.high);
}

std::string pointer_text(std::string_view state) {
  struct Word {
    std::string_view name;
    std::string_view text;
  };
  static constexpr std::array<Word, 19> kWords = {{
      {"map_value_or_null", "a value of a map, or NULL"},
      {"map_value", "a value of a map"},
      {"map_ptr", "a map"},
      {"ctx", "the context"},
      {"pkt_end", "the end of the packet"},
      {"pkt_meta", "the packet's metadata"},
      {"pkt", "the packet"},
      {"fp", "the stack"},
      {"ringbuf_mem_or_null", "a record of a ring buffer, or NULL"},
      {"alloc_mem_or_null", "a record of a ring buffer, or NULL"},
      {"ringbuf_mem", "a record of a ring buffer"},
      {"mem_or_null", "memory, or NULL"},
      {"mem", "memory"},
      {"sock_or_null", "a socket, or NULL"},
      {"sock_common_or_null", "a socket, or NULL"},
      {"sock_common", "a socket"},
      {"sock", "a socket"},
      {"trusted_ptr_or_null_", "a kernel object, or NULL"},
      {"ptr_or_null_", "a kernel object, or NULL"},
  }};
  for (const Word& word : kWords) {
    if (!state.starts_with(word.name)) continue;
    std::string text(word.text);
    const std::string_view map = state_field(state, "map");
    if (!map.empty())
      if (const std::size_t at = text.find("a map"); at != std::string::npos)
        text.replace(at, 5, "map '" + std::string(map) + "'");
    return text;
  }
  for (const std::string_view prefix :
       {"trusted_ptr_", "rcu_ptr_", "untrusted_ptr_", "ptr_"})
    if (state.starts_with(prefix)) {
      state.remove_prefix(prefix.size());
      return "a struct " + std::string(state.substr(0, state.find('('))) +
             " of the kernel";
    }
  return std::string(state);
}

}  // namespace ebl::load
