// What #include may read: embedded headers, and regular files below allowed directories.
#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "harness.h"

namespace ebl::compile {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::Not;

class Includes : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "ebl_include_XXXXXX";
    ASSERT_TRUE(mkdtemp(pattern.data()));
    outer_ = pattern;
    root_ = outer_ / "root";
    std::filesystem::create_directories(root_ / "sub");
    write(outer_ / "secret.h", "SECRET WORDS\n");
    write(root_ / "mine.h", "struct mine { int a; };\n");
    write(root_ / "sub/deep.h", "#include \"../mine.h\"\n#include \"beside.h\"\n");
    write(root_ / "sub/beside.h", "#define BESIDE 3\n");
  }
  void TearDown() override { std::filesystem::remove_all(outer_); }

  static void write(const std::filesystem::path& path, const std::string& text) {
    std::ofstream(path) << text;
  }
  Result<Output> with(const std::string& include, const std::string& rest = "") {
    return compile("#include " + include + "\n" + rest, {}, root_);
  }

  std::filesystem::path outer_;
  std::filesystem::path root_;
};

TEST_F(Includes, FilesOfTheScriptsDirectory) {
  Result<Output> output = with("\"sub/deep.h\"", "struct mine m = {BESIDE};");
  ASSERT_TRUE(output.ok()) << output.error().detail;
  // The digest of "#define BESIDE 3\n", as xxhsum -H2 prints it.
  const std::string digest = "e1666a13ce1fc2a636a7cee3788ee8c4";
  EXPECT_THAT(
      output->files,
      ElementsAre(Field(&SourceFile::path, (root_ / "mine.h").string()),
                  AllOf(Field(&SourceFile::path, (root_ / "sub/beside.h").string()),
                        Field(&SourceFile::digest, digest)),
                  Field(&SourceFile::path, (root_ / "sub/deep.h").string())));
}

TEST_F(Includes, NamesWhatItLookedForInVain) {
  Result<Output> output = compile("#include \"beside.h\"\nint x = BESIDE;",
                                  {"-I", (root_ / "sub").string()}, root_);
  ASSERT_TRUE(output.ok()) << output.error().detail;
  EXPECT_THAT(output->missing, ElementsAre((root_ / "beside.h").string()));
}

TEST_F(Includes, DirectoriesOfFlags) {
  EXPECT_TRUE(
      compile("#include <beside.h>\nint x = BESIDE;", {"-I", (root_ / "sub").string()})
          .ok());
  EXPECT_FALSE(compile("#include \"mine.h\"\n").ok());
}

TEST_F(Includes, NothingElseOnTheDisk) {
  std::filesystem::create_symlink(outer_ / "secret.h", root_ / "absolute_link.h");
  std::filesystem::create_symlink("../secret.h", root_ / "link.h");
  for (const std::string& include :
       {std::string("\"/etc/passwd\""), std::string("</etc/passwd>"),
        "\"" + (outer_ / "secret.h").string() + "\"", std::string("\"../secret.h\""),
        std::string("\"sub/../../secret.h\""), std::string("\"absolute_link.h\""),
        std::string("\"link.h\""), std::string("\"/proc/self/environ\""),
        std::string("\"sub\""), std::string("<stdio2.h>")}) {
    const Error error = error_of(with(include));
    EXPECT_EQ(error.code, Code::compile) << include;
    EXPECT_THAT(error.detail, Not(HasSubstr("SECRET"))) << include;
    EXPECT_THAT(error.detail, Not(HasSubstr("root:"))) << include;
  }
  EXPECT_FALSE(with("\"mine.h\"", "const char x[] = {\n#embed \"/etc/passwd\"\n};").ok());
}

TEST_F(Includes, OnlyRegularFilesOfSomeSize) {
  ASSERT_EQ(mkfifo((root_ / "pipe.h").c_str(), 0600), 0);
  EXPECT_EQ(error_of(with("\"pipe.h\"")).code, Code::compile);
  std::filesystem::resize_file(root_ / "mine.h", 17u << 20);
  EXPECT_EQ(error_of(with("\"mine.h\"")).code, Code::compile);
}

TEST_F(Includes, VmlinuxIsNeverRead) {
  write(root_ / "vmlinux.h", "#error read from disk\n");
  const std::string use = "int f(struct task_struct *t) { return t->pid; }";
  EXPECT_TRUE(with("\"vmlinux.h\"", use).ok());
  EXPECT_TRUE(with("<vmlinux.h>", use).ok());
  EXPECT_TRUE(compile("#include \"vmlinux.h\"\n" + use).ok());
}

TEST(Headers, KernelAndCHeadersAreServed) {
  object_of(R"(
    #include <linux/bpf.h>
    #include <linux/types.h>
    #include <linux/ptrace.h>
    #include <linux/if_ether.h>
    #include <linux/ip.h>
    #include <linux/in.h>
    #include <linux/tcp.h>
    #include <linux/udp.h>
    #include <linux/ipv6.h>
    #include <linux/pkt_cls.h>
    #include <linux/sched.h>
    #include <linux/version.h>
    #include <uapi/linux/ptrace.h>
    #include <net/sock.h>
    #include <asm/unistd.h>
    #include <arpa/inet.h>
    #include <stddef.h>
    #include <stdint.h>
    #include <stdbool.h>
    #include <bpf/bpf_helpers.h>
    #include <bpf/bpf_endian.h>
    #include <bpf/bpf_core_read.h>
    #include <bpf/bpf_tracing.h>
    #include <bpf/usdt.bpf.h>
    #if LINUX_VERSION_CODE < KERNEL_VERSION(4, 0, 0)
    #error version
    #endif
    bool flag = true;
    uint8_t byte = UINT8_MAX;
    _Static_assert(offsetof(struct ethhdr, h_proto) == 12, "");
    _Static_assert(htons(ETH_P_IP) == 8, "");
    SEC("xdp") int f(struct xdp_md *ctx) { return IPPROTO_TCP == 6 ? XDP_PASS : XDP_DROP; })");
}

TEST(Headers, ATextWithAnIncludeGetsOnlyWhatItAsksFor) {
  EXPECT_FALSE(compile("#include <linux/bpf.h>\nRINGBUF(a, int, 4096);").ok());
  EXPECT_FALSE(
      compile("#include <linux/bpf.h>\nSEC(\"xdp\") int f(void *c) { return 0; }").ok());
  EXPECT_TRUE(
      compile("// #include <x>\n/* #include <y> */\nRINGBUF(a, int, 4096);").ok());
}

}  // namespace
}  // namespace ebl::compile
