// UsdtSpecs: the arguments of one USDT attachment, as the BPF program finds them.
//
// A program that includes <bpf/usdt.bpf.h> reads its arguments through two maps of its
// object: an array of argument specifications, whose index is the attach cookie of the
// place, and, for kernels without cookies (before 5.15), a hash from instruction pointer
// to index. The layout of an entry is libbpf's (bpf_templates/usdt.h has it too), so that
// objects that were compiled elsewhere work. Internal to attach/.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "attach/kind.h"
#include "symbols/usdt.h"

namespace ebl::attach {

class UsdtSpecs {
 public:
  /// Nothing where the program's object has no such map.
  static std::optional<UsdtSpecs> of(const load::Program& program);

  UsdtSpecs(UsdtSpecs&&) noexcept = default;
  UsdtSpecs& operator=(UsdtSpecs&&) = delete;
  /// Gives the entries back. The attachment must be gone by then.
  ~UsdtSpecs();

  /// Writes the arguments of a location and returns the index of its entry; locations of
  /// one argument set share it. `cookie` is what bpf_usdt_cookie() returns.
  /// Code::not_supported where the map is full or the probe has more arguments than an
  /// entry.
  Result<std::uint32_t> add(const symbols::UsdtLocation& location, std::uint64_t cookie);

  /// Makes the entry known by the place in memory, for kernels without cookies.
  Result<void> add_place(std::uint64_t instruction_pointer, std::uint32_t entry);

 private:
  UsdtSpecs() = default;

  std::shared_ptr<load::NumberPool> pool_;
  int specs_fd_ = -1;  // the object's
  std::uint32_t size_ = 0;
  UniqueFd places_;  // an own descriptor: needed after the object is gone
  std::map<std::uint32_t, std::uint32_t> entries_;  // by argument set
  std::vector<std::uint64_t> known_places_;
};

}  // namespace ebl::attach
