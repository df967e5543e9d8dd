// XDP on a veth pair in a network namespace of its own.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "patience.h"
#include "test_program.h"

namespace ebl::attach {
namespace {

using ::testing::HasSubstr;

class Xdp : public ::testing::Test {
 protected:
  void SetUp() override {
    home_ = UniqueFd(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
    if (::unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "unshare: " << errno_text(errno);
    moved_ = true;
    if (std::system("ip link add near type veth peer name far && ip link set near up && "
                    "ip link set far up") != 0)
      GTEST_SKIP() << "no veth pair here";
  }
  void TearDown() override {
    if (moved_) {
      ASSERT_EQ(::setns(home_.get(), CLONE_NEWNET), 0);
    }
  }

  static void send(int count) {
    const UniqueFd fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    sockaddr_ll to = {.sll_family = AF_PACKET,
                      .sll_ifindex = static_cast<int>(::if_nametoindex("far")),
                      .sll_halen = ETH_ALEN};
    const char frame[64] = "\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x01\x88\xb5";
    for (int i = 0; i < count; i++)
      ASSERT_EQ(::sendto(fd.get(), frame, sizeof frame, 0,
                         reinterpret_cast<const sockaddr*>(&to), sizeof to),
                static_cast<ssize_t>(sizeof frame));
    std::this_thread::sleep_for(std::chrono::milliseconds(50) * test::patience());
  }

  static Result<Link> attach_to(TestProgram& test, const std::string& text,
                                Options options = {}) {
    return attach(test.program(), spec_of(text), options);
  }

 private:
  UniqueFd home_;
  bool moved_ = false;
};

constexpr TestProgram::Shape pass = {.result = XDP_PASS};

TEST_F(Xdp, runs_for_each_packet_in_each_mode_until_it_is_closed) {
  for (const char* text : {"xdp:near", "xdp:near:generic", "xdp:near:native"}) {
    TestProgram test("xdp", pass);
    ASSERT_EQ(test.load(), 0);
    Result<Link> link = attach_to(test, text);
    ASSERT_TRUE(link) << link.error().message;
    send(20);
    EXPECT_TRUE(test::eventually([&] { return test.runs() >= 20; })) << text;
    link->close();
    const std::uint64_t runs = test.runs();
    send(5);
    EXPECT_EQ(test.runs(), runs) << text;
  }
}

TEST_F(Xdp, section_names_of_ours_load_as_xdp) {
  for (const char* section : {"xdp/near", "xdp/near/native", "xdp/devmap"}) {
    TestProgram test(section, pass);
    EXPECT_EQ(test.load(), 0) << section;
    EXPECT_EQ(bpf_program__type(test.program().handle), BPF_PROG_TYPE_XDP);
  }
}

TEST_F(Xdp, takes_packets_in_fragments_where_the_section_says_so) {
  for (const char* section : {"xdp.frags/near", "xdp.frags/cpumap"}) {
    TestProgram test(section, pass);
    const int error = test.load();
    EXPECT_EQ(bpf_program__type(test.program().handle), BPF_PROG_TYPE_XDP);
    if (error == EINVAL)
      GTEST_SKIP() << "load with BPF_F_XDP_HAS_FRAGS: " << errno_text(error);
    EXPECT_EQ(error, 0) << section;
  }
}

TEST_F(Xdp, names_the_program_that_is_there_and_replaces_it_when_told) {
  TestProgram first("xdp", pass), second("xdp", pass);
  ASSERT_EQ(first.load(), 0);
  ASSERT_EQ(second.load(), 0);
  const Result<Link> link = attach_to(first, "xdp:near");
  ASSERT_TRUE(link) << link.error().message;
  const Result<Link> refused = attach_to(second, "xdp:near");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::invalid);
  EXPECT_THAT(refused.error().message, HasSubstr("near has the XDP program count (id "));
  EXPECT_THAT(refused.error().message, HasSubstr("native mode, link "));
  EXPECT_EQ(refused.error().hint, "attach with replace = true to take its place");

  const Result<Link> taken = attach_to(second, "xdp:near", {.replace = true});
  ASSERT_TRUE(taken) << taken.error().message;
  const std::uint64_t before = first.runs();  // the kernel sends packets of its own
  send(10);
  EXPECT_TRUE(test::eventually([&] { return second.runs() >= 10; })) << second.runs();
  EXPECT_EQ(first.runs(), before);
}

TEST_F(Xdp, replaces_a_program_without_a_link) {
  TestProgram first("xdp", pass), second("xdp", pass);
  ASSERT_EQ(first.load(), 0);
  ASSERT_EQ(second.load(), 0);
  const int near = static_cast<int>(::if_nametoindex("near"));
  ASSERT_EQ(::bpf_xdp_attach(near, first.program().fd, XDP_FLAGS_SKB_MODE, nullptr), 0);
  const Result<Link> refused = attach_to(second, "xdp:near:generic");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("generic mode) already"));
  const Result<Link> taken = attach_to(second, "xdp:near", {.replace = true});
  ASSERT_TRUE(taken) << taken.error().message;
  const std::uint64_t before = first.runs();  // the kernel sends packets of its own
  send(10);
  EXPECT_TRUE(test::eventually([&] { return second.runs() >= 10; })) << second.runs();
  EXPECT_EQ(first.runs(), before);
}

TEST_F(Xdp, a_link_changes_its_program_in_place) {
  TestProgram first("xdp", pass), second("xdp", pass);
  ASSERT_EQ(first.load(), 0);
  ASSERT_EQ(second.load(), 0);
  const Result<Link> link = attach_to(first, "xdp:near");
  ASSERT_TRUE(link) << link.error().message;
  const Result<void> updated = link->update(second.program());
  ASSERT_TRUE(updated) << updated.error().message;
  const std::uint64_t before = first.runs();  // the kernel sends packets of its own
  send(10);
  EXPECT_TRUE(test::eventually([&] { return second.runs() >= 10; })) << second.runs();
  EXPECT_EQ(first.runs(), before);
}

TEST_F(Xdp, an_unknown_interface_lists_those_that_are_there) {
  TestProgram test("xdp", pass);
  ASSERT_EQ(test.load(), 0);
  const Result<Link> link = attach_to(test, "xdp:nowhere");
  ASSERT_FALSE(link);
  EXPECT_EQ(link.error().code, Code::not_found);
  EXPECT_EQ(link.error().message, "xdp:nowhere: there is no interface nowhere");
  EXPECT_EQ(link.error().hint.rfind("the interfaces are lo, ", 0), 0u)
      << link.error().hint;
  EXPECT_THAT(link.error().hint, HasSubstr("near"));
  EXPECT_THAT(link.error().hint, HasSubstr("far"));
}

TEST_F(Xdp, modes_that_the_driver_lacks_are_explained) {
  TestProgram test("xdp", pass);
  ASSERT_EQ(test.load(), 0);
  const Result<Link> offload = attach_to(test, "xdp:near:offload");
  ASSERT_FALSE(offload);
  EXPECT_EQ(offload.error().code, Code::not_supported) << offload.error().message;
  EXPECT_EQ(offload.error().hint, "use xdp:near");
  const Result<Link> native = attach_to(test, "xdp:lo:native");
  ASSERT_FALSE(native);
  EXPECT_EQ(native.error().code, Code::not_supported) << native.error().message;
  EXPECT_EQ(native.error().message, "xdp:lo:native: the driver of lo has no XDP");
  EXPECT_EQ(native.error().hint, "use xdp:lo:generic");
}

}  // namespace
}  // namespace ebl::attach
