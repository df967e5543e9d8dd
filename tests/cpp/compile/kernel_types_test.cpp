// Kernel types taken from BTF: their shapes, and the text's own types beside them.
#include <filesystem>
#include <fstream>
#include <functional>

#include "harness.h"

namespace ebl::compile {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

/// _Static_asserts of the size and of all offsets of a kernel type, by our own BTF
/// reader.
std::string layout_asserts(const btf::Btf& kernel, btf::Kind kind,
                           const std::string& name) {
  const auto id = kernel.find(kind, name);
  if (!id) return "";
  const std::string type = (kind == btf::Kind::union_type ? "union " : "struct ") + name;
  std::string out = "_Static_assert(sizeof(" + type +
                    ") == " + std::to_string(kernel.byte_size(*id)) + ", \"size\");\n";
  std::function<void(btf::TypeId, std::uint32_t)> members = [&](btf::TypeId of,
                                                                std::uint32_t base) {
    for (std::uint32_t i = 0; i < kernel.count(of); i++) {
      const btf::Member member = kernel.member(of, i);
      if (member.bit_size) continue;
      if (member.name.empty()) {
        members(kernel.resolve(member.type), base + member.bit_offset);
        continue;
      }
      out += "_Static_assert(__builtin_offsetof(" + type + ", " +
             std::string(member.name) +
             ") == " + std::to_string((base + member.bit_offset) / 8) + ", \"\");\n";
    }
  };
  members(*id, 0);
  return out;
}

TEST(KernelTypes, LayoutsAreBtfs) {
  Result<btf::Btf> kernel = btf::Btf::from_file("/sys/kernel/btf/vmlinux");
  ASSERT_TRUE(kernel.ok());
  std::string text;
  for (const char* name : {"task_struct", "sock",
                           "inet_sock",   "tcp_sock",
                           "sk_buff",     "file",
                           "inode",       "dentry",
                           "mm_struct",   "vm_area_struct",
                           "net_device",  "cred",
                           "cgroup",      "request",
                           "bio",         "iphdr",
                           "ipv6hdr",     "tcphdr",
                           "ethhdr",      "pt_regs",
                           "bpf_map",     "bpf_prog",
                           "sockaddr_in", "nft_rule_dp",
                           "list_head",   "trace_event_raw_sys_enter"})
    text += layout_asserts(*kernel, btf::Kind::structure, name);
  text += layout_asserts(*kernel, btf::Kind::union_type, "bpf_attr");
  EXPECT_GT(text.size(), 10000u);
  object_of(text);
}

TEST(KernelTypes, AccessesAreRelocated) {
  const Object object = object_of(program(R"(
    struct task_struct *t = (void *)ctx->args[0];
    return BPF_CORE_READ(t, mm, owner, pid);)"));
  EXPECT_EQ(
      object.relocated_types(),
      (std::set<std::string>{"bpf_raw_tracepoint_args", "task_struct", "mm_struct"}));
}

TEST(KernelTypes, AnonymousMembersAndBitFields) {
  const Object object = object_of(R"(
    SEC("tp_btf/x") int BPF_PROG(p, struct sk_buff *skb, struct iphdr *ip, struct sock *sk) {
      u64 proto = BPF_CORE_READ_BITFIELD_PROBED(sk, sk_protocol);
      return skb->dev->ifindex + ip->ihl + ip->saddr + sk->__sk_common.skc_daddr +
             BPF_CORE_READ_BITFIELD(skb, pkt_type) + proto;
    })");
  EXPECT_THAT(object.relocated_types(), Contains("sk_buff"));
  EXPECT_THAT(object.relocated_types(), Contains("iphdr"));
}

TEST(KernelTypes, IntegersOfEachSort) {
  object_of(R"(
    #define SAME(a, b) _Static_assert(__builtin_types_compatible_p(a, b), #a)
    SAME(u8, unsigned char); SAME(s8, signed char); SAME(u16, unsigned short);
    SAME(u32, unsigned int); SAME(s32, int); SAME(u64, unsigned long long);
    SAME(__u64, unsigned long long); SAME(size_t, unsigned long); SAME(bool, _Bool);
    SAME(__be16, unsigned short); SAME(uint64_t, unsigned long long); SAME(pid_t, int);
    SAME(__typeof__(((struct task_struct *)0)->comm[0]), char);
    SAME(__typeof__(((struct iphdr *)0)->ttl), unsigned char);
    SAME(__typeof__(((struct file_operations *)0)->flush),
         int (*)(struct file *, fl_owner_t));)");
}

TEST(KernelTypes, EnumerationsOfEachWidthAndSign) {
  Result<btf::Btf> kernel = btf::Btf::from_file("/sys/kernel/btf/vmlinux");
  ASSERT_TRUE(kernel.ok());
  std::set<std::uint32_t> sizes;
  std::set<std::string> names;
  bool negative = false;
  std::string text;
  for (btf::TypeId id = 1; id < kernel->type_count(); id++) {
    const btf::Kind kind = kernel->kind(id);
    if (kind != btf::Kind::enumeration && kind != btf::Kind::enumeration64) continue;
    const std::string name(kernel->name(id));
    if (name.empty() || !names.insert(name).second || kernel->count(id) == 0) continue;
    const std::uint32_t size = kernel->byte_size(id);
    const btf::Enumerator first = kernel->enumerator(id, 0);
    const bool is_negative = static_cast<std::int64_t>(first.value) < 0;
    if (sizes.contains(size) && (negative || !is_negative)) continue;
    sizes.insert(size);
    negative |= is_negative;
    text += "_Static_assert(sizeof(enum " + name + ") == " + std::to_string(size) +
            ", \"\");\n";
    text += "_Static_assert((unsigned long long)" + std::string(first.name) +
            " == " + std::to_string(first.value) + "ull, \"" + name + "\");\n";
  }
  EXPECT_TRUE(negative);
  EXPECT_GE(sizes.size(), 2u);
  object_of(text);
}

TEST(KernelTypes, EnumValuesCanBeAskedForAtLoad) {
  const Object object = object_of(program(
      "return bpf_core_enum_value_exists(enum bpf_map_type, BPF_MAP_TYPE_RINGBUF);"));
  EXPECT_THAT(object.relocated_types(), Contains("bpf_map_type"));
}

TEST(KernelTypes, FunctionsAreCallableWhereBtfTagsThem) {
  const Result<btf::Btf> kernel = btf::Btf::from_file("/sys/kernel/btf/vmlinux");
  ASSERT_TRUE(kernel.ok());
  if (!kernel->find(btf::Kind::declaration_tag, "bpf_kfunc"))
    GTEST_SKIP() << "this kernel's BTF tags no function as bpf_kfunc";
  const Object object = object_of(program("bpf_rcu_read_lock(); bpf_rcu_read_unlock();"));
  EXPECT_TRUE(object.btf().find(btf::Kind::function, "bpf_rcu_read_lock"));
  EXPECT_THAT(error_of(compile(program("vfs_read(0, 0, 0, 0);"))).message,
              HasSubstr("undeclared function 'vfs_read'"));
}

TEST(KernelTypes, StructOpsAndIterators) {
  object_of(R"(
    SEC("struct_ops/init") void BPF_PROG(my_init, struct sock *sk) {}
    SEC(".struct_ops") struct tcp_congestion_ops ops = {.init = (void *)my_init, .name = "mine"};
    SEC("iter/task") int dump(struct bpf_iter__task *ctx) {
      if (ctx->task) BPF_SEQ_PRINTF(ctx->meta->seq, "%d\n", ctx->task->pid);
      return 0;
    })");
}

// Code for `first` is written while struct sock is only declared.
TEST(KernelTypes, WholeWhereTheyWereDeclaredFirst) {
  const Object object = object_of(R"(
    SEC("tp_btf/inet_sock_set_state") int BPF_PROG(first, struct sock *sk) { return 0; }
    SEC("struct_ops/ssthresh") u32 BPF_PROG(second, struct sock *sk) {
      return ((struct tcp_sock *)sk)->snd_cwnd;
    }
    SEC(".struct_ops") struct tcp_congestion_ops ops = {.ssthresh = (void *)second};
  )");
  const auto id = object.btf().find(btf::Kind::structure, "inet_sock");
  ASSERT_TRUE(id.has_value());
  const btf::Member sk = object.btf().member(*id, 0);
  EXPECT_EQ(sk.name, "sk");
  EXPECT_EQ(object.btf().kind(object.btf().resolve(sk.type)), btf::Kind::structure);
}

// A text's own struct sock, in each of the places where the kernel's could take over.
TEST(OwnTypes, AsAMapValue) {
  const Object object =
      object_of("struct sock { int mine; };\nHASH(m, u32, struct sock, 10);\n" +
                program("u32 k = 0; struct sock *s = bpf_map_lookup_elem(&m, &k); return "
                        "s ? s->mine : 0;"));
  EXPECT_TRUE(object.relocations().empty());
}

TEST(OwnTypes, BehindAPointer) {
  const Object object = object_of(
      "struct holder { struct sock *s; };\nstruct sock { int mine; };\n" +
      program(
          "struct holder *h = (void *)ctx->args[0]; struct sock *s; int v;"
          "bpf_probe_read_kernel(&s, 8, &h->s); bpf_probe_read_kernel(&v, 4, &s->mine);"
          "return v;"));
  EXPECT_FALSE(object.relocates_member("mine"));
  EXPECT_FALSE(object.relocates_member("s"));
}

TEST(OwnTypes, AfterAForwardDeclaration) {
  const Object object = object_of(
      "struct sock;\nextern int use(struct sock *s);\nstruct sock { int mine; };\n" +
      program("struct sock *s = (void *)ctx->args[0]; return s->mine;"));
  EXPECT_FALSE(object.relocates_member("mine"));
}

TEST(OwnTypes, AfterAKernelTypeThatEmbedsTheKernels) {
  const Object object = object_of(
      "SEC(\"raw_tp/y\") int first(struct bpf_raw_tracepoint_args *ctx) {"
      "struct inet_sock *i = (void *)ctx->args[0];"
      "return BPF_CORE_READ(i, inet_sport) + BPF_CORE_READ(i, sk.__sk_common.skc_dport); "
      "}\n"
      "struct sock { int mine; };\n" +
      program("struct sock *s = (void *)ctx->args[0]; return s->mine;"));
  EXPECT_THAT(object.relocated_types(), Contains("inet_sock"));
  EXPECT_FALSE(object.relocates_member("mine"));
}

TEST(OwnTypes, DefinedByAMacro) {
  const Object object = object_of(
      "#define DEFINE(n) struct n { int mine; }\n"
      "SEC(\"raw_tp/y\") int first(struct bpf_raw_tracepoint_args *ctx) {"
      "struct inet_sock *i = (void *)ctx->args[0]; return BPF_CORE_READ(i, inet_sport); "
      "}\n"
      "DEFINE(sock);\n" +
      program("struct sock *s = (void *)ctx->args[0]; return s->mine;"));
  EXPECT_FALSE(object.relocates_member("mine"));
}

TEST(OwnTypes, AHelperWhoseNameIsPutTogether) {
  object_of("#define CALL(name) bpf_##name()\n" +
            program("return CALL(get_smp_processor_id);"));
}

/// The bytes of a module's BTF: struct ebl_module_thing { int first; struct task_struct
/// *task; }
std::string module_btf(const btf::Btf& kernel, std::uint32_t kernel_strings) {
  static constexpr char kStrings[] = "\0ebl_module_thing\0first\0task";
  const std::string strings(kStrings, sizeof(kStrings));
  const std::uint32_t end = kernel.type_count();
  const std::uint32_t types[] = {
      kernel_strings + 1,
      4u << 24 | 2,
      16,  // the struct
      kernel_strings + 18,
      *kernel.find(btf::Kind::integer, "int"),
      0,  // first
      kernel_strings + 24,
      end + 1,
      64,  // task
      0,
      2u << 24,
      *kernel.find(btf::Kind::structure, "task_struct"),  // the pointer
  };
  const btf_header header{.magic = BTF_MAGIC,
                          .version = 1,
                          .hdr_len = sizeof(btf_header),
                          .type_len = sizeof(types),
                          .str_off = sizeof(types),
                          .str_len = static_cast<std::uint32_t>(strings.size())};
  return std::string(reinterpret_cast<const char*>(&header), sizeof(header)) +
         std::string(reinterpret_cast<const char*>(types), sizeof(types)) + strings;
}

TEST(KernelTypes, OfModulesToo) {
  const std::filesystem::path directory = testing::TempDir() + "ebl_modules";
  std::filesystem::create_directories(directory);
  std::ifstream file("/sys/kernel/btf/vmlinux", std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  btf_header header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  Result<btf::Btf> kernel = btf::Btf::from_file("/sys/kernel/btf/vmlinux");
  ASSERT_TRUE(kernel.ok());
  std::ofstream(directory / "vmlinux", std::ios::binary) << bytes;
  std::ofstream(directory / "ebl_module", std::ios::binary)
      << module_btf(*kernel, header.str_len);

  Options options = test_options();
  options.btf_path = directory / "vmlinux";
  Result<Compiler> compiler = Compiler::start(options);
  ASSERT_TRUE(compiler.ok());
  Result<Output> output = compiler->compile(
      {.text = program("struct ebl_module_thing *t = (void *)ctx->args[0];"
                       "return BPF_CORE_READ(t, first) + BPF_CORE_READ(t, task, pid);"),
       .name = "test.c"});
  std::filesystem::remove_all(directory);
  ASSERT_TRUE(output.ok()) << output.error().detail;
  EXPECT_EQ(Object(*output).relocated_types(),
            (std::set<std::string>{"bpf_raw_tracepoint_args", "ebl_module_thing",
                                   "task_struct"}));
}

TEST(NoBtf, IsAnErrorOnlyWhereAKernelTypeIsNeeded) {
  Options options = test_options();
  options.btf_path = "/nowhere";
  Result<Compiler> compiler = Compiler::start(options);
  ASSERT_TRUE(compiler.ok());
  auto run = [&](const std::string& text) {
    return compiler->compile({.text = text, .name = "test.c"});
  };
  Result<Output> plain = run(R"(
    struct event { u32 pid; u64 time; bool flag; };
    RINGBUF(events, struct event, 4096);
    HASH(counts, u32, u64, 10);
    SEC("raw_tp/x") int f(void *ctx) {
      struct event e = {.pid = bpf_get_current_pid_tgid() >> 32, .flag = true};
      bpf_ringbuf_output(&events, &e, sizeof(e), 0);
      u64 one = 1;
      bpf_map_update_elem(&counts, &e.pid, &one, BPF_ANY);
      return 0;
    })");
  EXPECT_TRUE(plain.ok()) << plain.error().detail;
  for (const std::string& body :
       {std::string(
            "struct task_struct *t = (void *)bpf_get_current_task(); return t->pid;"),
        std::string("kuid_t u; return sizeof(u);"),
        std::string("return TCP_ESTABLISHED;")}) {
    const Error error = error_of(run(program(body)));
    EXPECT_EQ(error.code, Code::not_supported) << error.message;
    EXPECT_THAT(error.message, HasSubstr("/nowhere"));
    EXPECT_NE(error.hint, "");
  }
  EXPECT_EQ(error_of(run("int f(void) { return 1 }")).code, Code::compile);
}

}  // namespace
}  // namespace ebl::compile
