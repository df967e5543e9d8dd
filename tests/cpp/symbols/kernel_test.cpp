#include "symbols/kernel.h"

#include <gtest/gtest.h>

namespace ebl::symbols {
namespace {

constexpr const char* text =
    "ffffffff81000000 T _text\n"
    "ffffffff81000000 T _stext\n"
    "ffffffff81000100 t helper\n"
    "ffffffff81000200 D some_data\n"
    "ffffffff81000300 t helper\n"
    "ffffffffc0001000 t mod_init\t[veth]\n"
    "ffffffffc0001100 t mod_exit\t[veth]\n"
    "ffffffffc0002000 t bpf_prog_6deef7357e7b4530_x\t[bpf]\n"
    "garbage\n"
    "ffffffff81000400 T\n";

TEST(KernelSymbols, finds_the_symbol_at_or_before_an_address) {
  const Result<KernelSymbols> kernel = KernelSymbols::parse(text);
  ASSERT_TRUE(kernel) << kernel.error().message;
  EXPECT_EQ(kernel->size(), 8u);
  EXPECT_FALSE(kernel->at(0xffffffff80ffffff));
  EXPECT_EQ(kernel->at(0xffffffff81000000)->name, "_text");
  EXPECT_EQ(kernel->at(0xffffffff810000ff)->name, "_text");
  EXPECT_EQ(kernel->at(0xffffffff81000100)->name, "helper");
  EXPECT_EQ(kernel->at(0xffffffff81000150)->address, 0xffffffff81000100);
  EXPECT_EQ(kernel->at(0xffffffff81000100)->module, "");
  EXPECT_EQ(kernel->at(0xffffffffc0001180)->name, "mod_exit");
  EXPECT_EQ(kernel->at(0xffffffffc0001180)->module, "veth");
  EXPECT_EQ(kernel->at(~0ull)->module, "bpf");
}

TEST(KernelSymbols, finds_by_name_and_lists_functions) {
  const Result<KernelSymbols> kernel = KernelSymbols::parse(text);
  ASSERT_TRUE(kernel);
  EXPECT_EQ(kernel->find("helper")->address, 0xffffffff81000100);
  EXPECT_TRUE(kernel->find("helper")->function);
  EXPECT_FALSE(kernel->find("some_data")->function);
  EXPECT_FALSE(kernel->find("nothing"));
  EXPECT_EQ(
      kernel->function_names(),
      (std::vector<std::string>{"_stext", "_text", "helper", "mod_exit", "mod_init"}));
}

TEST(KernelSymbols, addresses_that_are_hidden_are_an_error_that_says_why) {
  for (const char* hidden : {"0000000000000000 T _text\n0000000000000000 T x\n", ""}) {
    const Result<KernelSymbols> kernel = KernelSymbols::parse(hidden);
    ASSERT_FALSE(kernel);
    EXPECT_EQ(kernel.error().code, Code::not_permitted);
    EXPECT_EQ(kernel.error().message,
              "the kernel hides its addresses: those in /proc/kallsyms are zero");
    EXPECT_NE(kernel.error().hint.find("CAP_SYSLOG"), std::string::npos);
  }
}

TEST(KernelSymbols, reads_the_running_kernel) {
  const Result<const KernelSymbols*> kernel = KernelSymbols::get();
  if (!kernel && kernel.error().code == Code::not_permitted)
    GTEST_SKIP() << kernel.error().message;
  ASSERT_TRUE(kernel) << kernel.error().message;
  const auto symbol = (*kernel)->find("vfs_read");
  ASSERT_TRUE(symbol);
  EXPECT_TRUE(symbol->function);
  EXPECT_EQ((*kernel)->at(symbol->address + 8)->name, "vfs_read");
  EXPECT_EQ(*KernelSymbols::get(), *kernel);
}

}  // namespace
}  // namespace ebl::symbols
