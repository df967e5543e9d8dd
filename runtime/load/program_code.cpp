#include "load/program_code.h"

#include <bpf/bpf.h>
#include <linux/btf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "base/permissions.h"
#include "btf/btf.h"
#include "load/kernel_objects.h"
#include "load/loaded_types.h"

namespace ebl::load {
namespace {

Error refused(const std::string& what, int error) {
  static constexpr Capability kNeeded[] = {Capability::bpf};
  if (error == EPERM || error == EACCES)
    return explain_permission(Stage::load, what, error, kNeeded);
  return {.stage = Stage::load,
          .code = Code::io,
          .message = "cannot " + what + ": " + errno_text(error)};
}

/// The types that the program was loaded with, and their strings.
struct Types {
  btf::Btf btf;
  std::string strings;

  std::string_view string(std::uint32_t offset) const {
    if (offset >= strings.size()) return {};
    return std::string_view(strings.c_str() + offset);
  }
};

std::optional<Types> types_of(std::uint32_t btf_id) {
  std::vector<std::byte> bytes = loaded_types(btf_id);
  btf_header header{};
  if (bytes.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, bytes.data(), sizeof header);
  const std::uint64_t begin = std::uint64_t{header.hdr_len} + header.str_off;
  if (begin + header.str_len > bytes.size()) return std::nullopt;
  std::string strings(reinterpret_cast<const char*>(bytes.data()) + begin,
                      header.str_len);
  Result<btf::Btf> parsed = btf::Btf::from_bytes(std::move(bytes));
  if (!parsed) return std::nullopt;
  return Types{std::move(*parsed), std::move(strings)};
}

/// The kernel's record of one program with everything that it points to.
struct Raw {
  bpf_prog_info sizes{};
  std::vector<std::byte> xlated, jited;
  std::vector<std::uint32_t> maps, lengths;
  std::vector<std::uint64_t> addresses, line_addresses;
  std::vector<bpf_func_info> functions;
  std::vector<bpf_line_info> lines;
};

std::uint64_t pointer_to(const auto& list) {
  return reinterpret_cast<std::uintptr_t>(list.data());
}

/// errno, or 0. The first call tells how much there is, the second fetches it.
int read_raw(int fd, Raw& raw) {
  std::uint32_t size = sizeof raw.sizes;
  if (::bpf_obj_get_info_by_fd(fd, &raw.sizes, &size) != 0) return errno;
  const bpf_prog_info& had = raw.sizes;
  raw.xlated.resize(had.xlated_prog_len);
  raw.jited.resize(had.jited_prog_len);
  raw.maps.resize(had.nr_map_ids);
  raw.lengths.resize(had.nr_jited_func_lens);
  raw.addresses.resize(had.nr_jited_ksyms);
  raw.line_addresses.resize(had.nr_jited_line_info);
  raw.functions.resize(had.nr_func_info);
  raw.lines.resize(had.nr_line_info);
  bpf_prog_info info{};
  info.xlated_prog_insns = pointer_to(raw.xlated);
  info.xlated_prog_len = had.xlated_prog_len;
  info.jited_prog_insns = pointer_to(raw.jited);
  info.jited_prog_len = had.jited_prog_len;
  info.map_ids = pointer_to(raw.maps);
  info.nr_map_ids = had.nr_map_ids;
  info.jited_func_lens = pointer_to(raw.lengths);
  info.nr_jited_func_lens = had.nr_jited_func_lens;
  info.jited_ksyms = pointer_to(raw.addresses);
  info.nr_jited_ksyms = had.nr_jited_ksyms;
  info.jited_line_info = pointer_to(raw.line_addresses);
  info.nr_jited_line_info = had.nr_jited_line_info;
  info.jited_line_info_rec_size = sizeof(std::uint64_t);
  info.func_info = pointer_to(raw.functions);
  info.nr_func_info = had.nr_func_info;
  info.func_info_rec_size = sizeof(bpf_func_info);
  info.line_info = pointer_to(raw.lines);
  info.nr_line_info = had.nr_line_info;
  info.line_info_rec_size = sizeof(bpf_line_info);
  size = sizeof info;
  if (::bpf_obj_get_info_by_fd(fd, &info, &size) != 0) return errno;
  // What the kernel does not show, it gives no address of.
  if (!info.xlated_prog_insns) raw.xlated.clear();
  if (!info.jited_prog_insns) raw.jited.clear();
  if (!info.jited_ksyms) raw.addresses.clear();
  if (!info.jited_line_info) raw.line_addresses.clear();
  if (!info.jited_func_lens) raw.lengths.clear();
  return 0;
}

std::string map_name(std::uint32_t id) {
  const Result<UniqueFd> map = open_with_id(map_kind, id);
  const std::string name = map ? map_kind.name_of(map->get()) : "";
  return name.empty() ? "#" + std::to_string(id) : name;
}

template <typename T>
T at_or_zero(const std::vector<T>& list, std::size_t place) {
  return place < list.size() ? list[place] : T{};
}

void add_functions(ProgramCode& code, const Raw& raw, const Types* types) {
  const std::size_t count = std::max<std::size_t>(raw.lengths.size(), 1);
  std::size_t begin = 0;
  for (std::size_t i = 0; i < count; i++) {
    const std::size_t rest = raw.jited.size() - begin;
    const std::size_t size =
        raw.lengths.empty() ? rest : std::min<std::size_t>(raw.lengths[i], rest);
    std::string name = i == 0 ? code.name : "function " + std::to_string(i);
    const bpf_func_info info = at_or_zero(raw.functions, i);
    const bool named = types && info.type_id && info.type_id < types->btf.type_count() &&
                       types->btf.kind(info.type_id) == btf::Kind::function;
    if (named) name = types->btf.name(info.type_id);
    code.functions.push_back({.name = std::move(name),
                              .first = info.insn_off,
                              .address = at_or_zero(raw.addresses, i),
                              .begin = begin,
                              .size = size});
    begin += size;
  }
}

/// Where an address lies in the jited code.
std::optional<std::size_t> place_of(const ProgramCode& code, std::uint64_t address) {
  for (const ProgramCode::Function& function : code.functions)
    if (function.address && address >= function.address &&
        address - function.address < function.size)
      return function.begin + (address - function.address);
  return std::nullopt;
}

void add_lines(ProgramCode& code, const Raw& raw, const Types& types) {
  for (std::size_t i = 0; i < raw.lines.size(); i++) {
    const bpf_line_info& line = raw.lines[i];
    std::string_view text = types.string(line.line_off);
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    code.lines.push_back({.instruction = line.insn_off,
                          .jited = place_of(code, at_or_zero(raw.line_addresses, i)),
                          .file = std::string(types.string(line.file_name_off)),
                          .number = BPF_LINE_INFO_LINE_NUM(line.line_col),
                          .text = std::string(text)});
  }
}

}  // namespace

Result<ProgramCode> program_code(int program_fd) {
  Raw raw;
  if (const int error = read_raw(program_fd, raw); error != 0)
    return refused("read a program", error);
  if (raw.xlated.empty()) return refused("read a program's instructions", EPERM);
  ProgramCode code;
  code.name = raw.sizes.name;
  const std::optional<Types> types = types_of(raw.sizes.btf_id);
  add_functions(code, raw, types ? &*types : nullptr);
  if (types) add_lines(code, raw, *types);
  for (const std::uint32_t id : raw.maps) code.maps[id] = map_name(id);
  code.xlated = std::move(raw.xlated);
  code.jited = std::move(raw.jited);
  return code;
}

}  // namespace ebl::load
