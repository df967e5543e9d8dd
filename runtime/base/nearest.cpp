#include "base/nearest.h"

#include <algorithm>
#include <numeric>

namespace ebl {

unsigned edit_distance(std::string_view a, std::string_view b, unsigned limit) {
  const std::size_t longer = std::max(a.size(), b.size());
  if (longer - std::min(a.size(), b.size()) > limit) return limit + 1;
  std::vector<unsigned> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), 0u);
  for (std::size_t i = 1; i <= a.size(); i++) {
    row[0] = static_cast<unsigned>(i);
    unsigned smallest = row[0];
    for (std::size_t j = 1; j <= b.size(); j++) {
      row[j] =
          std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
      smallest = std::min(smallest, row[j]);
    }
    if (smallest > limit) return limit + 1;
    std::swap(before, last);
    std::swap(last, row);
  }
  return std::min(last[b.size()], limit + 1);
}

std::vector<std::string> nearest(std::string_view wanted,
                                 std::span<const std::string> names, std::size_t most) {
  struct Candidate {
    unsigned distance;
    const std::string* name;
  };
  std::vector<Candidate> found;
  const auto limit = static_cast<unsigned>(std::max<std::size_t>(1, wanted.size() / 3));
  for (const std::string& name : names) {
    unsigned distance = edit_distance(wanted, name, limit);
    const bool contains = wanted.size() >= 4 && name.find(wanted) != std::string::npos;
    if (distance > limit && contains) distance = limit;
    if (distance <= limit) found.push_back({distance, &name});
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Candidate& a, const Candidate& b) {
                     return a.distance != b.distance ? a.distance < b.distance
                                                     : a.name->size() < b.name->size();
                   });
  std::vector<std::string> out;
  for (const Candidate& candidate : found) {
    if (out.size() == most) break;
    if (std::find(out.begin(), out.end(), *candidate.name) == out.end())
      out.push_back(*candidate.name);
  }
  return out;
}

std::string did_you_mean(std::string_view wanted, std::span<const std::string> names) {
  const std::vector<std::string> near = nearest(wanted, names);
  if (near.empty()) return "";
  std::string text = "did you mean ";
  for (std::size_t i = 0; i < near.size(); i++) text += (i ? ", '" : "'") + near[i] + "'";
  return text + "?";
}

}  // namespace ebl
