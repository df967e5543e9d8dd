#include "attach/link_create.h"

#include <sys/syscall.h>
#include <unistd.h>

namespace ebl::attach {

UniqueFd create_link(int program_fd, LinkRequest request) {
  request.program = static_cast<std::uint32_t>(program_fd);
  return UniqueFd(
      static_cast<int>(::syscall(SYS_bpf, BPF_LINK_CREATE, &request, sizeof request)));
}

}  // namespace ebl::attach
