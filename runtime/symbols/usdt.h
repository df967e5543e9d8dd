// The statically defined probes (USDT) of a program or library: what <sys/sdt.h> leaves
// in the section .note.stapsdt.
//
// A probe is a place in the code with a name; the same probe may be at several places,
// with its arguments in other registers at each. Some have a semaphore, a 16-bit counter
// in the data of the file that tells the program that somebody looks at the probe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "symbols/usdt_argument.h"

namespace ebl::symbols {

struct UsdtLocation {
  std::uint64_t address = 0;           ///< virtual, as nm and objdump show it
  std::uint64_t offset = 0;            ///< in the file
  std::uint64_t semaphore = 0;         ///< virtual address; 0: none
  std::uint64_t semaphore_offset = 0;  ///< in the file; 0: none
  std::vector<UsdtArgument> arguments;
  /// Locations of a probe with the same number have their arguments in the same places;
  /// counted from 0 in the order of the locations.
  std::uint32_t argument_set = 0;
};

struct UsdtProbe {
  std::string provider;
  std::string name;
  std::vector<UsdtLocation> locations;  ///< at least one, each address once
  bool fixed = false;  ///< addresses in memory are those in the file (no PIE, no library)
};

/// The probes of a file in the order of its notes. Addresses are corrected for
/// prelinking (.stapsdt.base). Code::not_found, Code::not_permitted; Code::invalid for a
/// file that is not ELF, for notes that are cut short, and for addresses that lie in no
/// segment of it. A file without probes is no error.
Result<std::vector<UsdtProbe>> usdt_probes(const std::string& path);

/// The probe of that name. An empty provider stands for the only one that has such a
/// probe. Code::not_found names near probes; Code::invalid where several providers have
/// it.
Result<UsdtProbe> find_usdt_probe(const std::string& path, std::string_view provider,
                                  std::string_view name);

}  // namespace ebl::symbols
