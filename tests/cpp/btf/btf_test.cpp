// The BTF reader on a small BTF made by hand and on the running kernel's.
#include "btf/btf.h"

#include <gtest/gtest.h>

#include <cstring>

namespace ebl::btf {
namespace {

/// Builds BTF bytes: strings first, then records of 32-bit words.
class Builder {
 public:
  std::uint32_t string(const std::string& text) {
    const auto at = static_cast<std::uint32_t>(strings_.size());
    strings_ += text;
    strings_ += '\0';
    return at;
  }
  Builder& record(std::initializer_list<std::uint32_t> words) {
    words_.insert(words_.end(), words);
    return *this;
  }
  std::vector<std::byte> bytes() const {
    std::vector<std::uint32_t> file = {0x0001eb9f,
                                       24,
                                       0,
                                       static_cast<std::uint32_t>(words_.size() * 4),
                                       static_cast<std::uint32_t>(words_.size() * 4),
                                       static_cast<std::uint32_t>(strings_.size())};
    file.insert(file.end(), words_.begin(), words_.end());
    std::vector<std::byte> out(file.size() * 4 + strings_.size());
    std::memcpy(out.data(), file.data(), file.size() * 4);
    std::memcpy(out.data() + file.size() * 4, strings_.data(), strings_.size());
    return out;
  }

 private:
  std::string strings_ = std::string(1, '\0');
  std::vector<std::uint32_t> words_;
};

constexpr std::uint32_t info(Kind kind, std::uint32_t count = 0, bool flag = false) {
  return static_cast<std::uint32_t>(kind) << 24 | count | (flag ? 1u << 31 : 0);
}

TEST(Btf, reads_members_with_bit_fields_and_typedefs) {
  Builder builder;
  const auto unsigned_int = builder.string("unsigned int");
  const auto u32 = builder.string("u32");
  const auto event = builder.string("event");
  const auto pid = builder.string("pid");
  const auto low = builder.string("low");
  builder.record({unsigned_int, info(Kind::integer), 4, 32});
  builder.record({u32, info(Kind::type_definition), 1});
  builder.record(
      {event, info(Kind::structure, 2, true), 8, pid, 2, 0, low, 1, (3u << 24) | 32});
  const std::vector<std::byte> bytes = builder.bytes();

  Result<Btf> btf = Btf::parse(bytes);
  ASSERT_TRUE(btf) << btf.error().message;
  ASSERT_EQ(btf->type_count(), 4u);
  const TypeId id = btf->find(Kind::structure, "event").value();
  EXPECT_EQ(btf->byte_size(id), 8u);
  ASSERT_EQ(btf->count(id), 2u);
  EXPECT_EQ(btf->member(id, 0).name, "pid");
  EXPECT_EQ(btf->resolve(btf->member(id, 0).type), 1u);
  EXPECT_EQ(btf->member(id, 0).bit_size, 0u);
  EXPECT_EQ(btf->member(id, 1).bit_offset, 32u);
  EXPECT_EQ(btf->member(id, 1).bit_size, 3u);
  EXPECT_EQ(btf->size_of(2).value(), 4u);
}

// As in kernel 5.10: values are int32_t, nothing is marked as signed.
TEST(Btf, a_kernel_whose_enumerations_tell_no_sign_has_it_in_the_values) {
  const auto parsed = [](int enumerations, bool one_is_marked) {
    Builder builder;
    const auto name = builder.string("state");
    const auto minus = builder.string("MINUS");
    const auto signed_char = builder.string("signed char");
    for (int i = 0; i < enumerations; i++)
      builder.record({name, info(Kind::enumeration, 1), 4, minus, 0xffffffff});
    builder.record({name, info(Kind::enumeration, 1, one_is_marked), 4, minus, 1});
    builder.record({signed_char, info(Kind::integer), 1, 8});
    builder.record({name, info(Kind::enumeration, 1), 8, minus, 0xffffffff});
    Result<Btf> btf = Btf::from_bytes(builder.bytes());
    EXPECT_TRUE(btf) << btf.error().message;
    return std::move(*btf);
  };
  const Btf old = parsed(600, false), marked = parsed(600, true),
            object = parsed(3, false);
  EXPECT_TRUE(old.is_signed_enumeration(1));
  EXPECT_EQ(old.enumerator(1, 0).value, ~0ull);
  EXPECT_FALSE(old.is_signed_enumeration(601));
  EXPECT_EQ(old.enumerator(601, 0).value, 1u);
  EXPECT_FALSE(marked.is_signed_enumeration(1));
  EXPECT_EQ(marked.enumerator(1, 0).value, 0xffffffffu);
  EXPECT_TRUE(marked.is_signed_enumeration(601));
  EXPECT_FALSE(object.is_signed_enumeration(1));
  EXPECT_EQ(object.enumerator(1, 0).value, 0xffffffffu);
  EXPECT_TRUE(old.integer(602).is_signed);
  // Flags of 64 bits: the lower half is all that there is.
  EXPECT_EQ(old.enumerator(603, 0).value, 0xffffffffu);
}

TEST(Btf, reads_enumerations_of_both_widths_with_their_sign) {
  Builder builder;
  const auto name = builder.string("state");
  const auto minus = builder.string("MINUS");
  const auto big = builder.string("BIG");
  builder.record({name, info(Kind::enumeration, 1, true), 4, minus, 0xffffffff});
  builder.record({name, info(Kind::enumeration64, 1), 8, big, 1, 0x80000000});
  const std::vector<std::byte> bytes = builder.bytes();

  Result<Btf> btf = Btf::parse(bytes);
  ASSERT_TRUE(btf) << btf.error().message;
  EXPECT_EQ(btf->enumerator(1, 0).value, ~std::uint64_t{0});
  EXPECT_EQ(btf->enumerator(2, 0).value, 0x8000000000000001u);
  EXPECT_EQ(btf->enumerator(2, 0).name, "BIG");
}

TEST(Btf, a_split_btf_continues_its_base) {
  Builder builder;
  const auto name = builder.string("int");
  builder.record({name, info(Kind::integer), 4, 0x01000020});
  const std::vector<std::byte> base_bytes = builder.bytes();
  Result<Btf> base = Btf::parse(base_bytes);
  ASSERT_TRUE(base);

  Builder split;  // its first string continues the base's: offset 5 is split's offset 0
  split.string("mine");
  split.record({name, info(Kind::pointer), 1});
  split.record({6, info(Kind::type_definition), 2});
  const std::vector<std::byte> split_bytes = split.bytes();
  Result<Btf> module = Btf::parse(split_bytes, &*base);
  ASSERT_TRUE(module) << module.error().message;
  EXPECT_EQ(module->first_id(), 2u);
  EXPECT_EQ(module->type_count(), 4u);
  EXPECT_EQ(module->name(1), "int");
  EXPECT_TRUE(module->integer(1).is_signed);
  EXPECT_EQ(module->target(2), 1u);
  EXPECT_EQ(module->name(3), "mine");
}

TEST(Btf, refuses_malformed_files) {
  Builder builder;
  builder.record({builder.string("int"), info(Kind::integer), 4, 32});
  const std::vector<std::byte> good = builder.bytes();
  ASSERT_TRUE(Btf::parse(good));
  for (std::size_t size = 0; size < good.size(); size++)
    EXPECT_FALSE(Btf::parse(std::span(good).first(size))) << size;
  for (const std::size_t broken : {1, 7, 15, 23, 31}) {
    std::vector<std::byte> bad = good;
    bad[broken] = std::byte{0x7f};
    EXPECT_FALSE(Btf::parse(bad)) << broken;
  }
}

TEST(Btf, a_chain_of_typedefs_that_loops_ends) {
  Builder builder;
  const auto name = builder.string("loop");
  builder.record({name, info(Kind::type_definition), 1});
  builder.record({0, info(Kind::array), 0, 2, 2, 7});
  const std::vector<std::byte> bytes = builder.bytes();
  Result<Btf> btf = Btf::parse(bytes);
  ASSERT_TRUE(btf);
  EXPECT_EQ(btf->resolve(1), 0u);
  EXPECT_FALSE(btf->size_of(2));
}

TEST(Btf, knows_the_running_kernels_task_struct) {
  Result<Btf> kernel = Btf::from_file("/sys/kernel/btf/vmlinux");
  ASSERT_TRUE(kernel) << kernel.error().message;
  const TypeId task = kernel->find(Kind::structure, "task_struct").value();
  bool found = false;
  for (std::uint32_t i = 0; i < kernel->count(task); i++)
    if (kernel->member(task, i).name == "comm") {
      found = true;
      EXPECT_EQ(kernel->size_of(kernel->member(task, i).type).value(), 16u);
    }
  EXPECT_TRUE(found);
}

TEST(Btf, a_missing_file_says_what_to_do) {
  Result<Btf> btf = Btf::from_file("/nowhere");
  ASSERT_FALSE(btf);
  EXPECT_EQ(btf.error().code, Code::not_supported);
  EXPECT_NE(btf.error().message.find("/nowhere"), std::string::npos);
  EXPECT_NE(btf.error().hint.find("BTF"), std::string::npos);
}

}  // namespace
}  // namespace ebl::btf
