// Object: one BPF object file, from open to the kernel.
//
// Life cycle (docs/api.md): open() parses, the kernel is not touched; load() creates
// every map and loads the programs named, in one libbpf load. libbpf 1.1.2 cannot load
// one more program of a loaded object, so load_late() opens the same bytes again with
// every map reused and only that program's autoload on.
//
// Owned by one thread. Programs and maps are borrowed from it.
#pragma once

#include <bpf/libbpf.h>

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "btf/btf.h"
#include "load/arena.h"
#include "load/map_tags.h"
#include "load/program.h"

namespace ebl::load {

/// A map as the object file declares it. `fd` is -1 before load. Type ids are of
/// Object::btf(); 0: the map has no BTF type there.
struct Map {
  std::string name;
  bpf_map_type type = BPF_MAP_TYPE_UNSPEC;
  std::uint32_t key_size = 0;
  std::uint32_t value_size = 0;
  std::uint32_t max_entries = 0;
  std::uint32_t flags = 0;
  btf::TypeId key_type = 0;
  btf::TypeId value_type = 0;
  btf::TypeId record_type = 0;  ///< ring and perf buffers: the type of a record
  std::string tag;              ///< map_tags.h; mostly empty
  int fd = -1;
  std::span<std::byte> memory;  ///< of an arena that this object made
};

/// A global variable. A constant (.rodata) can be written before load only.
struct Variable {
  std::string name;
  std::string section;  ///< ".rodata", ".data", ".bss" or ".data.x"
  btf::TypeId type = 0;
  std::uint32_t offset = 0;
  std::uint32_t size = 0;
  bool constant = false;
};

/// What one program could not store in one map: an element of kLossStripes *
/// kLossStripeWords 64-bit words (base/loss_section.h), which the compiler added.
struct LossCounter {
  std::string map;  ///< empty: a map that the program chooses while it runs
  std::string program;
  Variable words;
};

class Object {
 public:
  /// `elf` may be a libbpf-style object of any compiler. `name` appears in messages and
  /// in the kernel's names. `btf_path` replaces the kernel's BTF for relocations when it
  /// is not the kernel's own.
  static Result<Object> open(std::vector<std::byte> elf, const std::string& name,
                             const std::string& btf_path);

  const std::string& name() const { return name_; }
  /// The types of this object, with the variables' offsets filled in.
  const btf::Btf& btf() const { return *btf_; }

  std::vector<Program> programs() const;
  /// With fd where it is loaded. Code::not_found names the nearest.
  Result<Program> program(const std::string& name) const;
  /// Without the internal maps that hold variables.
  std::vector<Map> maps() const;
  /// The descriptor of a loaded map. Code::not_found names the nearest.
  Result<int> map_fd(const std::string& name) const;
  const std::vector<Variable>& variables() const { return variables_; }
  /// Empty where no program stores anything, or another compiler made the object.
  const std::vector<LossCounter>& loss_counters() const { return loss_counters_; }

  /// Memory of a variable: the initial value before load, the map itself after. Constants
  /// are read-only after load. Null where the kernel cannot map the section.
  std::byte* variable_memory(const Variable& variable);

  bool loaded() const { return loaded_; }
  /// From now on, loading asks the verifier for everything that it does (log level 2),
  /// and keeps it. Before, or after a program was loaded without, there is nothing.
  void keep_verifier_logs() { keeps_logs_ = true; }
  struct ProgramLog {
    std::string program;
    std::string text;
  };
  const std::vector<ProgramLog>& verifier_logs() const { return logs_; }
  /// The types of the object as C, or an error where it has none.
  Result<std::string> types_as_c() const;
  /// Uses the map behind `fd` in the place of this object's own map of that name.
  /// REQUIRES: !loaded(). Code::not_found for an unknown name; Code::invalid where kind,
  /// sizes, entries or flags differ, naming what does. `fd` stays the caller's.
  Result<void> reuse_map(const std::string& map_name, int fd);
  /// Creates all maps and loads these programs. REQUIRES: !loaded(). A verifier's refusal
  /// is Code::verifier with the whole log as detail. After a failure the object is spent.
  Result<void> load(const std::vector<std::string>& program_names);
  /// Loads one more program of a loaded object over the same maps; nothing to do when it
  /// is loaded. `prepare` sees the program of the second opening before it is loaded.
  Result<Program> load_late(const std::string& name,
                            const std::function<Result<void>(Program)>& prepare);

 private:
  Program newest(bpf_program* program) const;
  struct CloseObject {
    void operator()(bpf_object* object) const { bpf_object__close(object); }
  };
  using Handle = std::unique_ptr<bpf_object, CloseObject>;
  struct Mapping {
    std::string section;
    std::byte* memory = nullptr;
    std::size_t size = 0;
    Mapping(std::string name, std::byte* at, std::size_t bytes)
        : section(std::move(name)), memory(at), size(bytes) {}
    Mapping(Mapping&& other) noexcept;
    Mapping& operator=(Mapping&&) = delete;
    ~Mapping();
  };

  Object() = default;
  Result<Handle> open_handle() const;
  Result<void> make_arenas();
  Result<void> load_handle(bpf_object* handle);
  void collect_variables();
  btf::TypeId record_type_of(const std::string& map_name) const;
  std::string map_tag(const std::string& map_name) const;
  bpf_map* section_map(const std::string& section) const;

  std::string name_;
  std::string btf_path_;
  std::vector<std::byte> elf_;
  Handle handle_;
  std::unique_ptr<btf::Btf> btf_;
  MapTags map_tags_;
  // Of keys and values, by map: libbpf forgets them at load for the kinds whose types the
  // kernel does not want to know.
  std::map<std::string, std::pair<btf::TypeId, btf::TypeId>> declared_types_;
  std::vector<Variable> variables_;
  std::vector<LossCounter> loss_counters_;
  std::vector<Mapping> mappings_;
  std::vector<Arena> arenas_;
  std::vector<Handle> late_;  // one opening for each program loaded late
  std::shared_ptr<NumberPool> usdt_specs_ = std::make_shared<NumberPool>();
  std::vector<ProgramLog> logs_;
  bool keeps_logs_ = false;
  bool loaded_ = false;
};

}  // namespace ebl::load
