// socket_filter:INTERFACE, a packet socket of ours that runs a program for each packet,
// and the two hooks of a socket of the script's own: socket_filter and sk_reuseport with
// the option socket.
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <sys/socket.h>

#include <cerrno>

#include "attach/holders.h"
#include "attach/interface.h"
#include "attach/kind.h"

namespace ebl::attach {
namespace {

constexpr std::string_view filter_sections[] = {"socket", "socket_filter"};
constexpr std::string_view reuseport_sections[] = {"sk_reuseport"};

constexpr int detach_reuseport = 68;  // SO_DETACH_REUSEPORT_BPF

Result<ProbeSpec> parse_filter(std::string_view rest, ProbeSpec spec) {
  if (rest.empty()) return spec;
  Result<ProbeSpec> parsed = parse_interface(rest, std::move(spec));
  if (parsed && !parsed->category.empty())
    return malformed("nothing follows the interface");
  return parsed;
}

Result<ProbeSpec> parse_reuseport(std::string_view rest, ProbeSpec spec) {
  if (!rest.empty()) return malformed("nothing follows sk_reuseport");
  return spec;
}

std::string names_no_hook(std::string_view) {
  return "";
}

/// A program of a socket; `socket` is another descriptor of it.
class SocketHolder final : public Link::Holder {
 public:
  SocketHolder(UniqueFd socket, int detach_option)
      : socket_(std::move(socket)), option_(detach_option) {}
  ~SocketHolder() override { SocketHolder::detach(); }
  std::vector<UniqueFd> detach() override {
    const int unused = 0;
    if (socket_) ::setsockopt(socket_.get(), SOL_SOCKET, option_, &unused, sizeof unused);
    socket_.reset();
    return {};
  }

 private:
  UniqueFd socket_;
  int option_;
};

/// A packet socket of ours.
class PacketSocketHolder final : public Link::Holder {
 public:
  explicit PacketSocketHolder(UniqueFd socket) : socket_(std::move(socket)) {}
  std::vector<UniqueFd> detach() override {
    socket_.reset();
    return {};
  }

 private:
  UniqueFd socket_;
};

int set_program(const UniqueFd& socket, int option, load::Program program) {
  const int fd = bpf_program__fd(program.handle);
  return ::setsockopt(socket.get(), SOL_SOCKET, option, &fd, sizeof fd) == 0 ? 0 : errno;
}

/// The program is in place before the first packet: the socket is bound last.
Holding attach_packet_socket(load::Program program, const ProbeSpec& spec) {
  const Result<int> interface = interface_index(spec);
  if (!interface) return interface.error();
  UniqueFd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  int error = socket ? set_program(socket, SO_ATTACH_BPF, program) : errno;
  // Nobody reads what the program lets through: the queue is as short as can be.
  const int shortest = 0;
  if (socket)
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &shortest, sizeof shortest);
  const sockaddr_ll address = {.sll_family = AF_PACKET,
                               .sll_protocol = htons(ETH_P_ALL),
                               .sll_ifindex = *interface};
  if (error == 0 && ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address),
                           sizeof address) != 0)
    error = errno;
  if (error != 0)
    return attach_errno(spec, error, {Capability::bpf, Capability::net_admin});
  return Holding(std::make_unique<PacketSocketHolder>(std::move(socket)));
}

Holding attach_to_socket(load::Program program, const ProbeSpec& spec,
                         const Options& options, int option, int detach_option) {
  if (!options.socket)
    return attach_error(Code::invalid,
                        fmt::format("{} needs the option socket", spec.text()),
                        "pass the descriptor of a socket: { socket = fd }");
  UniqueFd socket(::fcntl(*options.socket, F_DUPFD_CLOEXEC, 3));
  int error = socket ? set_program(socket, option, program) : errno;
  if (error == 0)
    return Holding(std::make_unique<SocketHolder>(std::move(socket), detach_option));
  if (error == EBADF || error == ENOTSOCK)
    return attach_error(Code::invalid, fmt::format("{}: descriptor {} is not a socket",
                                                   spec.text(), *options.socket));
  if (error == EINVAL && spec.kind == Kind::sk_reuseport)
    return attach_error(
        Code::invalid,
        fmt::format("{}: {}: the socket shares no port", spec.text(), errno_text(error)),
        "set SO_REUSEPORT on it and bind it first");
  return attach_errno(spec, error, {Capability::bpf, Capability::net_admin});
}

Holding attach_filter(load::Program program, const ProbeSpec& spec,
                      const Options& options) {
  if (!spec.target.empty() && options.socket)
    return attach_error(Code::invalid,
                        fmt::format("{}: an interface and a socket of your own exclude "
                                    "each other",
                                    spec.text()));
  if (!spec.target.empty()) return attach_packet_socket(program, spec);
  return attach_to_socket(program, spec, options, SO_ATTACH_BPF, SO_DETACH_FILTER);
}

Holding attach_reuseport(load::Program program, const ProbeSpec& spec,
                         const Options& options) {
  return attach_to_socket(program, spec, options, SO_ATTACH_REUSEPORT_EBPF,
                          detach_reuseport);
}

}  // namespace

constinit const KindInfo socket_filter_kind = {
    .kind = Kind::socket_filter,
    .word = "socket_filter",
    .form = "socket_filter:INTERFACE, or socket_filter with the option socket",
    .sections = filter_sections,
    .options = {.socket = true},
    .type = BPF_PROG_TYPE_SOCKET_FILTER,
    .attach_type = {},
    .parse = parse_filter,
    .text = interface_text,
    .section_text = nullptr,
    .prepare = nullptr,
    .attach = attach_filter,
    .bare = true,
};

constinit const KindInfo sk_reuseport_kind = {
    .kind = Kind::sk_reuseport,
    .word = "sk_reuseport",
    .form = "sk_reuseport with the option socket",
    .sections = reuseport_sections,
    .options = {.socket = true},
    .type = BPF_PROG_TYPE_SK_REUSEPORT,
    .attach_type = BPF_SK_REUSEPORT_SELECT,
    .parse = parse_reuseport,
    .text = interface_text,
    .section_text = names_no_hook,
    .prepare = nullptr,
    .attach = attach_reuseport,
    .bare = true,
};

}  // namespace ebl::attach
