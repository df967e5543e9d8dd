// Programs for the attach tests, made of instructions: these tests need no compiler. Each
// counts its runs in a map.
#pragma once

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <elf.h>
#include <linux/bpf.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "attach/link.h"
#include "base/unique_fd.h"

namespace ebl::attach {

/// A BPF ELF file with one program: sections .strtab, the program, license, .symtab.
inline std::vector<std::byte> elf_with_program(const std::string& section,
                                               const std::vector<bpf_insn>& code) {
  std::string strings(1, '\0');
  const auto string = [&](const std::string& text) {
    const auto at = static_cast<Elf64_Word>(strings.size());
    strings += text + '\0';
    return at;
  };
  const Elf64_Word program_name = string("count"), license_name = string("license"),
                   symbols_name = string(".symtab"), strings_name = string(".strtab"),
                   section_name = string(section);
  const std::string license("GPL\0", 4);
  const Elf64_Sym symbols[] = {
      {},
      {.st_name = program_name,
       .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
       .st_shndx = 2,
       .st_size = code.size() * sizeof(bpf_insn)},
  };
  std::vector<std::byte> bytes(sizeof(Elf64_Ehdr));
  Elf64_Shdr headers[5] = {};
  const auto add = [&](int index, Elf64_Word name, Elf64_Word type, Elf64_Xword flags,
                       const void* data, std::size_t size) {
    bytes.resize((bytes.size() + 7) / 8 * 8);
    headers[index] = {.sh_name = name,
                      .sh_type = type,
                      .sh_flags = flags,
                      .sh_offset = bytes.size(),
                      .sh_size = size,
                      .sh_addralign = 8};
    const auto* begin = static_cast<const std::byte*>(data);
    bytes.insert(bytes.end(), begin, begin + size);
  };
  add(1, strings_name, SHT_STRTAB, 0, strings.data(), strings.size());
  add(2, section_name, SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, code.data(),
      code.size() * sizeof(bpf_insn));
  add(3, license_name, SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, license.data(),
      license.size());
  add(4, symbols_name, SHT_SYMTAB, 0, symbols, sizeof symbols);
  headers[4].sh_link = 1;
  headers[4].sh_info = 1;
  headers[4].sh_entsize = sizeof(Elf64_Sym);
  bytes.resize((bytes.size() + 7) / 8 * 8);
  Elf64_Ehdr header = {.e_type = ET_REL,
                       .e_machine = EM_BPF,
                       .e_version = EV_CURRENT,
                       .e_shoff = bytes.size(),
                       .e_ehsize = sizeof(Elf64_Ehdr),
                       .e_shentsize = sizeof(Elf64_Shdr),
                       .e_shnum = 5,
                       .e_shstrndx = 1};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  std::memcpy(bytes.data(), &header, sizeof header);
  const auto* table = reinterpret_cast<const std::byte*>(headers);
  bytes.insert(bytes.end(), table, table + sizeof headers);
  return bytes;
}

/// What a test program leaves in its map.
struct Counts {
  std::uint64_t runs = 0;
  std::uint64_t cookie = 0;
  std::uint64_t pid_tgid = 0;
};

/// One program that counts. Throws where a step that is not under test fails.
class TestProgram {
 public:
  struct Shape {
    bool cookie = false;  ///< keep bpf_get_attach_cookie()
    bool pid = false;     ///< keep bpf_get_current_pid_tgid()
    int only_tgid = 0;    ///< count this process alone; needs no pid
    int result = 0;
  };

  TestProgram(const std::string& section, Shape shape)
      : map_(::bpf_map_create(BPF_MAP_TYPE_ARRAY, "counts", 4, sizeof(Counts), 1,
                              nullptr)) {
    if (!map_) throw std::runtime_error("map: " + std::string(std::strerror(errno)));
    register_sections();
    const std::vector<std::byte> elf = elf_with_program(section, code(shape));
    bpf_object_open_opts opts = {.sz = sizeof opts, .object_name = "test"};
    object_.reset(::bpf_object__open_mem(elf.data(), elf.size(), &opts));
    if (!object_) throw std::runtime_error("open: " + std::string(std::strerror(errno)));
    program_ = ::bpf_object__next_program(object_.get(), nullptr);
  }
  explicit TestProgram(const std::string& section) : TestProgram(section, Shape{}) {}

  load::Program program() const { return {program_, ::bpf_program__fd(program_)}; }
  /// 0, or the errno of loading.
  int load() { return -::bpf_object__load(object_.get()); }
  Counts counts() const {
    Counts counts;
    const std::uint32_t key = 0;
    ::bpf_map_lookup_elem(map_.get(), &key, &counts);
    return counts;
  }
  std::uint64_t runs() const { return counts().runs; }

 private:
  std::vector<bpf_insn> code(const Shape& shape) const {
    const auto call = [](int helper) {
      return bpf_insn{.code = BPF_JMP | BPF_CALL, .imm = helper};
    };
    const auto set = [](unsigned char to, int value) {
      return bpf_insn{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = to, .imm = value};
    };
    const auto move = [](unsigned char to, unsigned char from) {
      return bpf_insn{
          .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = to, .src_reg = from};
    };
    const auto store = [](int at) {
      return bpf_insn{.code = BPF_STX | BPF_MEM | BPF_DW,
                      .dst_reg = 7,
                      .src_reg = 0,
                      .off = static_cast<short>(at)};
    };
    std::vector<bpf_insn> body = {
        // r6 context, r7 value of the map
        move(6, 1),
        {.code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = 10, .off = -4, .imm = 0},
        move(2, 10),
        {.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 2, .imm = -4},
        {.code = BPF_LD | BPF_IMM | BPF_DW,
         .dst_reg = 1,
         .src_reg = BPF_PSEUDO_MAP_FD,
         .imm = map_.get()},
        {},
        call(BPF_FUNC_map_lookup_elem),
        move(7, 0),
    };
    std::vector<bpf_insn> rest;
    if (shape.cookie) {
      rest.insert(rest.end(), {move(1, 6), call(BPF_FUNC_get_attach_cookie), store(8)});
    }
    if (shape.pid)
      rest.insert(rest.end(), {call(BPF_FUNC_get_current_pid_tgid), store(16)});
    rest.push_back(set(1, 1));
    rest.push_back({.code = BPF_STX | BPF_ATOMIC | BPF_DW,
                    .dst_reg = 7,
                    .src_reg = 1,
                    .imm = BPF_ADD});
    if (shape.only_tgid) {
      rest.insert(rest.begin(),
                  {call(BPF_FUNC_get_current_pid_tgid),
                   {.code = BPF_ALU64 | BPF_RSH | BPF_K, .dst_reg = 0, .imm = 32},
                   {.code = BPF_JMP | BPF_JNE | BPF_K,
                    .dst_reg = 0,
                    .off = static_cast<short>(rest.size()),
                    .imm = shape.only_tgid}});
    }
    body.push_back({.code = BPF_JMP | BPF_JEQ | BPF_K,
                    .dst_reg = 7,
                    .off = static_cast<short>(rest.size()),
                    .imm = 0});
    body.insert(body.end(), rest.begin(), rest.end());
    body.push_back(set(0, shape.result));
    body.push_back({.code = BPF_JMP | BPF_EXIT});
    return body;
  }

  struct CloseObject {
    void operator()(bpf_object* object) const { ::bpf_object__close(object); }
  };
  UniqueFd map_;
  std::unique_ptr<bpf_object, CloseObject> object_;
  bpf_program* program_ = nullptr;
};

inline ProbeSpec spec_of(const std::string& text) {
  Result<ProbeSpec> spec = parse_probe_spec(text);
  if (!spec) throw std::runtime_error(spec.error().message);
  return *spec;
}

}  // namespace ebl::attach
