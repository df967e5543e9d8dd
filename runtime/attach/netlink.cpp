#include "attach/netlink.h"

#include <cerrno>
#include <memory>
#include <vector>

namespace ebl::attach {
namespace {

int call(const nlmsghdr* message, void* each) {
  const auto& function = *static_cast<const std::function<void(const nlmsghdr*)>*>(each);
  if (function) function(message);
  return MNL_CB_OK;
}

}  // namespace

int netlink_ask(NetlinkRequest& request,
                const std::function<void(const nlmsghdr*)>& each) {
  struct Close {
    void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
  };
  const std::unique_ptr<mnl_socket, Close> socket(mnl_socket_open(NETLINK_ROUTE));
  if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) return errno;
  request.header()->nlmsg_seq = 1;
  if (mnl_socket_sendto(socket.get(), request.header(), request.header()->nlmsg_len) < 0)
    return errno;
  std::vector<char> buffer(std::size_t(MNL_SOCKET_BUFFER_SIZE) * 4);
  const unsigned port = mnl_socket_get_portid(socket.get());
  for (;;) {
    const ssize_t size = mnl_socket_recvfrom(socket.get(), buffer.data(), buffer.size());
    if (size < 0) return errno;
    auto* data = const_cast<std::function<void(const nlmsghdr*)>*>(&each);
    const int result =
        mnl_cb_run(buffer.data(), static_cast<std::size_t>(size), 1, port, call, data);
    if (result < 0) return errno;
    if (result == MNL_CB_STOP) return 0;
  }
}

}  // namespace ebl::attach
