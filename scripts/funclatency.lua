#!/usr/bin/env ebpf-lua
-- funclatency: how long functions take, as a histogram.
--
--   funclatency vfs_read              a function of the kernel, at Ctrl-C
--   funclatency -m -i 1 do_nanosleep  in milliseconds, every second
--   funclatency -F 'vfs_*'            one histogram a function
--   funclatency -p 181 libc:malloc    of a library, in one process
--
-- The time is from entry to return, sleep included. Calls that were under way when it
-- began are not counted, nor those that never return.
local cli = require "bpf.cli"
local loop = require "bpf.loop"
local output = require "bpf.output"
local report = require "bpf.report"
local scope = require "bpf.scope"
local pattern = require "functions.pattern"

local MOST_LEVELS = 100

local function level(text)
  local value = cli.positive(text)
  if value and value <= MOST_LEVELS then return value end
  return nil, ("'%s' is not a whole number from 1 to %d"):format(text, MOST_LEVELS)
end

local args = cli.parse {
  name = "funclatency",
  summary = "Time functions and print latency as a histogram.",
  options = {
    { "-p --pid", "only this process", argument = "PID", convert = cli.number },
    { "-i --interval", "print every so many seconds", argument = "SECONDS",
      convert = cli.seconds },
    { "-T --time", "time of day before each output" },
    { "-u --microseconds", "microseconds in place of nanoseconds" },
    { "-m --milliseconds", "milliseconds" },
    { "-F --function", "a histogram for each function" },
    { "-r --regexp", "the pattern is a regular expression, not one with * and ?" },
    { "-l --level", "calls inside each other that are followed in a thread",
      argument = "LEVEL", convert = level, default = 16 },
  },
  positional = { { "pattern", "FUNC, LIB:FUNC or PATH:FUNC", required = true } },
  examples = {
    { "funclatency do_sys_openat2", "a kernel function, in nanoseconds" },
    { "funclatency -u vfs_read", "in microseconds" },
    { "funclatency -m do_nanosleep", "in milliseconds" },
    { "funclatency -mTi 5 vfs_read", "every five seconds, with the time" },
    { "funclatency -p 181 vfs_read", "one process" },
    { "funclatency -F 'vfs_fstat*'", "each function by itself" },
    { "funclatency libc:getaddrinfo", "a function of a library" },
    { "funclatency fentry:vfs_read", "by fentry and fexit, which cost less" },
  },
}

local set = pattern.find(args.pattern, args.regexp)
local RETURNS = { kprobe = "kretprobe", uprobe = "uretprobe", fentry = "fexit" }
if not RETURNS[set.kind] then
  pattern.refuse("invalid", ("'%s': a %s takes no time"):format(args.pattern, set.kind),
                 "FUNCTION of the kernel, or LIB:FUNCTION")
end
if set.kind == "fentry" and #set.names > 1 then
  pattern.refuse("invalid", ("'%s': fentry is for one function at a time, not for %d")
                 :format(args.pattern, #set.names), "a pattern is one of kprobes")
end

local obj = scope.load(args, {
  source = [[
    #include <ebl/counts.h>
    #include <ebl/target.h>

    struct call {
      u64 function;   /* its number */
      u64 start;
      u64 stack;      /* where the stack pointer was */
    };

    /* The calls of a thread that have not returned, the innermost last. */
    struct calls {
      u64 level;
      struct call under_way[LEVELS];
    };

    struct sum {
      u64 time;   /* nanoseconds */
      u64 count;
    };

    LRU_HASH(threads, u64, struct calls, 10240);
    HASH(counts, struct hist_key, u64, 65536);
    ARRAY(sums, struct sum, 1);

    const volatile u64 unit_ns = 1;
    const volatile bool many = false, by_function = false;
    const struct calls no_calls = {};
    u64 too_deep;   /* calls that found no room */

    /* Returns are told apart by cookies, which one function does without. */
    #define FUNCTION(ctx) (many ? bpf_get_attach_cookie(ctx) : 0)

    static u64 thread(void)
    {
      u64 id = bpf_get_current_pid_tgid();

      /* Each CPU has an idle task, all with the same number. */
      return id ?: 1ULL << 32 | bpf_get_smp_processor_id();
    }

    static struct call *call_at(struct calls *calls, u64 place)
    {
      barrier_var(place);   /* the verifier has to see that this very value is tested */
      return place < LEVELS ? &calls->under_way[place] : NULL;
    }

    /* A call that was left without a return (longjmp, a missed kretprobe) has its frame
     * where the stack is free by now. Far away is another stack: of an interrupt, a
     * signal, a coroutine.
     */
    static bool is_over(const struct call *call, u64 function, u64 stack)
    {
      if (call->stack == stack)
        return call->function == function;   /* else it jumped to this one at its end */
      return call->stack < stack && stack - call->stack < 16384;
    }

    /* Without a stack pointer no call is left: fexit misses none. */
    static int enter(void *ctx, u64 stack)
    {
      u64 key = thread(), function, level;
      struct calls *calls;
      struct call *call;

      if (!is_target(bpf_get_current_pid_tgid() >> 32))
        return 0;
      calls = lookup_or_add(&threads, &key, &no_calls);
      if (!calls)
        return 0;
      function = FUNCTION(ctx);
      level = calls->level;
      for (int i = 0; i < LEVELS; i++) {
        call = call_at(calls, level - 1);
        if (!call || !stack || !is_over(call, function, stack))
          break;
        level--;
      }
      /* What interrupts from here on comes above. */
      calls->level = level + 1;
      call = call_at(calls, level);
      if (!call) {
        __sync_fetch_and_add(&too_deep, 1);
        return 0;
      }
      call->function = function;
      call->stack = stack;
      call->start = bpf_ktime_get_ns();
      return 0;
    }

    static void count(u64 function, u64 time)
    {
      u32 zero = 0;
      struct sum *sum = bpf_map_lookup_elem(&sums, &zero);

      if (sum) {
        __sync_fetch_and_add(&sum->time, time);
        __sync_fetch_and_add(&sum->count, 1);
      }
      hist_add(&counts, by_function ? function : 0, time / unit_ns);
    }

    static int leave(void *ctx)
    {
      u64 now = bpf_ktime_get_ns(), key = thread(), function, level;
      struct calls *calls = bpf_map_lookup_elem(&threads, &key);

      if (!calls)
        return 0;
      function = FUNCTION(ctx);
      level = calls->level;
      if (level > LEVELS) {
        calls->level = level - 1;
        return 0;
      }
      for (int i = 0; i < LEVELS; i++) {
        struct call *call = call_at(calls, --level);

        if (!call)
          break;
        if (call->function == function) {
          count(function, now - call->start);
          calls->level = level;
          break;
        }
      }
      return 0;
    }

    static int enter_at(struct pt_regs *ctx) { return enter(ctx, PT_REGS_SP(ctx)); }

    SEC("kprobe") int enter_kprobe(struct pt_regs *ctx) { return enter_at(ctx); }
    SEC("kretprobe") int leave_kprobe(struct pt_regs *ctx) { return leave(ctx); }
    SEC("uprobe") int enter_uprobe(struct pt_regs *ctx) { return enter_at(ctx); }
    SEC("uretprobe") int leave_uprobe(struct pt_regs *ctx) { return leave(ctx); }
    SEC("fentry") int enter_fentry(void *ctx) { return enter(ctx, 0); }
    SEC("fexit") int leave_fentry(void *ctx) { return leave(ctx); }
  ]],
  constants = {
    unit_ns = args.milliseconds and 1000000 or args.microseconds and 1000 or 1,
    many = #set.names > 1, by_function = args["function"] or false,
  },
  cflags = { "-DLEVELS=" .. args.level },
})

local unit = args.milliseconds and "msecs" or args.microseconds and "usecs" or "nsecs"
local unit_ns = obj.variables.unit_ns

local numbers = {}
for number, name in ipairs(set.names) do numbers[name] = number end

local one_process = not scope.is_command(args.pid) and args.pid or nil

local function attach(program, kind)
  local spec = kind .. set.prefix:sub(#set.kind + 1) .. table.concat(set.names, ",")
  return program:attach(spec, { cookie = #set.names > 1 and numbers or nil,
                                pid = set.kind == "uprobe" and one_process or nil })
end

-- Returns first: one whose entry was not seen finds no start.
attach(obj.programs["leave_" .. set.kind], RETURNS[set.kind])
local left_out = attach(obj.programs["enter_" .. set.kind], set.kind):left_out()

local by_function = args["function"]
local show_histograms = report.histograms(obj.maps.counts, {
  unit = unit, section = by_function and "Function",
  name = function(number) return set.names[number] or set.names[1] end,
})
local sums = report.changes(obj.maps.sums)

local function show_average(sum)
  local total = math.floor(tonumber(sum.time) / unit_ns)
  local average = math.floor(total / sum.count)
  if output.is_text() then
    print(("\navg = %d %s, total: %d %s, count: %d\n")
                     :format(average, unit, total, unit, sum.count))
  elseif loop.settings.json then
    print { type = "average", unit = unit, avg = average, total = total,
            count = sum.count }
  end
end

local function show()
  show_histograms()
  local sum = sums()[0]
  if sum and sum.count > 0 then show_average(sum) end
end

if left_out > 0 then
  io.stderr:write("funclatency: warning: ", left_out, " of them cannot be probed\n")
end
report.run(args, ("Tracing %d functions for '%s'"):format(#set.names, args.pattern), show)
local deep = obj.variables.too_deep
if deep > 0 then
  io.stderr:write(("funclatency: %s calls were inside more than %d others: -l follows "
                   .. "more\n"):format(tostring(deep), args.level))
end
