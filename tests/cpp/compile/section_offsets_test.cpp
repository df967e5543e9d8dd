// Global variables have their places in the object's BTF.
#include "harness.h"

namespace ebl::compile {
namespace {

using testing::Pair;
using testing::UnorderedElementsAre;

struct Section {
  std::uint32_t size = 0;
  std::map<std::string, std::uint32_t> offsets;
};

Section section_of(const Object& object, std::string_view name) {
  const btf::Btf& btf = object.btf();
  const auto id = btf.find(btf::Kind::data_section, name);
  if (!id) return {};
  Section out{.size = btf.byte_size(*id)};
  for (std::uint32_t i = 0; i < btf.count(*id); i++) {
    const btf::SectionVariable place = btf.section_variable(*id, i);
    out.offsets[std::string(btf.name(place.variable))] = place.offset;
  }
  return out;
}

TEST(SectionOffsets, AreThoseOfTheSymbols) {
  const Object object = object_of(
      "int first = 1; char second = 2; long third = 3; static volatile int own = 4;\n"
      "const volatile short limit = 5, more = 6; int empty, spare[3];\n"
      "int use(void) { return own; }\n");
  const Section data = section_of(object, ".data");
  EXPECT_THAT(data.offsets, UnorderedElementsAre(Pair("first", 0), Pair("second", 4),
                                                 Pair("third", 8), Pair("own", 16)));
  EXPECT_EQ(data.size, 20u);
  const Section constants = section_of(object, ".rodata");
  EXPECT_THAT(constants.offsets, UnorderedElementsAre(Pair("limit", 0), Pair("more", 2)));
  EXPECT_EQ(constants.size, 4u);
  const Section zeros = section_of(object, ".bss");
  EXPECT_THAT(zeros.offsets, UnorderedElementsAre(Pair("empty", 0), Pair("spare", 4)));
  EXPECT_EQ(zeros.size, 16u);
}

TEST(SectionOffsets, KeepOneGlobalVariableASection) {
  const Object object = object_of("int a = 1, b = 2, c = 3;\n");
  std::size_t global = 0;
  for (const char* name : {"a", "b", "c"}) {
    const auto id = object.btf().find(btf::Kind::variable, name);
    ASSERT_TRUE(id);
    global += object.btf().linkage(*id) == 1;
  }
  EXPECT_EQ(global, 1u);
}

TEST(SectionOffsets, LeaveMapsToLibbpf) {
  const Object object = object_of("HASH(counts, u32, u64, 16);\n");
  const auto map = object.btf().find(btf::Kind::variable, "counts");
  ASSERT_TRUE(map);
  EXPECT_EQ(object.btf().linkage(*map), 1u);
}

}  // namespace
}  // namespace ebl::compile
