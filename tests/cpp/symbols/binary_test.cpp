// ELF files and the library cache.
#include <dlfcn.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "symbols/elf_file.h"
#include "symbols/library.h"

namespace ebl::symbols {
namespace {

extern "C" __attribute__((noinline, used)) int ebl_symbols_test_target(int value) {
  return value * 3;
}

TEST(ElfFile, the_offset_is_where_the_code_lies_in_the_file) {
  const Result<ElfFile> file = ElfFile::open("/proc/self/exe");
  ASSERT_TRUE(file) << file.error().message;
  const Result<std::uint64_t> offset = file->offset_of("ebl_symbols_test_target", 0);
  ASSERT_TRUE(offset) << offset.error().message;
  char in_file[8];
  std::ifstream bytes("/proc/self/exe", std::ios::binary);
  bytes.seekg(static_cast<std::streamoff>(*offset));
  bytes.read(in_file, sizeof in_file);
  EXPECT_EQ(std::memcmp(in_file, reinterpret_cast<const void*>(&ebl_symbols_test_target),
                        sizeof in_file),
            0);
  EXPECT_EQ(*file->offset_of("ebl_symbols_test_target", 1), *offset + 1);
}

TEST(ElfFile, what_is_wrong_is_named) {
  const Result<ElfFile> file = ElfFile::open("/proc/self/exe");
  ASSERT_TRUE(file);
  const auto typo = file->offset_of("ebl_symbols_test_tarhet", 0);
  ASSERT_FALSE(typo);
  EXPECT_EQ(typo.error().code, Code::not_found);
  EXPECT_EQ(typo.error().message,
            "/proc/self/exe has no function ebl_symbols_test_tarhet");
  EXPECT_EQ(typo.error().hint, "did you mean 'ebl_symbols_test_target'?");
  const auto far = file->offset_of("ebl_symbols_test_target", 100'000);
  ASSERT_FALSE(far);
  EXPECT_EQ(far.error().code, Code::invalid);
  EXPECT_EQ(file->offset_of_address(1).error().code, Code::not_found);
}

TEST(ElfFile, of_versions_the_default_one_is_taken) {
  const Result<std::string> path = find_binary("libc");
  ASSERT_TRUE(path) << path.error().message;
  const Result<ElfFile> libc = ElfFile::open(*path);
  ASSERT_TRUE(libc);
  EXPECT_TRUE(libc->offset_of("malloc", 0));
  EXPECT_TRUE(libc->offset_of("malloc@GLIBC_2.2.5", 0));
#if defined(__x86_64__)
  const auto memcpy = libc->offset_of("memcpy", 0);
  ASSERT_FALSE(memcpy);
  EXPECT_EQ(memcpy.error().code, Code::not_supported);
  EXPECT_NE(memcpy.error().message.find("(IFUNC)"), std::string::npos);
#endif
}

TEST(ElfFile, a_damaged_file_is_an_error_or_has_fewer_symbols) {
  std::ifstream self("/proc/self/exe", std::ios::binary);
  std::string bytes(64 << 10, '\0');
  self.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  const std::string path = "/tmp/ebl_elf_test_" + std::to_string(::getpid());
  for (const std::size_t size : {0, 1, 4, 63, 64, 200, 4096, 65536}) {
    std::ofstream(path, std::ios::binary | std::ios::trunc)
        .write(bytes.data(), static_cast<std::streamsize>(size));
    const Result<ElfFile> file = ElfFile::open(path);
    if (file) {
      EXPECT_FALSE(file->offset_of("ebl_symbols_test_target", 0)) << size;
    }
  }
  for (std::size_t at = 16; at < 64; at++) {  // the header, byte by byte
    std::string broken = bytes;
    broken[at] = '\xff';
    std::ofstream(path, std::ios::binary | std::ios::trunc) << broken;
    const Result<ElfFile> file = ElfFile::open(path);
    if (file) (void)file->offset_of("ebl_symbols_test_target", 0);
  }
  std::filesystem::remove(path);
}

/// A library cache in the format of glibc 2.32+.
std::string cache(const std::vector<std::array<std::string, 2>>& libraries,
                  std::uint32_t flags) {
  const auto word = [](std::uint32_t value) {
    return std::string(reinterpret_cast<const char*>(&value), 4);
  };
  const auto count = static_cast<std::uint32_t>(libraries.size());
  std::string strings, entries;
  const std::uint32_t base = 48 + 24 * count;
  for (const auto& [name, path] : libraries) {
    const auto name_at = base + static_cast<std::uint32_t>(strings.size());
    strings += name + '\0';
    const auto path_at = base + static_cast<std::uint32_t>(strings.size());
    strings += path + '\0';
    entries += word(flags) + word(name_at) + word(path_at) + word(0) + word(0) + word(0);
  }
  return "glibc-ld.so.cache1.1" + word(count) +
         word(static_cast<std::uint32_t>(strings.size())) + std::string(20, '\0') +
         entries + strings;
}

#if defined(__x86_64__)
constexpr std::uint32_t own = 0x0303;
#else
constexpr std::uint32_t own = 0x0a03;
#endif

TEST(LibraryCache, lists_libraries_of_this_machine_only) {
  std::string bytes = cache({{"libc.so.6", "/lib/libc.so.6"}, {"libz.so.1", "/z"}}, own);
  auto libraries = parse_library_cache(std::as_bytes(std::span(bytes)));
  ASSERT_TRUE(libraries);
  ASSERT_EQ(libraries->size(), 2u);
  EXPECT_EQ((*libraries)[0].name, "libc.so.6");
  EXPECT_EQ((*libraries)[0].path, "/lib/libc.so.6");
  EXPECT_EQ((*libraries)[1].name, "libz.so.1");

  bytes = cache({{"libc.so.6", "/lib32/libc.so.6"}}, 0x0003);
  EXPECT_TRUE(parse_library_cache(std::as_bytes(std::span(bytes)))->empty());

  // The old format may stand before: one entry of 12 bytes and padding to 8.
  const std::uint32_t one = 1;
  std::string old = "ld.so-1.7.0" + std::string(1, '\0') +
                    std::string(reinterpret_cast<const char*>(&one), 4) +
                    std::string(16, '\0');
  ASSERT_EQ(old.size(), 32u);
  old += cache({{"libc.so.6", "/c"}}, own);
  libraries = parse_library_cache(std::as_bytes(std::span(old)));
  ASSERT_TRUE(libraries);
  EXPECT_EQ(libraries->at(0).path, "/c");
}

TEST(LibraryCache, damaged_bytes_are_refused_or_read_within_bounds) {
  const std::string good = cache({{"libc.so.6", "/lib/libc.so.6"}}, own);
  for (std::size_t size = 0; size < good.size(); size++)
    (void)parse_library_cache(std::as_bytes(std::span(good)).first(size));
  for (std::size_t at = 0; at < good.size(); at++) {
    std::string bad = good;
    bad[at] = '\xff';
    (void)parse_library_cache(std::as_bytes(std::span(bad)));
  }
  const std::string other = "something else that is long enough to have a header in it …";
  const auto refused = parse_library_cache(std::as_bytes(std::span(other)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "/etc/ld.so.cache is not in glibc's format");
}

TEST(Binary, is_found_as_path_library_or_program) {
  EXPECT_EQ(*find_binary("/some/path"), "/some/path");
  EXPECT_EQ(*find_binary("./here"), "./here");
  const Result<std::string> libc = find_binary("libc");
  ASSERT_TRUE(libc) << libc.error().message;
  EXPECT_EQ(*libc, *find_binary("libc.so.6"));
  Dl_info info;
  ASSERT_TRUE(::dladdr(reinterpret_cast<void*>(&::getpid), &info));
  EXPECT_TRUE(std::filesystem::equivalent(*libc, info.dli_fname));
  const Result<std::string> shell = find_binary("sh");
  ASSERT_TRUE(shell);
  EXPECT_EQ(std::filesystem::path(*shell).filename(), "sh");

  const Result<std::string> typo = find_binary("libcc");
  ASSERT_FALSE(typo);
  EXPECT_EQ(typo.error().code, Code::not_found);
  EXPECT_EQ(typo.error().message, "no library and no program is called libcc");
  EXPECT_NE(typo.error().hint.find("'libc'"), std::string::npos) << typo.error().hint;
}

}  // namespace
}  // namespace ebl::symbols
