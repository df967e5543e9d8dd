// Register states of verifier logs: "R1=scalar(smin=0,smax=umax=255)", "R2_w=inv(id=0)".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ebl::load {

/// The state that a list of states gives a register, "scalar(umax=255)"; empty when it is
/// not there. `name` is "R1" or "fp-8".
std::string_view state_of(std::string_view states, std::string_view name);

/// Bounds of a number. Without a bound, it is that of 64 bits.
struct Range {
  std::int64_t low = INT64_MIN;
  std::uint64_t high = UINT64_MAX;
};

/// Of "scalar(...)", "inv(...)", "5", "0xff", and of the variable part of a pointer,
/// "pkt(id=1,off=14,smin=0,smax=60)"; nothing for a pointer without one.
std::optional<Range> range_of(std::string_view state);

/// "0 to 16", "7", "negative or more than 255", "any value".
std::string range_text(const Range& range);

/// Whether the state is a number, not a pointer.
bool is_number(std::string_view state);

/// What a pointer points to, in words: "a value of map 'counts' (8 bytes)", "the packet";
/// the state as it is where there is no better word.
std::string pointer_text(std::string_view state);

/// The value of `key` in "map_value(map=counts,ks=4,vs=8)"; empty when it is not there.
std::string_view state_field(std::string_view state, std::string_view key);

}  // namespace ebl::load
