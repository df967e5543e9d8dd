#include "attach/link_create.h"

#include <bpf/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ebl::attach {

UniqueFd create_link(int program_fd, LinkRequest request) {
  request.program = static_cast<std::uint32_t>(program_fd);
  return UniqueFd(
      static_cast<int>(::syscall(SYS_bpf, BPF_LINK_CREATE, &request, sizeof request)));
}

UniqueFd load_smallest(bpf_prog_type type, bpf_attach_type attach_type) {
  const bpf_insn code[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K},
                           {.code = BPF_JMP | BPF_EXIT}};
  bpf_prog_load_opts opts = {.sz = sizeof opts};
  opts.expected_attach_type = attach_type;
  return UniqueFd(::bpf_prog_load(type, "try_link", "GPL", code, 2, &opts));
}

}  // namespace ebl::attach
