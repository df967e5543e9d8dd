// Static probes: the words for arguments, and the notes of real and damaged files.
#include "symbols/usdt.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <span>
#include <stdexcept>

#include "base/unique_fd.h"

namespace ebl::symbols {
namespace {

using ::testing::HasSubstr;
using Kind = UsdtArgument::Kind;

UsdtArgument read_one(const std::string& text, UsdtMachine machine) {
  const auto arguments = parse_usdt_arguments(
      text, machine, [](std::string_view name) -> std::optional<std::int64_t> {
        if (name == "counter") return 0x1000;
        return std::nullopt;
      });
  if (arguments.size() != 1) throw std::runtime_error("not one argument: " + text);
  return arguments[0];
}

struct Row {
  const char* text;
  UsdtArgument wanted;
};

void expect_rows(std::span<const Row> rows, UsdtMachine machine) {
  for (const Row& row : rows) {
    UsdtArgument wanted = row.wanted;
    wanted.text = row.text;
    EXPECT_EQ(read_one(row.text, machine), wanted) << row.text;
  }
}

TEST(UsdtArgument, x86_registers_memory_and_constants) {
  const Row rows[] = {
      {"8@%rax",
       {.kind = Kind::in_register, .base = UsdtRegister{.member = "ax", .offset = 80}}},
      {"-4@%r10d",
       {.kind = Kind::in_register,
        .size = 4,
        .is_signed = true,
        .base = UsdtRegister{.member = "r10", .offset = 56}}},
      {"1@%sil",
       {.kind = Kind::in_register,
        .size = 1,
        .base = UsdtRegister{.member = "si", .offset = 104}}},
      {"-1@%bh",
       {.kind = Kind::in_register,
        .size = 1,
        .is_signed = true,
        .base = UsdtRegister{.member = "bx", .offset = 40, .shift = 8}}},
      {"2@%bp",
       {.kind = Kind::in_register,
        .size = 2,
        .base = UsdtRegister{.member = "bp", .offset = 32}}},
      {"-4@$-9", {.kind = Kind::constant, .size = 4, .is_signed = true, .value = -9}},
      {"8@$-9223372036854775808",
       {.kind = Kind::constant, .value = std::numeric_limits<std::int64_t>::min()}},
      {"8@$0x10", {.kind = Kind::constant, .value = 16}},
      {"4@-1204(%rbp)",
       {.kind = Kind::memory,
        .size = 4,
        .value = -1204,
        .base = UsdtRegister{.member = "bp", .offset = 32}}},
      {"8@(%rsp)",
       {.kind = Kind::memory, .base = UsdtRegister{.member = "sp", .offset = 152}}},
      {"4f@16(%rsp)",
       {.kind = Kind::memory,
        .size = 4,
        .floating = true,
        .value = 16,
        .base = UsdtRegister{.member = "sp", .offset = 152}}},
      {"8@8(%rbx,%rcx,4)",
       {.kind = Kind::memory,
        .value = 8,
        .base = UsdtRegister{.member = "bx", .offset = 40},
        .index = UsdtRegister{.member = "cx", .offset = 88},
        .scale = 2}},
      {"8@(%rbx,%r9)",
       {.kind = Kind::memory,
        .base = UsdtRegister{.member = "bx", .offset = 40},
        .index = UsdtRegister{.member = "r9", .offset = 64}}},
      {"4@counter+4(%rip)",
       {.kind = Kind::memory,
        .size = 4,
        .value = 0x1004,
        .base = UsdtRegister{.member = "ip", .offset = 128}}},
      {"%rdi",
       {.kind = Kind::in_register, .base = UsdtRegister{.member = "di", .offset = 112}}},
  };
  expect_rows(rows, EM_X86_64);
}

TEST(UsdtArgument, arm64_registers_memory_and_constants) {
  const Row rows[] = {
      {"8@x0",
       {.kind = Kind::in_register,
        .base = UsdtRegister{.member = "regs[0]", .offset = 0}}},
      {"-4@w30",
       {.kind = Kind::in_register,
        .size = 4,
        .is_signed = true,
        .base = UsdtRegister{.member = "regs[30]", .offset = 240}}},
      {"8@sp",
       {.kind = Kind::in_register, .base = UsdtRegister{.member = "sp", .offset = 248}}},
      {"-4@-5", {.kind = Kind::constant, .size = 4, .is_signed = true, .value = -5}},
      {"8@[x19]",
       {.kind = Kind::memory, .base = UsdtRegister{.member = "regs[19]", .offset = 152}}},
      {"2@[sp, 12]",
       {.kind = Kind::memory,
        .size = 2,
        .value = 12,
        .base = UsdtRegister{.member = "sp", .offset = 248}}},
      {"8@[x1, #-16]",
       {.kind = Kind::memory,
        .value = -16,
        .base = UsdtRegister{.member = "regs[1]", .offset = 8}}},
      {"8@[x1, x2, lsl #3]",
       {.kind = Kind::memory,
        .base = UsdtRegister{.member = "regs[1]", .offset = 8},
        .index = UsdtRegister{.member = "regs[2]", .offset = 16},
        .scale = 3}},
  };
  expect_rows(rows, EM_AARCH64);
}

TEST(UsdtArgument, what_makes_no_sense_cannot_be_read_and_says_so) {
  for (const char* text : {"4f@%xmm0",
                           "8f@$1",
                           "3@%rax",
                           "@%rax",
                           "8@",
                           "-@%rax",
                           "8@%rzz",
                           "8@%",
                           "8@$",
                           "8@$x",
                           "8@(%rax",
                           "8@(%rax,%rbx,3)",
                           "8@(%ah)",
                           "8@()",
                           "8@(,,8)",
                           "8@8(%rip)",
                           "8@nowhere(%rip)",
                           "8@counter+x(%rip)",
                           "8@counter(%rax)",
                           "8@x(%rax,%rbx)",
                           "8@(%rax,%rbx,1,2)",
                           "@",
                           "--4@%eax",
                           "8@%rax@"}) {
    EXPECT_EQ(read_one(text, EM_X86_64).kind, Kind::unreadable) << text;
    EXPECT_EQ(read_one(text, EM_X86_64).text, text);
  }
  for (const char* text : {"8@x31", "8@x", "8@x-1", "8@w+1", "8@[x1", "8@[]",
                           "8@[x1, w2]", "8@[x1, x2, lsl]", "8@[x1, x2, lsl #9]",
                           "8@[x1, 1, 2]", "8@q0", "8@[x1, x2, uxtw 2]"})
    EXPECT_EQ(read_one(text, EM_AARCH64).kind, Kind::unreadable) << text;
  EXPECT_EQ(read_one("8@%rax", EM_S390).kind, Kind::unreadable);
}

TEST(UsdtArgument, arguments_are_told_apart_by_spaces_outside_brackets) {
  const auto arguments =
      parse_usdt_arguments(" 8@[sp, 8]  -4@w1 4@[x1, x2, lsl #2] ", EM_AARCH64, nullptr);
  ASSERT_EQ(arguments.size(), 3u);
  EXPECT_EQ(arguments[0].text, "8@[sp, 8]");
  EXPECT_EQ(arguments[1].text, "-4@w1");
  EXPECT_EQ(arguments[2].scale, 2);
  EXPECT_TRUE(parse_usdt_arguments("", EM_X86_64, nullptr).empty());
}

// Built beside this test: tests/programs/static_probes.c.
std::string program(const std::string& name) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  return self.substr(0, self.rfind('/') + 1) + name;
}

TEST(Usdt, the_probes_of_a_program_with_places_and_semaphores) {
  for (const bool fixed : {false, true}) {
    const std::string path = program(fixed ? "static_probes_fixed" : "static_probes");
    const auto probes = usdt_probes(path);
    ASSERT_TRUE(probes) << probes.error().message;
    std::vector<std::string> names;
    for (const UsdtProbe& probe : *probes) {
      EXPECT_EQ(probe.provider, "ebl_test");
      EXPECT_EQ(probe.fixed, fixed);
      names.push_back(probe.name);
      for (const UsdtLocation& location : probe.locations) {
        EXPECT_GT(location.semaphore_offset, 0u) << probe.name;
        // What the assembler put there is a nop.
        std::ifstream file(path, std::ios::binary);
        file.seekg(static_cast<std::streamoff>(location.offset));
#if defined(__x86_64__)
        EXPECT_EQ(file.get(), 0x90) << probe.name;
#endif
      }
    }
    EXPECT_THAT(names, ::testing::UnorderedElementsAre("values", "text", "twice",
                                                       "shapes", "none"));
    const auto twice = find_usdt_probe(path, "ebl_test", "twice");
    ASSERT_TRUE(twice);
    ASSERT_EQ(twice->locations.size(), 2u);
    EXPECT_EQ(twice->locations[0].argument_set, 0u);
    EXPECT_EQ(twice->locations[1].argument_set, 1u);
    EXPECT_EQ(twice->locations[0].semaphore, twice->locations[1].semaphore);
    EXPECT_EQ(find_usdt_probe(path, "", "none")->locations[0].arguments.size(), 0u);
  }
}

TEST(Usdt, what_is_wrong_is_named) {
  const auto typo = find_usdt_probe(program("static_probes"), "ebl_test", "vaules");
  ASSERT_FALSE(typo);
  EXPECT_EQ(typo.error().code, Code::not_found);
  EXPECT_THAT(typo.error().message, HasSubstr("has no probe ebl_test:vaules"));
  EXPECT_EQ(typo.error().hint, "did you mean 'values'?");
  const auto provider = find_usdt_probe(program("static_probes"), "other", "values");
  ASSERT_FALSE(provider);
  EXPECT_THAT(provider.error().hint, HasSubstr("its probes are "));
  EXPECT_THAT(provider.error().hint, HasSubstr("ebl_test:values"));
  const auto none = find_usdt_probe("/proc/self/exe", "a", "b");
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().hint, HasSubstr("no probes at all"));
  EXPECT_EQ(usdt_probes("/nowhere").error().code, Code::not_found);
  EXPECT_EQ(usdt_probes("/proc/version").error().code, Code::invalid);
}

TEST(Usdt, damaged_notes_are_errors_and_never_more) {
  std::ifstream file(program("static_probes"), std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(file), {}};
  const std::size_t first = whole.find(std::string("stapsdt\0", 8));
  const std::size_t last = whole.rfind(std::string("stapsdt\0", 8));
  ASSERT_NE(first, whole.npos);
  const UniqueFd copy(::memfd_create("damaged", MFD_CLOEXEC));
  const std::string path = "/proc/self/fd/" + std::to_string(copy.get());
  const auto read_changed = [&](const std::string& bytes) {
    EXPECT_EQ(::ftruncate(copy.get(), static_cast<off_t>(bytes.size())), 0);
    EXPECT_EQ(::pwrite(copy.get(), bytes.data(), bytes.size(), 0),
              static_cast<ssize_t>(bytes.size()));
    return usdt_probes(path);
  };
  int errors = 0;
  for (std::size_t at = first - 12; at < last + 64; at++)
    for (const char value : {'\0', '\x7f', '\xff'}) {
      std::string broken = whole;
      broken[at] = value;
      const auto probes = read_changed(broken);
      if (probes) continue;
      errors++;
      EXPECT_EQ(probes.error().code, Code::invalid) << at;
      EXPECT_THAT(probes.error().message, HasSubstr("cannot be read")) << at;
    }
  EXPECT_GT(errors, 100);
  // The place of the first probe, and its semaphore, outside the file's segments.
  for (const auto& [word, text] : {std::pair(0, "where there is no code"),
                                   std::pair(16, "where there is no data")}) {
    std::string broken = whole;
    broken[first + 8 + word + 7] = '\x11';
    const auto probes = read_changed(broken);
    ASSERT_FALSE(probes);
    EXPECT_THAT(probes.error().message, HasSubstr(text));
  }
  // A length that reaches past the section, and a name without an end.
  std::string broken = whole;
  broken[first - 7] = '\x7f';
  EXPECT_THAT(read_changed(broken).error().message, HasSubstr("is cut off"));
  for (std::size_t size = 0; size < whole.size(); size += 97)
    (void)read_changed(whole.substr(0, size));
}

}  // namespace
}  // namespace ebl::symbols
