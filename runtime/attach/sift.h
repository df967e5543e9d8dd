// Links on many places at once: one place that the kernel refuses spoils all, and it does
// not say which. Internal to attach/.
#pragma once

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "attach/link.h"
#include "base/unique_fd.h"

namespace ebl::attach {

/// Those of `places` that the kernel takes, found by halves. `attach` gives a link's
/// descriptor, or an empty one with errno; `blames` says whether an errno is about a
/// place and not about us.
template <typename Place, typename Attach, typename Blames>
std::vector<Place> sift(std::span<const Place> places, const Attach& attach,
                        const Blames& blames) {
  if (places.empty()) return {};
  if (attach(places)) return {places.begin(), places.end()};
  if (places.size() == 1 || !blames(errno)) return {};
  const std::size_t half = places.size() / 2;
  std::vector<Place> good = sift(places.first(half), attach, blames);
  std::ranges::move(sift(places.subspan(half), attach, blames), std::back_inserter(good));
  return good;
}

/// One link of the kernel on many functions.
class ManyHolder final : public Link::Holder {
 public:
  ManyHolder(UniqueFd link, FunctionCount count)
      : link_(std::move(link)), count_(count) {}
  int fd() const override { return link_.get(); }
  std::optional<FunctionCount> functions() const override { return count_; }
  std::vector<UniqueFd> detach() override {
    link_.reset();
    return {};
  }

 private:
  UniqueFd link_;
  FunctionCount count_;
};

}  // namespace ebl::attach
