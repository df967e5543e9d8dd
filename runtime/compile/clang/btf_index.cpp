#include "compile/clang/btf_index.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

namespace ebl::compile {
namespace {

/// Eight bytes at a time: a byte at a time takes twice as long for the whole kernel.
std::uint32_t hash_of(NameSort sort, std::string_view name) {
  constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;
  std::uint64_t hash = name.size() * 4 + static_cast<std::uint64_t>(sort);
  while (!name.empty()) {
    std::uint64_t part = 0;
    const std::size_t size = std::min(name.size(), sizeof(part));
    std::memcpy(&part, name.data(), size);
    hash = (hash ^ part) * kOdd;
    hash ^= hash >> 32;
    name.remove_prefix(size);
  }
  return static_cast<std::uint32_t>(hash);
}

/// An upper bound of the names that the constructor inserts.
std::size_t name_count(const btf::Btf& btf) {
  std::size_t count = 0;
  for (btf::TypeId id = btf.first_id(); id < btf.type_count(); id++) {
    switch (btf.kind(id)) {
      case btf::Kind::enumeration:
      case btf::Kind::enumeration64: count += btf.count(id) + 1; break;
      case btf::Kind::structure:
      case btf::Kind::union_type:
      case btf::Kind::type_definition:
      case btf::Kind::declaration_tag: count++; break;
      default: break;
    }
  }
  return count;
}

}  // namespace

BtfIndex::BtfIndex(const btf::Btf& btf)
    : btf_(&btf), slots_(std::bit_ceil(2 * name_count(btf) + 2)) {
  for (btf::TypeId id = btf.first_id(); id < btf.type_count(); id++) {
    switch (btf.kind(id)) {
      case btf::Kind::enumeration:
      case btf::Kind::enumeration64:
        insert(NameSort::tag, btf.name(id), id, 0);
        for (std::uint32_t i = 0; i < btf.count(id); i++)
          insert(NameSort::enumerator, btf.enumerator(id, i).name, id, i);
        break;
      case btf::Kind::structure:
      case btf::Kind::union_type: insert(NameSort::tag, btf.name(id), id, 0); break;
      case btf::Kind::type_definition:
        insert(NameSort::definition, btf.name(id), id, 0);
        break;
      case btf::Kind::declaration_tag:
        if (btf.name(id) == "bpf_kfunc" &&
            btf.kind(btf.target(id)) == btf::Kind::function)
          insert(NameSort::kfunc, btf.name(btf.target(id)), btf.target(id), 0);
        break;
      default: break;
    }
  }
}

BtfIndex::Slots::Slots(std::size_t count) : count_(count) {
  void* memory = ::mmap(nullptr, count * sizeof(Slot), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  ::madvise(memory, count * sizeof(Slot), MADV_HUGEPAGE);
  slots_ = static_cast<Slot*>(memory);
}

BtfIndex::Slots::~Slots() {
  ::munmap(slots_, count_ * sizeof(Slot));
}

std::string_view BtfIndex::name_of(const Slot& slot) const {
  return slot.sort == NameSort::enumerator ? btf_->enumerator(slot.id, slot.member).name
                                           : btf_->name(slot.id);
}

void BtfIndex::insert(NameSort sort, std::string_view name, btf::TypeId id,
                      std::uint32_t member) {
  if (name.empty()) return;
  const std::uint32_t hash = hash_of(sort, name);
  for (std::size_t at = hash;; at++) {
    Slot& slot = slots_[at & (slots_.size() - 1)];
    if (!slot.id) {
      slot = {.hash = hash, .id = id, .member = member, .sort = sort};
      return;
    }
    if (slot.hash == hash && slot.sort == sort && name_of(slot) == name) return;
  }
}

std::optional<NamedType> BtfIndex::find(NameSort sort, std::string_view name) const {
  const std::uint32_t hash = hash_of(sort, name);
  for (std::size_t at = hash;; at++) {
    const Slot& slot = slots_[at & (slots_.size() - 1)];
    if (!slot.id) return std::nullopt;
    if (slot.hash == hash && slot.sort == sort && name_of(slot) == name)
      return NamedType{slot.id, slot.member};
  }
}

void BtfIndex::append_names(NameSort sort, std::vector<std::string>& names) const {
  for (std::size_t at = 0; at < slots_.size(); at++)
    if (slots_[at].id && slots_[at].sort == sort) names.emplace_back(name_of(slots_[at]));
}

}  // namespace ebl::compile
