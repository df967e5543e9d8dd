// The line table of files that hold none, or that nobody wrote with care. What it says of
// real programs is tested by tests/lua/bad_input_spec.lua, on refusals of the kernel.
#include "load/line_info.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

namespace ebl::load {
namespace {

std::span<const std::byte> bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

TEST(LineTable, is_empty_for_what_has_no_line_information) {
  EXPECT_FALSE(LineTable::read({}).find("main", 0));
  EXPECT_FALSE(LineTable::read(bytes("no ELF file at all")).find("main", 0));
  std::ifstream file("/proc/self/exe", std::ios::binary);
  const std::string self{std::istreambuf_iterator<char>(file), {}};
  ASSERT_GT(self.size(), 1000u);
  EXPECT_FALSE(LineTable::read(bytes(self)).find("main", 0));
}

TEST(LineTable, survives_headers_that_point_anywhere) {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_shnum = 0xfffe;
  for (const std::uint64_t offset : {0ul, 40ul, 1000ul, ~0ul, ~0ul - 64}) {
    header.e_shoff = offset;
    for (const unsigned names : {0u, 1u, 0xffffu}) {
      header.e_shstrndx = static_cast<Elf64_Half>(names);
      std::string file(reinterpret_cast<const char*>(&header), sizeof(header));
      file += std::string(500, '\xff') + std::string(500, '\1');
      EXPECT_FALSE(LineTable::read(bytes(file)).find("main", 0));
    }
  }
}

}  // namespace
}  // namespace ebl::load
