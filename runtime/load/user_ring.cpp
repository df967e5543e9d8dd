#include "load/user_ring.h"

#include <cerrno>
#include <cstring>

namespace ebl::load {

int UserRing::write(const void* data, std::uint32_t size) noexcept {
  void* place = user_ring_buffer__reserve(ring_.get(), size);
  if (!place) return -errno;
  std::memcpy(place, data, size);
  user_ring_buffer__submit(ring_.get(), place);
  return 0;
}

}  // namespace ebl::load
