// What goes wrong in the compile server, and that it lives on.
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "harness.h"
#include "patience.h"

namespace ebl::compile {
namespace {

using testing::HasSubstr;

// Doubling the macro 40 times makes more tokens than anybody waits for; in a #if they
// take no memory, at file scope they do.
std::string doubling(const std::string& unit, int times) {
  std::string out = "#define A0 " + unit + "\n";
  for (int i = 1; i <= times; i++) {
    const std::string before = "A" + std::to_string(i - 1);
    out += "#define A" + std::to_string(i) + " " + before + " " + before + "\n";
  }
  return out;
}

std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> out;
  DIR* proc = opendir("/proc");
  while (const dirent* entry = readdir(proc)) {
    const pid_t pid = atoi(entry->d_name);
    if (pid <= 0) continue;
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    std::getline(file, line);
    const std::size_t after = line.rfind(')');
    if (after == std::string::npos) continue;
    char state;
    int ppid = 0;
    std::istringstream(line.substr(after + 1)) >> state >> ppid;
    if (ppid == parent && state != 'Z') out.push_back(pid);
  }
  closedir(proc);
  return out;
}

/// The child processes of this one that were not there `before`.
std::vector<pid_t> new_children(const std::vector<pid_t>& before) {
  std::vector<pid_t> now = children_of(getpid());
  std::erase_if(now, [&](pid_t pid) { return std::ranges::count(before, pid) > 0; });
  return now;
}

Result<Compiler> limited(std::uint32_t seconds, std::uint64_t bytes = 2ull << 30) {
  Options options = test_options();
  options.time_limit_seconds = seconds;
  options.memory_limit_bytes = bytes;
  return Compiler::start(options);
}

TEST(Server, OutlivesACrash) {
  const Error error = error_of(compile("#pragma clang __debug crash\n"));
  EXPECT_EQ(error.code, Code::internal);
  EXPECT_THAT(error.message, HasSubstr("crashed"));
  object_of("int x;");
}

TEST(Server, EndsACompileThatTakesTooLong) {
  Result<Compiler> compiler = limited(1);
  ASSERT_TRUE(compiler.ok());
  const Error error = error_of(compiler->compile(
      {.text = doubling("+ 1", 40) + "#if 0 A40\n#endif\n", .name = "slow.c"}));
  EXPECT_EQ(error.code, Code::compile);
  EXPECT_THAT(error.message, HasSubstr("more than 1 s"));
  EXPECT_TRUE(compiler->compile({.text = "int x;", .name = "x.c"}).ok());
}

TEST(Server, EndsACompileThatTakesTooMuchMemory) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer's allocator ends the process itself";
#endif
  Result<Compiler> compiler = limited(120, 64u << 20);
  ASSERT_TRUE(compiler.ok());
  const Error error = error_of(
      compiler->compile({.text = doubling("int;", 30) + "A30\n", .name = "large.c"}));
  EXPECT_EQ(error.code, Code::compile) << error.message;
  EXPECT_THAT(error.message, HasSubstr("64 MiB"));
  EXPECT_TRUE(compiler->compile({.text = "int x;", .name = "x.c"}).ok());
}

TEST(Server, IsStartedAgainWhenKilled) {
  const std::vector<pid_t> before = children_of(getpid());
  Result<Compiler> compiler = Compiler::start(test_options());
  ASSERT_TRUE(compiler.ok());
  EXPECT_TRUE(compiler->compile({.text = "int x;", .name = "x.c"}).ok());
  const std::vector<pid_t> servers = new_children(before);
  ASSERT_EQ(servers.size(), 1u);
  ASSERT_EQ(kill(servers[0], SIGKILL), 0);
  Result<Output> after = compiler->compile({.text = "int x;", .name = "x.c"});
  EXPECT_TRUE(after.ok()) << after.error().message;
}

TEST(Server, MissingLibrary) {
  Options options = test_options();
  options.library = "/nowhere/compiler.so";
  Result<Compiler> missing = Compiler::start(options);
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, Code::internal);

  options.library = "/etc/passwd";
  Result<Compiler> wrong = Compiler::start(options);
  ASSERT_TRUE(wrong.ok());
  EXPECT_THAT(error_of(wrong->compile({.text = "int x;", .name = "x.c"})).message,
              HasSubstr("cannot open the compiler /etc/passwd"));
}

TEST(Server, KeepsNoDescriptorNoCapabilityAndNoTerminal) {
  const std::vector<pid_t> before = children_of(getpid());
  // Not O_CLOEXEC, so fork hands it on; a number that the server's own files do not
  // reach.
  const int witness = fcntl(STDERR_FILENO, F_DUPFD, 200);
  Result<Compiler> compiler = Compiler::start(test_options());
  ASSERT_TRUE(compiler.ok());
  ASSERT_TRUE(compiler->compile({.text = "int x;", .name = "x.c"}).ok());
  const std::vector<pid_t> servers = new_children(before);
  ASSERT_EQ(servers.size(), 1u);
  const std::string proc = "/proc/" + std::to_string(servers[0]);
  EXPECT_EQ(access((proc + "/fd/" + std::to_string(witness)).c_str(), F_OK), -1);
  std::ifstream status(proc + "/status");
  const std::string text((std::istreambuf_iterator<char>(status)), {});
  // CAP_DAC_READ_SEARCH, bit 2, is all that may remain.
  const std::size_t at = text.find("CapEff:\t");
  EXPECT_EQ(std::stoull(text.substr(at + 8, 16), nullptr, 16) & ~4ull, 0u);
  EXPECT_THAT(text, HasSubstr("NoNewPrivs:\t1"));
  EXPECT_NE(getsid(servers[0]), getsid(0));
  close(witness);
}

// SIGKILL of the host while a compile runs must leave no process behind.
TEST(Server, DiesWithItsHost) {
  int notice[2];
  ASSERT_EQ(pipe(notice), 0);
  const pid_t host = fork();
  if (host == 0) {
    Result<Compiler> compiler = Compiler::start(test_options());
    if (write(notice[1], "x", 1) != 1) _exit(2);
    (void)compiler->compile(
        {.text = doubling("+ 1", 40) + "#if 0 A40\n#endif\n", .name = "slow.c"});
    _exit(1);
  }
  char byte;
  ASSERT_EQ(read(notice[0], &byte, 1), 1);
  std::vector<pid_t> processes;
  test::eventually([&] {
    processes = children_of(host);
    if (!processes.empty())
      for (const pid_t child : children_of(processes[0])) processes.push_back(child);
    return processes.size() >= 2;
  });
  ASSERT_EQ(processes.size(), 2u);
  kill(host, SIGKILL);
  waitpid(host, nullptr, 0);
  auto alive = [&] {
    int count = 0;
    for (const pid_t pid : processes) {
      std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
      std::string line;
      if (std::getline(file, line) && line.find(") Z ") == std::string::npos) count++;
    }
    return count;
  };
  EXPECT_TRUE(test::eventually([&] { return alive() == 0; }));
  close(notice[0]);
  close(notice[1]);
}

TEST(Wire, CutShortBytesAreNoticed) {
  Writer writer;
  writer.text("hello");
  writer.number(7);
  const std::string bytes(writer.bytes());
  for (std::size_t size = 0; size < bytes.size(); size++) {
    Reader reader(std::string_view(bytes).substr(0, size));
    reader.text();
    reader.number();
    EXPECT_FALSE(reader.ok()) << size;
  }
  Reader reader(bytes);
  EXPECT_EQ(reader.text(), "hello");
  EXPECT_EQ(reader.number(), 7u);
  EXPECT_TRUE(reader.ok());
}

}  // namespace
}  // namespace ebl::compile
