// Requests to the kernel's networking by netlink, where libbpf has no call for them.
// Internal to attach/.
#pragma once

#include <libmnl/libmnl.h>

#include <array>
#include <cstdint>
#include <functional>

namespace ebl::attach {

/// One message, built in place. The buffer is large enough for every message here.
class NetlinkRequest {
 public:
  NetlinkRequest(unsigned type, unsigned flags)
      : header_(mnl_nlmsg_put_header(bytes_.data())) {
    header_->nlmsg_type = static_cast<std::uint16_t>(type);
    header_->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  }
  NetlinkRequest(const NetlinkRequest&) = delete;

  nlmsghdr* header() { return header_; }
  template <typename T>
  T* body() {
    return static_cast<T*>(mnl_nlmsg_put_extra_header(header_, sizeof(T)));
  }

 private:
  alignas(nlmsghdr) std::array<char, 1024> bytes_ = {};
  nlmsghdr* header_;
};

/// Sends the request and calls `each` for every message of the answer. 0, or the errno of
/// the kernel.
int netlink_ask(NetlinkRequest& request,
                const std::function<void(const nlmsghdr*)>& each = {});

}  // namespace ebl::attach
