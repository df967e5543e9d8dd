// Suggestions for misspelt names.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ebl {

/// The number of insertions, deletions, replacements and swaps of neighbours that turn
/// `a` into `b` (optimal string alignment distance), or `limit` + 1 when it is more than
/// `limit`.
unsigned edit_distance(std::string_view a, std::string_view b, unsigned limit);

/// Up to `most` names within a third of the length of `wanted`, nearest first; also those
/// that contain it. Empty when nothing is near.
std::vector<std::string> nearest(std::string_view wanted,
                                 std::span<const std::string> names,
                                 std::size_t most = 3);

/// "did you mean 'a', 'b'?", or the empty string when nothing is near.
std::string did_you_mean(std::string_view wanted, std::span<const std::string> names);

}  // namespace ebl
