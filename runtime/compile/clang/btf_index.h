// BtfIndex: name -> type id over one Btf, for the four sorts of names that C text may
// use.
//
// Built at every start over 130,000 types, so it is one open-addressing table of hashes
// and ids; names are compared in the BTF's own strings.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "btf/btf.h"

namespace ebl::compile {

enum class NameSort : std::uint8_t {
  tag,         ///< struct, union or enum
  definition,  ///< typedef
  enumerator,
  kfunc,  ///< a function that BTF tags bpf_kfunc: BPF programs may call it
};

struct NamedType {
  btf::TypeId id = 0;
  std::uint32_t member = 0;  ///< enumerator: its index
};

class BtfIndex {
 public:
  /// Indexes the types of `btf` that are not its base's. `btf` must outlive the index.
  explicit BtfIndex(const btf::Btf& btf);

  /// The first type of that sort and name.
  std::optional<NamedType> find(NameSort sort, std::string_view name) const;
  /// All names of that sort, for suggestions; in no order.
  void append_names(NameSort sort, std::vector<std::string>& names) const;

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t id = 0;  // 0: free
    std::uint32_t member = 0;
    NameSort sort = NameSort::tag;
  };
  /// An array of zeros in huge pages: a thousand page faults less at every start.
  class Slots {
   public:
    explicit Slots(std::size_t count);
    Slots(const Slots&) = delete;
    ~Slots();
    std::size_t size() const { return count_; }
    Slot& operator[](std::size_t place) { return slots_[place]; }
    const Slot& operator[](std::size_t place) const { return slots_[place]; }

   private:
    Slot* slots_;
    std::size_t count_;
  };
  std::string_view name_of(const Slot& slot) const;
  void insert(NameSort sort, std::string_view name, btf::TypeId id, std::uint32_t member);

  const btf::Btf* btf_;
  Slots slots_;  // size is a power of two, at most half full
};

}  // namespace ebl::compile
