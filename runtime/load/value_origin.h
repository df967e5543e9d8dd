// Where a register's value comes from: a walk back over the path of a verifier log.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "load/verifier_log.h"

namespace ebl::load {

/// What of an address computation to follow.
enum class Follow {
  base,
  addend,  ///< what was added to it
  number,  ///< the register is itself what is added
};

struct ValueOrigin {
  std::size_t step = 0;  ///< index of the step that made the value
  std::string_view
      state;         ///< of the value where it is used; of an addend, before it is scaled
  std::string call;  ///< "bpf_map_lookup_elem" when a call returned it
  bool is_argument = false;  ///< it came in as a parameter of the function
  std::uint64_t scale = 1;   ///< what it is multiplied by on its way
};

/// The state of `name` ("R1", "fp-8") just before step `step`; empty when unknown.
std::string_view state_before(const VerifierLog& log, std::size_t step,
                              std::string_view name);

/// Goes back from register `number` as step `step` finds it. Nothing where the log does
/// not reach far enough.
std::optional<ValueOrigin> find_origin(const VerifierLog& log, std::size_t step,
                                       int number, Follow follow);

/// The register that an instruction uses as an address, "r1 = *(u64 *)(r0 +0)" -> 0.
std::optional<int> address_register(std::string_view instruction);

/// The variable or member that a C line assigns to: "u64 *value = f();" -> "value"; empty
/// when it is none.
std::string assigned_name(std::string_view source);

}  // namespace ebl::load
