#include "compile/wire.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace ebl::compile {
namespace {

Error failed(const char* what) {
  return {.stage = Stage::compile,
          .code = Code::io,
          .message = std::string(what) + ": " + errno_text(errno)};
}

}  // namespace

Result<UniqueFd> memory_file(const char* name, std::string_view bytes) {
  UniqueFd fd(::memfd_create(name, MFD_CLOEXEC));
  if (!fd) return failed("cannot create an anonymous file");
  if (!write_all(fd.get(), bytes)) return failed("cannot write an anonymous file");
  return fd;
}

Result<std::string> read_all(int fd) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return failed("cannot read an anonymous file");
  std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t got = ::pread(fd, bytes.data() + filled, bytes.size() - filled,
                                static_cast<off_t>(filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("cannot read an anonymous file");
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  bytes.resize(filled);
  return bytes;
}

namespace {

/// A message of one byte with room for the two descriptors of a Ticket.
struct TicketMessage {
  char byte = 1;
  iovec part{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))] = {};
  msghdr header{};

  TicketMessage() {
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof(control);
  }
};

}  // namespace

bool send_ticket(int socket, const Ticket& ticket) {
  TicketMessage message;
  cmsghdr* rights = CMSG_FIRSTHDR(&message.header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(2 * sizeof(int));
  const int fds[2] = {ticket.request.get(), ticket.reply.get()};
  std::memcpy(CMSG_DATA(rights), fds, sizeof(fds));
  ssize_t sent;
  do sent = ::sendmsg(socket, &message.header, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent == 1;
}

bool receive_ticket(int socket, Ticket& ticket) {
  TicketMessage message;
  ssize_t got;
  do got = ::recvmsg(socket, &message.header, MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  if (got < 0) return false;
  const cmsghdr* rights = CMSG_FIRSTHDR(&message.header);
  if (got != 1 || !rights || rights->cmsg_type != SCM_RIGHTS ||
      rights->cmsg_len != CMSG_LEN(2 * sizeof(int))) {
    errno = ECONNRESET;
    return false;
  }
  int fds[2];
  std::memcpy(fds, CMSG_DATA(rights), sizeof(fds));
  ticket.request.reset(fds[0]);
  ticket.reply.reset(fds[1]);
  return true;
}

}  // namespace ebl::compile
