// Types that the object's BTF carries for the reader: of event records, and the text's
// own.
#include "harness.h"

namespace ebl::compile {
namespace {

std::string name_of(const Object& object, const std::string& variable) {
  const btf::TypeId id = object.pointee(variable);
  return id ? std::string(object.btf().name(id)) : "";
}

constexpr const char* kMaps = R"(
  struct event { u32 pid; u64 time; };
  struct other { u32 a; };
  struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } ring SEC(".maps");
  struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4);
           __uint(value_size, 4); } perf SEC(".maps");
)";

Object with(const std::string& body) {
  return object_of(kMaps + program(body));
}

TEST(RecordTypes, FromTheMacros) {
  const Object object = object_of(
      "struct event { u32 pid; };\nRINGBUF(a, struct event, 4096);\n"
      "PERFBUF(b, u64);\nRINGBUF(c, struct { u32 x; }, 4096);");
  EXPECT_EQ(name_of(object, "__ebl_record_a"), "event");
  EXPECT_EQ(name_of(object, "__ebl_record_b"), "u64");
  EXPECT_EQ(object.btf().size_of(object.pointee("__ebl_record_c")), 4u);
}

TEST(RecordTypes, FromOutput) {
  const Object object = with(
      "struct event e = {}; bpf_ringbuf_output(&ring, &e, sizeof(e), 0);"
      "bpf_perf_event_output(ctx, &perf, BPF_F_CURRENT_CPU, &e, sizeof(e));");
  EXPECT_EQ(name_of(object, "__ebl_record_ring"), "event");
  EXPECT_EQ(name_of(object, "__ebl_record_perf"), "event");
}

TEST(RecordTypes, FromReserve) {
  EXPECT_EQ(name_of(with("struct event *e = bpf_ringbuf_reserve(&ring, sizeof(*e), 0);"
                         "if (e) bpf_ringbuf_discard(e, 0);"),
                    "__ebl_record_ring"),
            "event");
  EXPECT_EQ(name_of(with("struct event *e; e = bpf_ringbuf_reserve(&ring, 16, 0);"
                         "if (e) bpf_ringbuf_discard(e, 0);"),
                    "__ebl_record_ring"),
            "event");
  EXPECT_EQ(name_of(with("void *e = (struct event *)bpf_ringbuf_reserve(&ring, 16, 0);"
                         "if (e) bpf_ringbuf_discard(e, 0);"),
                    "__ebl_record_ring"),
            "event");
}

TEST(RecordTypes, NoneWhereTheTextDoesNotTell) {
  EXPECT_EQ(with("struct event e = {}; struct other o = {};"
                 "bpf_ringbuf_output(&ring, &e, sizeof(e), 0);"
                 "bpf_ringbuf_output(&ring, &o, sizeof(o), 0);")
                .pointee("__ebl_record_ring"),
            0u);
  EXPECT_EQ(with("void *e = bpf_ringbuf_reserve(&ring, 16, 0);"
                 "if (e) bpf_ringbuf_discard(e, 0);")
                .pointee("__ebl_record_ring"),
            0u);
}

TEST(RecordTypes, TheMacrosTypeIsNotDeclaredTwice) {
  const Object object = object_of(
      "struct event { u32 pid; };\nRINGBUF(ring, struct event, 4096);\n" +
      program("struct event e = {}; bpf_ringbuf_output(&ring, &e, sizeof(e), 0);"));
  EXPECT_EQ(name_of(object, "__ebl_record_ring"), "event");
}

TEST(OwnTypesInBtf, AllThatTheTextDefines) {
  const Object object = object_of(R"(
    struct unused { u32 a; struct nested { u64 b; } c; };
    union either { u32 a; u64 b; };
    enum colour { RED, GREEN = -5 };
    typedef struct { u8 x; } alias_t;)");
  const btf::Btf& btf = object.btf();
  EXPECT_EQ(btf.kind(object.pointee("__ebl_type_unused")), btf::Kind::structure);
  EXPECT_EQ(btf.byte_size(object.pointee("__ebl_type_unused")), 16u);
  EXPECT_EQ(btf.kind(object.pointee("__ebl_type_nested")), btf::Kind::structure);
  EXPECT_EQ(btf.kind(object.pointee("__ebl_type_either")), btf::Kind::union_type);
  EXPECT_EQ(btf.kind(object.pointee("__ebl_type_colour")), btf::Kind::enumeration);
  EXPECT_EQ(btf.kind(btf.resolve(object.pointee("__ebl_type_alias_t"))),
            btf::Kind::structure);
  EXPECT_EQ(object.pointee("__ebl_type_task_struct"), 0u);
}

}  // namespace
}  // namespace ebl::compile
