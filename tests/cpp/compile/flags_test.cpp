// Which compiler flags a user may pass.
#include "compile/flags.h"

#include "harness.h"

namespace ebl::compile {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Result<Flags> parse(std::vector<std::string> flags) {
  return parse_flags(flags);
}

TEST(Flags, AcceptedInBothForms) {
  Result<Flags> flags =
      parse({"-DA=1", "-D", "B", "-UC", "-I/x/../y", "-I", "/z", "-Wall", "-O1",
             "-mcpu=v4", "-fno-strict-aliasing", "-g", "-target", "bpf", "-std=gnu11"});
  ASSERT_TRUE(flags.ok());
  EXPECT_THAT(flags->arguments,
              ElementsAre("-DA=1", "-DB", "-UC", "-Wall", "-O1", "-target-cpu", "v4",
                          "-relaxed-aliasing", "-std=gnu11"));
  EXPECT_THAT(flags->directories, ElementsAre("/y", "/z"));
}

TEST(Flags, RefusedByName) {
  for (const char* flag : {"-o",
                           "-ofile",
                           "-load",
                           "-Xclang",
                           "-fplugin=x.so",
                           "-fpass-plugin=x.so",
                           "-include",
                           "-include/etc/passwd",
                           "-imacros",
                           "-Wl,-x",
                           "-Wa,-x",
                           "-Wp,-MD,file",
                           "-MD",
                           "-MFx",
                           "@file",
                           "-save-temps",
                           "-ftime-trace=x",
                           "-fprofile-use=x",
                           "-std=c++20",
                           "-mllvm",
                           "-fmodules-cache-path=/x",
                           "-x",
                           "/etc/passwd",
                           "",
                           "-",
                           "-target",
                           "-mcpu=probe",
                           "--sysroot=/",
                           "-isysroot",
                           "-B/x",
                           "-fsave-optimization-record",
                           "-D",
                           "-I",
                           "-serialize-diagnostics",
                           "-dumpdir",
                           "-emit-llvm",
                           "-S",
                           "-E"}) {
    Result<Flags> flags = parse({flag});
    ASSERT_FALSE(flags.ok()) << flag;
    EXPECT_EQ(flags.error().code, Code::invalid) << flag;
    EXPECT_THAT(flags.error().message, HasSubstr(flag));
  }
  EXPECT_FALSE(parse({"-target", "x86_64"}).ok());
}

TEST(Flags, Work) {
  object_of("#if A != 7\n#error no\n#endif\n", {"-DA=7"});
  object_of("int x;", {"-Os"});
  EXPECT_EQ(error_of(compile("int x;", {"-o", "/tmp/x"})).code, Code::invalid);
  EXPECT_EQ(error_of(compile("int x;", {"-Wno-such-warning-", "-Xclang"})).code,
            Code::invalid);
  object_of("int x;", {"-Wno-such-warning-at-all"});
}

}  // namespace
}  // namespace ebl::compile
