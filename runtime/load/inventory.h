// Inventory: every program, map and link of the kernel, whoever made it, as
// bpf_obj_get_info_by_fd tells of them. Takes CAP_SYS_ADMIN: the kernel gives the
// descriptors of others' objects to nobody else.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace ebl::load {

/// A named fact of one object: a text or a number.
struct Fact {
  std::string name;
  std::string text;
  double number = 0;
  bool is_number = false;
};

struct Listed {
  std::uint32_t id = 0;
  std::vector<Fact> facts;          ///< those that this kernel tells
  std::vector<std::uint32_t> maps;  ///< of a program: the maps that it uses
  std::vector<pid_t> holders;       ///< processes with a descriptor of it
};

/// `type`, `name`, `tag`, `jited_size` and `xlated_size` (bytes), `memlock` (bytes),
/// `uid`, `loaded_at` (seconds since 1970), `run_cnt`, `run_time_ns`, `verified_insns`,
/// `recursion_misses`, `btf_id`.
Result<std::vector<Listed>> list_programs();

/// The same of one program, without its holders.
Result<Listed> describe_program(int program_fd);

/// `type`, `name`, `key_size`, `value_size`, `max_entries`, `flags`, `memlock`, `frozen`,
/// `btf_id`, and `ifindex` of one that is offloaded.
Result<std::vector<Listed>> list_maps();

/// `type`, `program_id`, and what it sits on: `target` (readable), `attach_type`,
/// `ifindex`, `cgroup_id`, `map_id`, `functions`, `missed`, `pid`, where its kind has
/// them.
Result<std::vector<Listed>> list_links();

}  // namespace ebl::load
