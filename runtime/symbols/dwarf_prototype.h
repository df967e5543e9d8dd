// DwarfFile: what the functions of a program or library are called with, from its debug
// information. Part of symbolizer.so.
#pragma once

#include <elfutils/libdwfl.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "symbols/symbolizer_abi.h"

namespace ebl::symbols {

class DwarfFile {
 public:
  /// Null when it cannot be read. The descriptor stays the caller's.
  static std::unique_ptr<DwarfFile> open(const char* path, int fd);

  /// As ebl_symbolizer_api::prototype.
  int prototype(std::uint64_t address, ebl_prototype* prototype);

 private:
  struct EndDwfl {
    void operator()(Dwfl* dwfl) const { dwfl_end(dwfl); }
  };
  DwarfFile() = default;
  const char* keep(std::string text);

  std::unique_ptr<Dwfl, EndDwfl> dwfl_;
  Dwfl_Module* module_ = nullptr;
  std::vector<ebl_parameter> parameters_;  // of the last prototype, as its texts
  std::deque<std::string> texts_;
};

}  // namespace ebl::symbols
