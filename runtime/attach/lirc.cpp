// lirc_mode2:DEVICE, a decoder of infrared signals on a raw device such as /dev/lirc0.
// The kernel has no link for it, so a keeper owns it.
#include <bpf/bpf.h>
#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>

#include "attach/holders.h"
#include "attach/keeper.h"
#include "attach/kind.h"

namespace ebl::attach {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view sections[] = {"lirc_mode2"};

Result<ProbeSpec> parse(std::string_view rest, ProbeSpec spec) {
  if (!rest.starts_with('/'))
    return malformed(fmt::format("'{}' is not the path of a device", rest));
  spec.path = rest;
  return spec;
}

std::string text(const ProbeSpec& spec) {
  return spec.path;
}

Holding attach_lirc(load::Program program, const ProbeSpec& spec, const Options&) {
  const UniqueFd device(::open(spec.path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!device)
    return attach_error(
        errno == ENOENT ? Code::not_supported : Code::io,
        fmt::format("{}: cannot open {}: {}", spec.text(), spec.path, errno_text(errno)),
        "infrared receivers are /dev/lirc0 and so on (CONFIG_LIRC)");
  const int fd = bpf_program__fd(program.handle);
  auto holder = std::make_unique<KeeperHolder>();
  const int error = holder->keeper().start({
      .make = [&] { return -::bpf_prog_attach(fd, device.get(), BPF_LIRC_MODE2, 0); },
      .undo = [&] { ::bpf_prog_detach2(fd, device.get(), BPF_LIRC_MODE2); },
      .fds = {fd, device.get()},
  });
  if (error == 0) return Holding(std::move(holder));
  if (error == EINVAL || error == ENOTTY || error == ENODEV)
    return attach_error(Code::not_supported,
                        fmt::format("cannot attach to {}: {}: not an infrared receiver "
                                    "with raw signals, or this kernel has no BPF there "
                                    "(CONFIG_BPF_LIRC_MODE2)",
                                    spec.text(), errno_text(error)));
  return attach_errno(spec, error, {Capability::bpf, Capability::net_admin});
}

}  // namespace

constinit const KindInfo lirc_mode2_kind = {
    .kind = Kind::lirc_mode2,
    .word = "lirc_mode2",
    .form = "lirc_mode2:DEVICE, as in lirc_mode2:/dev/lirc0",
    .sections = sections,
    .options = {},
    .type = BPF_PROG_TYPE_LIRC_MODE2,
    .attach_type = BPF_LIRC_MODE2,
    .parse = parse,
    .text = text,
    .section_text = nullptr,
    .prepare = nullptr,
    .attach = attach_lirc,
    .kept = [] { return "lirc_mode2"sv; },
};

}  // namespace ebl::attach
