// Addresses of real processes: this one, children that end or change, and code made at
// run time.
#include "symbols/user.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "symbols/perf_map.h"

namespace ebl::symbols {
namespace named {
__attribute__((noinline, used)) int target(int value) {
  return value + 7;
}
const int target_line = __LINE__ - 2;  // the statement; without optimization, the brace
}  // namespace named

namespace {

std::uint64_t address_of(const void* code) {
  return reinterpret_cast<std::uintptr_t>(code);
}
const auto target = address_of(reinterpret_cast<const void*>(&named::target));

TEST(UserSymbols, names_a_function_of_this_program_with_its_line) {
  UserSymbols symbols(EBL_SYMBOLIZER_SO);
  const Result<UserSymbol> symbol = symbols.resolve(::getpid(), target + 1, true);
  ASSERT_TRUE(symbol) << symbol.error().message;
  EXPECT_EQ(symbol->name, "ebl::symbols::named::target(int)");
  EXPECT_EQ(symbol->offset, 1u);
  EXPECT_EQ(symbol->module, std::filesystem::read_symlink("/proc/self/exe"));
  EXPECT_TRUE(symbol->file.ends_with("user_test.cpp")) << symbol->file;
  EXPECT_NEAR(symbol->line, named::target_line, 1);
  const Result<UserSymbol> again = symbols.resolve(::getpid(), target);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->name, symbol->name);
  EXPECT_EQ(again->line, 0);
}

TEST(UserSymbols, names_a_function_of_a_library) {
  UserSymbols symbols(EBL_SYMBOLIZER_SO);
  const auto code = address_of(::dlsym(RTLD_DEFAULT, "getpgid"));
  const Result<UserSymbol> symbol = symbols.resolve(::getpid(), code + 2);
  ASSERT_TRUE(symbol) << symbol.error().message;
  EXPECT_TRUE(symbol->name.ends_with("getpgid")) << symbol->name;
  EXPECT_EQ(symbol->offset, 2u);
  EXPECT_NE(symbol->module.find("libc.so"), std::string::npos);
}

TEST(UserSymbols, finds_code_that_is_made_later) {
  UserSymbols symbols(EBL_SYMBOLIZER_SO);
  ASSERT_TRUE(symbols.resolve(::getpid(), target));
  void* code =
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(code, MAP_FAILED);
  const Result<UserSymbol> nothing = symbols.resolve(::getpid(), address_of(code));
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().code, Code::not_found);

  const std::string path = fmt::format("/tmp/perf-{}.map", ::getpid());
  std::ofstream(path) << fmt::format("{:x} 40 LazyCompile:~main app.js:1\n",
                                     address_of(code) + 0x100);
  const Result<UserSymbol> jit = symbols.resolve(::getpid(), address_of(code) + 0x110);
  std::filesystem::remove(path);
  ASSERT_TRUE(jit) << jit.error().message;
  EXPECT_EQ(jit->name, "LazyCompile:~main app.js:1");
  EXPECT_EQ(jit->offset, 0x10u);
  EXPECT_EQ(jit->module, "[perf map]");
  ::munmap(code, 4096);
}

constexpr const char* mangled_target = "_ZN3ebl7symbols5named6targetEi";

TEST(UserSymbols, knows_what_a_function_is_called_with) {
  UserSymbols symbols(EBL_SYMBOLIZER_SO);
  const std::string program = std::filesystem::read_symlink("/proc/self/exe");
  for (int i = 0; i < 2; i++) {  // the file is opened once
    const Result<UserPrototype> found = symbols.prototype(program, mangled_target);
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(found->result, "int");
    ASSERT_EQ(found->parameters.size(), 1u);
    EXPECT_EQ(found->parameters[0].name, "value");
    EXPECT_EQ(found->parameters[0].type, "int");
    EXPECT_EQ(found->parameters[0].place, 0);
  }
  const Result<UserPrototype> absent = symbols.prototype(program, "no_such_function");
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, Code::not_found);
  const Result<UserPrototype> copy = symbols.prototype(program, "target.constprop.0");
  ASSERT_FALSE(copy);
  EXPECT_EQ(copy.error().code, Code::not_supported);
}

TEST(UserSymbols, says_what_has_no_debug_information) {
  UserSymbols symbols(EBL_SYMBOLIZER_SO);
  const std::string path = fmt::format("/tmp/ebl_user_test.{}", ::getpid());
  std::filesystem::copy_file("/proc/self/exe", path);
  const Result<UserPrototype> program = symbols.prototype(path, mangled_target);
  EXPECT_TRUE(program) << program.error().message;
  std::ofstream(path) << "#!/bin/sh\n";  // no longer that program
  const Result<UserPrototype> script = symbols.prototype(path, "main");
  std::filesystem::remove(path);
  ASSERT_FALSE(script);
  EXPECT_EQ(script.error().code, Code::invalid);
  const Result<UserPrototype> gone = symbols.prototype(path, "main");
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, Code::not_found);
}

/// A child that waits for a byte, then ends or turns into another program.
struct Child {
  int go[2];
  pid_t pid;
  explicit Child(const char* program) {
    if (::pipe(go) != 0) throw std::runtime_error("pipe");
    pid = ::fork();
    if (pid == 0) {
      ::close(go[1]);
      char byte;
      if (::read(go[0], &byte, 1) == 1 && program)
        ::execlp(program, program, "30", nullptr);
      ::_exit(0);
    }
    ::close(go[0]);
  }
  void tell() const { (void)!::write(go[1], "x", 1); }
  ~Child() {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    ::close(go[1]);
  }
};

TEST(UserSymbols, a_process_that_has_ended_stays_known) {
  UserSymbols symbols(EBL_SYMBOLIZER_SO);
  int pid;
  {
    const Child child(nullptr);
    pid = child.pid;
    const Result<UserSymbol> symbol = symbols.resolve(pid, target);
    ASSERT_TRUE(symbol) << symbol.error().message;
    EXPECT_EQ(symbol->name, "ebl::symbols::named::target(int)");
  }
  EXPECT_TRUE(symbols.resolve(pid, target));
  EXPECT_TRUE(symbols.resolve(pid, target + 3));
  symbols.forget(pid);
  const Result<UserSymbol> gone = symbols.resolve(pid, target);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, Code::not_found);
  EXPECT_EQ(gone.error().message, fmt::format("process {} has ended", pid));
}

TEST(UserSymbols, a_process_that_runs_another_program_is_read_again) {
  UserSymbols symbols(EBL_SYMBOLIZER_SO);
  const Child child("sleep");
  ASSERT_TRUE(symbols.resolve(child.pid, target));
  child.tell();
  for (int i = 0; i < 200; i++) {
    const std::string exe =
        std::filesystem::read_symlink(fmt::format("/proc/{}/exe", child.pid));
    if (exe.find("test_symbols") == std::string::npos) break;
    ::usleep(10'000);
  }
  const Result<UserSymbol> symbol = symbols.resolve(child.pid, target);
  EXPECT_FALSE(symbol && symbol->name == "ebl::symbols::named::target(int)");
}

TEST(UserSymbols, a_missing_library_is_an_error) {
  UserSymbols symbols("/nowhere/symbolizer.so");
  const Result<UserSymbol> symbol = symbols.resolve(::getpid(), target);
  ASSERT_FALSE(symbol);
  EXPECT_EQ(symbol.error().code, Code::not_supported);
  EXPECT_NE(symbol.error().message.find("/nowhere/symbolizer.so"), std::string::npos);
}

TEST(Demangle, leaves_other_names_alone) {
  EXPECT_EQ(demangle("_ZN3ebl1fEi"), "ebl::f(int)");
  EXPECT_EQ(demangle("malloc"), "malloc");
  EXPECT_EQ(demangle("_Znonsense"), "_Znonsense");
  EXPECT_EQ(demangle(""), "");
}

TEST(PerfMap, reads_its_lines_and_leaves_out_the_rest) {
  const PerfMap map = PerfMap::parse(
      "1000 10 first\n2000 20 second with blanks\nxyz 1 bad\n3000 bad\n\n1000 8 again\n"
      "4000 5 last");
  EXPECT_EQ(map.at(0x1007)->name, "again");
  EXPECT_FALSE(map.at(0x1008));
  EXPECT_EQ(map.at(0x201f)->name, "second with blanks");
  EXPECT_FALSE(map.at(0x2020));
  EXPECT_FALSE(map.at(0xfff));
  EXPECT_EQ(map.at(0x4004)->name, "last");
  EXPECT_TRUE(PerfMap::parse("").empty());
}

TEST(PerfMap, a_link_and_another_users_file_are_not_read) {
  const std::string path = fmt::format("/tmp/perf-{}.map", ::getpid());
  const std::string real = path + ".real";
  std::ofstream(real) << "1000 10 first\n";
  std::filesystem::create_symlink(real, path);
  EXPECT_TRUE(PerfMap::of_process(::getpid()).empty());
  std::filesystem::remove(path);
  std::filesystem::rename(real, path);
  EXPECT_FALSE(PerfMap::of_process(::getpid()).empty());
  if (::chown(path.c_str(), 12345, 12345) == 0) {
    EXPECT_TRUE(PerfMap::of_process(::getpid()).empty());
  }
  std::filesystem::remove(path);
  EXPECT_TRUE(PerfMap::of_process(::getpid()).empty());
}

}  // namespace
}  // namespace ebl::symbols
