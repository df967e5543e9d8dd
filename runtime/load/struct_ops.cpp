#include "load/struct_ops.h"

#include <bpf/btf.h>
#include <elf.h>
#include <linux/btf.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>

#include "btf/btf.h"

namespace ebl::load {
namespace {

/// Cuts the string short wherever it stands in a table of strings.
void cut_names(std::span<std::byte> table) {
  static constexpr std::string_view kName = ".struct_ops.link";
  static constexpr std::size_t kKept = std::string_view(".struct_ops").size();
  const std::string_view text(reinterpret_cast<const char*>(table.data()), table.size());
  for (std::size_t at = text.find(kName); at != text.npos;
       at = text.find(kName, at + 1)) {
    const std::size_t end = at + kName.size();
    if (end < text.size() && text[end] == '\0') table[at + kKept] = std::byte{0};
  }
}

bool is_btf(std::span<const std::byte> data) {
  btf_header header{};
  if (data.size() < sizeof header) return false;
  std::memcpy(&header, data.data(), sizeof header);
  return header.magic == BTF_MAGIC && header.hdr_len >= sizeof header;
}

}  // namespace

void rename_struct_ops(std::vector<std::byte>& elf) {
  const std::span<std::byte> file(elf);
  Elf64_Ehdr header{};
  if (file.size() < sizeof header) return;
  std::memcpy(&header, file.data(), sizeof header);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return;
  for (std::uint64_t i = 0; i < header.e_shnum; i++) {
    Elf64_Shdr section{};
    const std::uint64_t at = header.e_shoff + i * sizeof section;
    if (at > file.size() || file.size() - at < sizeof section) return;
    std::memcpy(&section, file.data() + at, sizeof section);
    const bool inside = section.sh_offset <= file.size() &&
                        section.sh_size <= file.size() - section.sh_offset;
    if (section.sh_type == SHT_NOBITS || !inside) continue;
    const std::span<std::byte> data = file.subspan(section.sh_offset, section.sh_size);
    if (section.sh_type == SHT_STRTAB || is_btf(data)) cut_names(data);
  }
}

std::vector<std::string> undeclared_struct_ops(const bpf_object* object) {
  const auto is_declared = [types = bpf_object__btf(object)](std::string_view name) {
    const int section = btf__find_by_name_kind(types, ".struct_ops", BTF_KIND_DATASEC);
    if (section < 0) return false;
    const btf_type* found = btf__type_by_id(types, static_cast<std::uint32_t>(section));
    const btf_var_secinfo* variables = btf_var_secinfos(found);
    return std::any_of(variables, variables + btf_vlen(found), [&](const auto& variable) {
      const btf_type* type = btf__type_by_id(types, variable.type);
      return type && name == btf__name_by_offset(types, type->name_off);
    });
  };
  std::vector<std::string> names;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS && !is_declared(bpf_map__name(map)))
      names.emplace_back(bpf_map__name(map));
  }
  return names;
}

bool kernel_has_struct_ops_links() {
  const Result<btf::Btf> kernel = btf::Btf::from_file("/sys/kernel/btf/vmlinux");
  return kernel && kernel->find(btf::Kind::structure, "bpf_struct_ops_link").has_value();
}

void prefer_struct_ops_links(bpf_object* object) {
  std::vector<bpf_map*> found;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS) found.push_back(map);
  }
  if (found.empty() || !kernel_has_struct_ops_links()) return;
  for (bpf_map* one : found)
    bpf_map__set_map_flags(one, bpf_map__map_flags(one) | kStructOpsLink);
}

}  // namespace ebl::load
