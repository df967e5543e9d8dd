// OpenElf: an ELF file that is open for reading. Internal to symbols/.
#pragma once

#include <gelf.h>

#include <memory>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace ebl::symbols {

class OpenElf {
 public:
  /// Code::not_found, Code::not_permitted, Code::io, or Code::invalid for what is no ELF
  /// file.
  static Result<OpenElf> open(const std::string& path);

  Elf* elf() const { return elf_.get(); }
  const GElf_Ehdr& header() const { return header_; }

 private:
  struct EndElf {
    void operator()(Elf* elf) const { elf_end(elf); }
  };
  OpenElf() = default;

  UniqueFd fd_;
  std::unique_ptr<Elf, EndElf> elf_;
  GElf_Ehdr header_ = {};
};

}  // namespace ebl::symbols
