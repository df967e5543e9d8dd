#include "compile/clang/btf_index.h"

#include <bit>

namespace ebl::compile {
namespace {

std::uint32_t hash_of(NameSort sort, std::string_view name) {
  std::uint32_t hash = 2166136261u ^ static_cast<std::uint32_t>(sort);
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return hash;
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

BtfIndex::BtfIndex(const btf::Btf& btf) : btf_(&btf) {
  slots_.resize(std::bit_ceil(2 * name_count(btf) + 2));
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

}  // namespace ebl::compile
