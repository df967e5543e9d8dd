#include "attach/link_create.h"

#include <sys/syscall.h>
#include <unistd.h>

namespace ebl::attach {

UniqueFd create_link(load::Program program, LinkRequest request) {
  request.program = static_cast<std::uint32_t>(bpf_program__fd(program.handle));
  return UniqueFd(
      static_cast<int>(::syscall(SYS_bpf, BPF_LINK_CREATE, &request, sizeof request)));
}

}  // namespace ebl::attach
