// KernelBtf: the BTF of the kernel and, when a name is not there, of its modules.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "btf/btf.h"
#include "compile/clang/btf_index.h"
#include "compile/clang/read_file.h"

namespace ebl::compile {

/// One BTF with its index.
struct BtfUnit {
  explicit BtfUnit(btf::Btf content) : btf(std::move(content)), index(btf) {}
  BtfUnit(const BtfUnit&) = delete;
  btf::Btf btf;
  BtfIndex index;
};

struct UnitName {
  std::size_t unit = 0;  ///< 0 is the kernel itself
  NamedType named;
};

class KernelBtf {
 public:
  /// Reads and indexes the file. One that cannot be read gives an empty KernelBtf and
  /// problem(). The modules' BTF is looked for beside a file that is called "vmlinux".
  explicit KernelBtf(const std::string& path);

  bool present() const { return !units_.empty(); }
  /// Why there is no BTF. REQUIRES: !present().
  const Error& problem() const { return *problem_; }

  /// Looks in the kernel, then in its modules, which the first such miss reads.
  std::optional<UnitName> find(NameSort sort, std::string_view name);

  /// All names of that sort, of the kernel and of its modules.
  std::vector<std::string> names(NameSort sort);
  /// Whether the kernel or a module has such a function, callable or not.
  bool has_function(std::string_view name);

  const BtfUnit& unit(std::size_t number) const { return *units_[number]; }
  std::size_t unit_count() const { return units_.size(); }
  /// The BTF of those modules in which a name was found.
  const std::set<ReadFile>& modules_used() const { return modules_used_; }

 private:
  void read_modules();

  std::vector<std::unique_ptr<BtfUnit>> units_;
  std::vector<ReadFile> modules_;  // of units_ from 1
  std::set<ReadFile> modules_used_;
  std::filesystem::path folder_;
  std::optional<Error> problem_;
  UniqueFd directory_;  // opened early: children that compile may not call open(2)
  bool modules_read_ = false;
};

}  // namespace ebl::compile
