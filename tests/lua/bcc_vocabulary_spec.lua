--- BCC C: the functions, macros and headers that its texts use beside maps and probes.
--- Each row of the tables is one of them, compiled and run on the kernel.
local bpf = require "bpf"
local harness = require "harness"
local kernel = require "kernel"
local support = require "support"
local describe, it, expect = harness.describe, harness.it, harness.expect

local PRELUDE = [[
  BPF_ARRAY(numbers, u64, 64);
  #define PUT(slot, value) do { int place = slot; u64 number = value; \
      numbers.update(&place, &number); } while (0)
]]

--- Runs statements in a raw tracepoint's program, on arguments of the test's own.
local function run(body, before, options)
  options = options or {}
  local obj = bpf.load { source = (before or "") .. PRELUDE
                                  .. "RAW_TRACEPOINT_PROBE(task_rename) {\n" .. body
                                  .. "\nreturn 0; }",
                         cflags = options.cflags }
  obj.programs.raw_tracepoint__task_rename:test_run { ctx = options.ctx or {} }
  local numbers = {}
  for slot = 0, 63 do numbers[slot] = obj.maps.numbers[slot] end
  obj:close()
  return numbers
end

--- {expression, value}: what it is on a little-endian machine of 64 bits.
local EXPRESSIONS = {
  { "NULL == 0", 1 },
  { "AF_INET", 2 }, { "AF_INET6", 10 },
  { "ETH_P_IP", 0x800 }, { "ETH_P_IPV6", 0x86dd }, { "ETH_P_ARP", 0x806 },
  { "ETH_P_8021Q", 0x8100 }, { "ETH_P_8021AD", 0x88a8 },
  { "sizeof(char[DNAME_INLINE_LEN]) >= 32", 1 }, { "DISK_NAME_LEN", 32 },
  { "PAGE_SIZE >= 4096 && (PAGE_SIZE & (PAGE_SIZE - 1)) == 0", 1 },
  { "PAGE_OFFSET > (1ull << 63)", 1 },
  { "KERNEL_VERSION(4, 19, 300)", 4 * 65536 + 19 * 256 + 255 },
  { "LINUX_VERSION_CODE >= KERNEL_VERSION(5, 8, 0)", 1 },
  { "REQ_OP_MASK", 255 },
  { "NSEC_PER_USEC", 1000 }, { "NSEC_PER_MSEC", 1e6 }, { "NSEC_PER_SEC", 1e9 },
  { "TC_ACT_OK", 0 }, { "TC_ACT_SHOT", 2 }, { "TC_ACT_UNSPEC + 1", 0 },
  { "TC_ACT_REDIRECT", 7 },
  { "TASK_RUNNING", 0 }, { "PF_KTHREAD", 0x200000 }, { "GFP_KERNEL", 0xcc0 },
  { "TASK_COMM_LEN", 16 }, { "IPPROTO_TCP", 6 }, { "IPPROTO_UDP", 17 },
  { "TCP_ESTABLISHED", 1 }, { "TCP_LISTEN", 10 }, { "REQ_OP_WRITE", 1 },
  { "XDP_PASS", 2 }, { "XDP_DROP", 1 }, { "BPF_F_CURRENT_CPU", 0xffffffff },
  { "ntohs(0x1234)", 0x3412 }, { "htons(0x1234)", 0x3412 },
  { "ntohl(0x12345678)", 0x78563412 }, { "htonl(0x12345678)", 0x78563412 },
  { "bpf_ntohs(0x1234)", 0x3412 }, { "bpf_htons(0x1234)", 0x3412 },
  { "bpf_ntohl(0x12345678)", 0x78563412 }, { "bpf_htonl(0x12345678)", 0x78563412 },
  { "bpf_ntohll(1ull)", 0x0100000000000000ULL },
  { "bpf_htonll(0x100000000000000ull)", 1 },
  { "(u64)(bpf_ntoh128(1) >> 64)", 0x0100000000000000ULL },
  { "(u64)bpf_hton128((unsigned __int128)1 << 64)", 0x0100000000000000ULL },
  { "offsetof(struct sample, b)", 8 }, { "sizeof(struct sample)", 16 },
  { "container_of(&sample.b, struct sample, b)->a", 7 },
  { "min_t(u8, 300, 45)", 44 }, { "max_t(int, -1, 1)", 1 },
  { "div_u64(1ull << 40, 1 << 8)", 2 ^ 32 }, { "div64_u64(1ull << 40, 1ull << 36)", 16 },
  { "roundup_pow_of_two(33)", 64 }, { "roundup_pow_of_two(64)", 64 },
  { "roundup_pow_of_two(1)", 1 }, { "roundup_pow_of_two(sample.a + 1)", 8 },
  { "roundup_pow_of_two(sample.a + 2)", 16 },
  { "__builtin_clzll(1)", 63 },
  { "bpf_log2(1)", 0 }, { "bpf_log2(2)", 1 }, { "bpf_log2(0x80000000)", 31 },
  { "bpf_log2l(0)", 1 }, { "bpf_log2l(1)", 1 }, { "bpf_log2l(4096)", 13 },
  { "bpf_log2l(1ull << 63)", 64 }, { "bpf_log2l(sample.a)", 3 },
  { "MASK(0)", 0 }, { "MASK(12)", 0xfff }, { "MASK(64) + 1", 0 },
  { "CUR_CPU_IDENTIFIER", 0xffffffff },
  { "bpf_num_cpus()", function()
    return tonumber((support.sh("getconf _NPROCESSORS_ONLN").out))
  end },
  { "({ u64 v = 3; lock_xadd(&v, 4); v; })", 7 },
  { "PT_REGS_PARM1(&regs)", 1 }, { "PT_REGS_PARM2(&regs)", 2 },
  { "PT_REGS_PARM3(&regs)", 3 }, { "PT_REGS_PARM4(&regs)", 4 },
  { "PT_REGS_PARM5(&regs)", 5 }, { "PT_REGS_PARM6(&regs)", 6 },
  { "PT_REGS_RC(&regs)", 7 }, { "PT_REGS_FP(&regs)", 8 }, { "PT_REGS_IP(&regs)", 9 },
  { "PT_REGS_SP(&regs)", 10 }, { "PT_REGS_RET(&regs)", 10 },
  { "PT_REGS_PARM1_SYSCALL(&regs)", 1 }, { "PT_REGS_PARM4_SYSCALL(&regs)", 11 },
  { "PT_REGS_PARM6_SYSCALL(&regs)", 6 }, { "(u64)PT_REGS_SYSCALL_CTX(&regs)", 1 },
  { "TCP_SKB_CB((struct sk_buff *)0) == (void *)offsetof(struct sk_buff, cb)", 1 },
}

describe("an expression of BCC C", function()
  it("has its value: " .. #EXPRESSIONS .. " macros, constants and functions", function()
    for first = 1, #EXPRESSIONS, 20 do
      local puts = {}
      for slot = 0, 19 do
        local row = EXPRESSIONS[first + slot]
        if row then puts[#puts + 1] = ("PUT(%d, (%s));"):format(slot, row[1]) end
      end
      local numbers = run([[
        struct sample sample = {.a = ctx->args[0], .b = 8};
        struct pt_regs regs = {.di = 1, .si = 2, .dx = 3, .cx = 4, .r8 = 5, .r9 = 6,
                               .ax = 7, .bp = 8, .ip = 9, .sp = 10, .r10 = 11};
      ]] .. table.concat(puts, "\n"), "struct sample { u64 a; u64 b; };",
                          { ctx = { 7 } })
      for slot = 0, 19 do
        local row = EXPRESSIONS[first + slot]
        if row then
          local wanted = type(row[2]) == "function" and row[2]() or row[2]
          expect.equal({ row[1], numbers[slot] }, { row[1], wanted })
        end
      end
    end
  end)

  it("may define what we define: the text wins", function()
    local numbers = run([[
      PUT(0, MASK(3)); PUT(1, CUR_CPU_IDENTIFIER); PUT(2, ETH_P_IP);
    ]], [[
      #define MASK(n) ((n) + 40)
      #define CUR_CPU_IDENTIFIER 5
      #define ETH_P_IP 6
    ]])
    expect.equal({ numbers[0], numbers[1], numbers[2] }, { 43, 5, 6 })
  end)
end)

local INCLUDES = {
  "uapi/linux/ptrace.h", "linux/sched.h", "bcc/proto.h", "net/sock.h", "linux/fs.h",
  "net/inet_sock.h", "linux/ptrace.h", "linux/blkdev.h", "linux/blk-mq.h",
  "linux/dcache.h", "linux/tcp.h", "uapi/linux/bpf.h", "net/tcp.h", "linux/if_ether.h",
  "uapi/linux/bpf_perf_event.h", "linux/netdevice.h", "linux/mount.h", "linux/version.h",
  "uapi/linux/limits.h", "linux/nsproxy.h", "linux/mm_types.h", "net/net_namespace.h",
  "linux/skbuff.h", "uapi/linux/in.h", "uapi/linux/ip.h", "uapi/linux/tcp.h",
  "uapi/linux/udp.h", "uapi/linux/pkt_cls.h", "uapi/linux/openat2.h", "uapi/linux/fs.h",
  "linux/kconfig.h", "linux/types.h", "linux/bpf.h", "linux/interrupt.h",
  "linux/if_packet.h", "linux/ip.h", "linux/in6.h", "linux/ns_common.h",
  "linux/pid_namespace.h", "linux/slab.h", "linux/string.h", "linux/time64.h",
  "linux/utsname.h", "linux/bio.h", "linux/aio.h", "linux/cred.h", "linux/ktime.h",
  "linux/oom.h", "linux/rcupdate.h", "linux/wait.h", "linux/workqueue.h",
  "asm/unistd.h", "net/inet_connection_sock.h", "net/ip.h", "bcc/helpers.h",
}

describe("a header that BCC's texts include", function()
  it("is accepted, and one that exists nowhere is not", function()
    local lines = {}
    for _, name in ipairs(INCLUDES) do
      local line = "#include <" .. name .. ">\n"
      if not support.in_machine then -- each alone: the same on every kernel
        bpf.load { source = line .. "RAW_TRACEPOINT_PROBE(sys_enter) { return 0; }",
                   load = false }
      end
      lines[#lines + 1] = line
    end
    expect.equal(run("PUT(0, 9);", table.concat(lines))[0], 9)
    expect.error("not found", bpf.load, {
      source = "#include <nowhere.h>\nRAW_TRACEPOINT_PROBE(sys_enter) { return 0; }" })
  end)
end)

describe("the helpers", function()
  it("are all declared under the kernel's names, up to 6.2's", function()
    local file = assert(io.open("/usr/include/bpf/bpf_helper_defs.h"))
    local names = {}
    for name in file:read("*a"):gmatch("%(%*c?o?n?s?t? ?(bpf_[%w_]+)%)") do
      names[#names + 1] = name
    end
    file:close()
    expect.truthy(#names >= 209, #names .. " helpers")
    local list = {}
    for place, name in ipairs(names) do list[place] = "(unsigned long)" .. name end
    bpf.load { load = false, source = [[
      #undef bpf_trace_printk
      RAW_TRACEPOINT_PROBE(sys_enter) {
        return (]] .. table.concat(list, " ^ ") .. [[) != 0;
      }]] }
  end)
end)

describe("bpf_trace_printk", function()
  --- What a program printed that ran once.
  local function printed(statements)
    local out = {}
    local stop = bpf.trace_pipe(function(line)
      if line.text == "ebl-test end" then bpf.stop() end
      out[#out + 1] = line.text:match("^ebl%-test.*$")
    end)
    local ok, err = pcall(run, statements .. '\nbpf_trace_printk("ebl-test end\\n");')
    if ok then bpf.run(5) end
    stop()
    if not ok then error(err, 0) end
    return out
  end

  it("takes a literal and any values, in a macro too", function()
    local lines = printed [[
      #define SAY(format, args...) bpf_trace_printk("ebl-test " format "\n", ##args)
      char name[] = "name";
      bpf_trace_printk("ebl-test\n");
      bpf_trace_printk("ebl-test %d %s\n", 5, name);
      bpf_trace_printk("ebl-test %d %x %lu\n", -1, 255, 1ul << 40);
      SAY("macro");
      bpf_printk("ebl-test printk %d", 6);
    ]]
    expect.equal(lines, { "ebl-test", "ebl-test 5 name", "ebl-test -1 ff 1099511627776",
                          "ebl-test macro", "ebl-test printk 6", "ebl-test end" })
  end)

  it("takes more than three values", function()
    local lines = kernel.try(printed, [[
      #define SAY(format, args...) bpf_trace_printk("ebl-test " format "\n", ##args)
      SAY("%d %d %d %d %d", 1, 2, 3, 4, 5);
    ]])
    expect.equal(lines, { "ebl-test 1 2 3 4 5", "ebl-test end" })
  end)
end)

describe("bpf_usdt_readarg", function()
  local READERS = [[
    static inline __attribute__((always_inline))
    int _bpf_readarg_raw_tracepoint__task_rename_1(void *ctx, void *to,
                                                    unsigned long size) {
      if (size != sizeof(int)) return -1;
      *(int *)to = 31;
      return 0;
    }
    static inline __attribute__((always_inline))
    int _bpf_readarg_raw_tracepoint__task_rename_2(void *ctx, void *to,
                                                    unsigned long size) {
      *(u64 *)to = ((u64 *)ctx)[0];
      return 0;
    }
  ]]

  it("calls the reader of the function that it is written in", function()
    local numbers = run([[
      int value = 0; u64 wrong = 5;
      PUT(0, bpf_usdt_readarg(1, ctx, &value));
      PUT(1, value);
      PUT(2, bpf_usdt_readarg(1, ctx, &wrong) == -1);
      PUT(3, wrong);
    ]], READERS)
    expect.equal({ numbers[0], numbers[1], numbers[2], numbers[3] }, { 0, 31, 1, 5 })
  end)

  it("reads what an argument points to, with _p", function()
    local ffi = require "ffi"
    local text = ffi.new("char[16]", "pointed to")
    local numbers = run([[
      char to[16] = {};
      bpf_usdt_readarg_p(2, ctx, &to, sizeof(to));
      PUT(0, to[0]);
      PUT(1, to[9]);
      PUT(2, to[10]);
    ]], READERS, { ctx = { ffi.cast("uint64_t", ffi.cast("uintptr_t", text)) } })
    expect.equal({ numbers[0], numbers[1], numbers[2] },
                 { ("p"):byte(), ("o"):byte(), 0 })
  end)

  it("names the function that has no such argument", function()
    expect.error("there is no _bpf_readarg_raw_tracepoint__task_rename_3", run,
                 "int v; bpf_usdt_readarg(3, ctx, &v);", READERS)
  end)
end)
