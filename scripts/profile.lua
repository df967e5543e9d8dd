#!/usr/bin/env ebpf-lua
-- profile: where CPU time goes, by sampling stacks.
--
--   profile                     the whole machine, until Ctrl-C
--   profile -F 99 10            99 times a second on each CPU, for ten seconds
--   profile -p 181 -f           one process, as folded stacks
--   profile --svg out.svg 30    a flame graph to open in a browser
--
-- Stacks need frame pointers: code without them shows fewer callers. Names are looked up
-- when a stack is first seen; a process that is gone by then stays without. Every sample
-- is sent with its stacks, so that none is lost where two stacks have one hash.
local bpf = require "bpf"
local cli = require "bpf.cli"
local flame_graph = require "bpf.emit.flame_graph"
local frames = require "bpf.frames"
local report = require "bpf.report"
local scope = require "bpf.scope"

local args = cli.parse {
  name = "profile",
  summary = "Profile CPU usage by sampling stack traces.",
  options = {
    { "-p --pid", "only these processes (181 or 181,182)", argument = "PID",
      convert = cli.numbers },
    { "-L --tid", "only these threads", argument = "TID", convert = cli.numbers },
    { "-U --user-stacks-only", "no kernel stacks, no samples of the kernel" },
    { "-K --kernel-stacks-only", "no user stacks, no samples of user space" },
    { "-F --frequency", "samples a second on each CPU", argument = "HERTZ",
      convert = cli.positive, default = 49 },
    { "-a --annotations", "_[k] after kernel frames" },
    { "-I --include-idle", "samples of idle CPUs too" },
    { "-f --folded", "one line a stack: a;b;c COUNT" },
    { "--delimited", "a line between kernel and user frames" },
    { "--lines", "source file and line, where there is debug information" },
    { "--svg", "write a flame graph", argument = "FILE" },
    { "--html", "the same as a page", argument = "FILE" },
  },
  positional = {
    { "seconds", "how long, as -d", convert = cli.seconds },
  },
  examples = {
    { "profile", "all CPUs at 49 Hertz, until Ctrl-C" },
    { "profile -F 99 10", "at 99 Hertz, for ten seconds" },
    { "profile -f 5 > out.folded", "folded stacks" },
    { "profile --svg out.svg 30", "a flame graph" },
    { "profile -p 185 -U --lines", "one process, with source lines" },
    { "profile -K", "kernel stacks only" },
  },
}

-- -c is looked at with all that it starts, by is_target().
local pids = args.pid
if pids and scope.is_command(pids[1]) then pids = nil end

local obj = scope.load({}, {
  source = [[
    #include <ebl/target.h>

    #define MOST 127   /* frames of a stack: kernel.perf_event_max_stack */
    #define MOST_BYTES (MOST * sizeof(u64))

    struct sample {
      u32 pid;
      u32 kernel_bytes, user_bytes;    /* of frames, those of the kernel first */
      char comm[TASK_COMM_LEN];
      u64 frames[2 * MOST];
    };

    RINGBUF(samples, struct sample, 4 * 1024 * 1024);
    PERCPU_ARRAY(scratch, struct sample, 1);
    HASH(threads, u32, u8, 1024);
    HASH(processes, u32, u8, 1024);

    const volatile bool some_threads = false, some_processes = false;
    const volatile bool with_idle = false, with_kernel = true, with_user = true;

    SEC("perf_event")
    int on_sample(struct bpf_perf_event_data *ctx)
    {
      u64 id = bpf_get_current_pid_tgid();
      u32 tid = id, pid = id >> 32, zero = 0;
      struct sample *s = bpf_map_lookup_elem(&scratch, &zero);
      long kernel = 0, user = 0;

      if (!s || (!tid && !with_idle) || !is_target(pid))
        return 0;
      if (some_threads && !bpf_map_lookup_elem(&threads, &tid))
        return 0;
      if (some_processes && !bpf_map_lookup_elem(&processes, &pid))
        return 0;
      if (with_kernel)
        kernel = bpf_get_stack(ctx, s->frames, MOST_BYTES, 0);
      if (kernel < 0 || kernel > MOST_BYTES)
        kernel = 0;
      if (with_user)
        user = bpf_get_stack(ctx, (char *)s + offsetof(struct sample, frames) + kernel,
                             MOST_BYTES, BPF_F_USER_STACK);
      if (user < 0 || user > MOST_BYTES)
        user = 0;
      if (with_kernel != with_user && !kernel && !user)
        return 0;
      s->pid = pid;
      s->kernel_bytes = kernel;
      s->user_bytes = user;
      bpf_get_current_comm(s->comm, sizeof(s->comm));
      bpf_ringbuf_output(&samples, s, offsetof(struct sample, frames) + kernel + user, 0);
      return 0;
    }
  ]],
  constants = {
    some_threads = args.tid ~= nil, some_processes = pids ~= nil,
    with_idle = args.include_idle or false,
    with_kernel = not args.user_stacks_only, with_user = not args.kernel_stacks_only,
  },
})
for _, tid in ipairs(args.tid or {}) do obj.maps.threads[tid] = 1 end
for _, pid in ipairs(pids or {}) do obj.maps.processes[pid] = 1 end

--- The names of the frames from `first` to `last`, innermost first.
local function names_of(sample, first, last, pid)
  local addresses, names = {}, {}
  for i = first, last do addresses[#addresses + 1] = sample.frames[i] end
  for i, frame in ipairs(frames.of(addresses, pid)) do
    names[i] = frame.name
    if args.lines and frame.file then
      names[i] = ("%s (%s:%d)"):format(names[i], frame.file, frame.line)
    end
    if args.annotations and not pid then names[i] = names[i] .. "_[k]" end
  end
  return names
end

local seen, entries = {}, {} -- what is sampled, by its bytes and as a list

obj.maps.samples:each(function(sample)
  local kernel, all = sample.kernel_bytes / 8,
                      (sample.kernel_bytes + sample.user_bytes) / 8
  local key = ("%d %d %s\0%s"):format(sample.pid, kernel, sample.comm,
                                      sample:raw("frames"):sub(1, all * 8))
  local entry = seen[key]
  if not entry then
    entry = { comm = sample.comm, pid = sample.pid, count = 0,
              kernel = names_of(sample, 1, kernel),
              user = names_of(sample, kernel + 1, all, sample.pid) }
    seen[key], entries[#entries + 1] = entry, entry
  end
  entry.count = entry.count + 1
end)

--- Samples with names, most frequent last.
local function sorted()
  for _, entry in ipairs(entries) do
    entry.stack = { entry.comm }
    for i = #entry.user, 1, -1 do entry.stack[#entry.stack + 1] = entry.user[i] end
    if args.delimited and #entry.kernel > 0 and #entry.user > 0 then
      entry.stack[#entry.stack + 1] = "-"
    end
    for i = #entry.kernel, 1, -1 do entry.stack[#entry.stack + 1] = entry.kernel[i] end
    entry.folded = flame_graph.fold(entry.stack)
  end
  table.sort(entries, function(a, b)
    if a.count ~= b.count then return a.count < b.count end
    if a.folded ~= b.folded then return a.folded < b.folded end
    return a.pid < b.pid
  end)
  return entries
end

local function folded_counts(list)
  local counts = {}
  for _, entry in ipairs(list) do
    counts[entry.folded] = (counts[entry.folded] or 0) + entry.count
  end
  return counts
end

local function print_folded(counts)
  local stacks = {}
  for stack in pairs(counts) do stacks[#stacks + 1] = stack end
  table.sort(stacks)
  for _, stack in ipairs(stacks) do print(("%s %s"):format(stack, counts[stack])) end
end

local function print_stacks(list)
  for _, entry in ipairs(list) do
    for _, name in ipairs(entry.kernel) do print("    " .. name) end
    if args.delimited and #entry.kernel > 0 and #entry.user > 0 then print("    --") end
    for _, name in ipairs(entry.user) do print("    " .. name) end
    print(("    %-16s %s (%d)\n        %s\n"):format("-", entry.comm, entry.pid,
                                                     entry.count))
  end
end

local function write(path, text)
  local file, why = io.open(path, "w")
  if file then
    local done
    done, why = file:write(text)
    file:close()
    if done then return end
  end
  error(("cannot write the flame graph: %s"):format(why), 0)
end

local function show()
  local list = sorted()
  local counts = folded_counts(list)
  for _, format in ipairs { "svg", "html" } do
    if args[format] then
      write(args[format], bpf.flame_graph(counts, { format = format,
                                                    title = "CPU time by stack" }))
    end
  end
  if args.json or args.csv then
    local rows = bpf.table { { name = "COUNT" }, { name = "PID" }, { name = "COMM" },
                             { name = "KERNEL" }, { name = "USER" } }
    for _, entry in ipairs(list) do rows:row(entry) end
  elseif args.folded then
    print_folded(counts)
  elseif not (args.svg or args.html) then
    print_stacks(list)
  end
end

obj.programs.on_sample:attach(("perf:cpu-clock:%dhz"):format(args.frequency))
local banner = ("Sampling at %d Hertz"):format(args.frequency)
report.run({ seconds = args.seconds }, banner, show)
