#!/usr/bin/env ebpf-lua
-- biolatency: how long disks take for requests, as a histogram.
--
--   biolatency              all disks, at Ctrl-C
--   biolatency 1 10         ten times, each second
--   biolatency -Q           with the time that requests wait before the disk gets them
--   biolatency -D           one histogram a disk
--   biolatency -F           one for each kind of request
--   biolatency -d vda -m 5  one disk, in milliseconds
--
-- The time is from when a request is given to the disk until it is complete.
local bpf = require "bpf"
local cli = require "bpf.cli"
local host = require "bpf.host"
local report = require "bpf.report"

--- The numbers of disks in the kernel's form, major << 20 | minor, by name.
local function disks()
  local found = {}
  for line in io.lines("/proc/diskstats") do
    local major, minor, name = line:match("^%s*(%d+)%s+(%d+)%s+(%S+)")
    found[name] = major * 2 ^ 20 + minor
  end
  return found
end

local function disk(text)
  local number = disks()[text:gsub("^/dev/", "")]
  return number, not number and ("there is no disk '%s'"):format(text) or nil
end

local args = cli.parse {
  name = "biolatency",
  summary = "Summarize block device I/O latency as a histogram.",
  options = {
    { "-T --time", "time of day before each output" },
    { "-Q --queued", "the time before the disk gets a request, too" },
    { "-m --milliseconds", "milliseconds in place of microseconds" },
    { "-D --disks", "a histogram for each disk" },
    { "-F --flags", "a histogram for each set of flags of requests" },
    { "-d --disk", "only this disk", argument = "DISK", convert = disk },
    { "-j --json", "one JSON object a line" },
  },
  positional = { report.INTERVAL, report.COUNT },
  exclusive = { "disks", "flags" },
  examples = {
    { "biolatency", "all disks, until Ctrl-C" },
    { "biolatency 1 10", "each second, ten times" },
    { "biolatency -mT 1", "milliseconds, with the time of day" },
    { "biolatency -Q", "with the time in the queue" },
    { "biolatency -D", "each disk" },
    { "biolatency -F", "reads, writes, flushes …" },
    { "biolatency -d vda", "one disk" },
  },
}

-- Before 5.11 the queue came first.
local prototype = host.prototype("tracepoint", "block_rq_issue")
local queue_first = prototype and prototype[1].type:find("request_queue", 1, true) ~= nil

local obj = bpf.load {
  source = [[
    #include <ebl/counts.h>

    /* Where the disk of a request stands, until 5.16 and since then. */
    struct request___until_5_16 {
      struct gendisk *rq_disk;
    } __attribute__((preserve_access_index));

    struct request_queue___since_5_15 {
      struct gendisk *disk;
    } __attribute__((preserve_access_index));

    HASH(starts, u64, u64, 65536);   /* by request */
    HASH(counts, struct hist_key, u64, 65536);

    const volatile u32 target_disk = 0;
    const volatile u64 unit_ns = 1000;
    const volatile bool queue_first = false, queued = false, one_disk = false;
    const volatile bool by_disk = false, by_flags = false;

    #define REQUEST(ctx) ((struct request *)(queue_first ? (ctx)[1] : (ctx)[0]))

    static u32 disk_of(struct request *request)
    {
      struct request___until_5_16 *before = (void *)request;
      struct request_queue___since_5_15 *queue = (void *)BPF_CORE_READ(request, q);
      struct gendisk *disk;

      if (bpf_core_field_exists(before->rq_disk))
        disk = BPF_CORE_READ(before, rq_disk);
      else
        disk = BPF_CORE_READ(queue, disk);
      return (u32)BPF_CORE_READ(disk, major) << 20 | BPF_CORE_READ(disk, first_minor);
    }

    static int begin(struct request *request, bool again)
    {
      u64 key = (u64)request, now = bpf_ktime_get_ns(), *start;

      if (one_disk && disk_of(request) != target_disk)
        return 0;
      if (!again) {
        start = bpf_map_lookup_elem(&starts, &key);
        /* Else of one at the same place, which was merged into another. */
        if (start && *start >= BPF_CORE_READ(request, start_time_ns))
          return 0;
      }
      bpf_map_update_elem(&starts, &key, &now, BPF_ANY);
      return 0;
    }

    SEC("tp_btf/block_rq_insert")
    int on_insert(u64 *ctx)
    {
      return begin(REQUEST(ctx), true);
    }

    SEC("tp_btf/block_rq_issue")
    int on_issue(u64 *ctx)
    {
      return begin(REQUEST(ctx), !queued);
    }

    SEC("tp_btf/block_rq_complete")
    int on_complete(u64 *ctx)
    {
      struct request *request = (void *)ctx[0];
      u64 key = (u64)request, now = bpf_ktime_get_ns();
      u64 *start = bpf_map_lookup_elem(&starts, &key);

      if (!start)
        return 0;
      hist_add(&counts,
               by_disk ? disk_of(request)
               : by_flags ? (u32)BPF_CORE_READ(request, cmd_flags) : 0,
               (now - *start) / unit_ns);
      bpf_map_delete_elem(&starts, &key);
      return 0;
    }
  ]],
  constants = {
    target_disk = args.disk or 0, one_disk = args.disk ~= nil,
    unit_ns = args.milliseconds and 1000000 or 1000, queue_first = queue_first or false,
    queued = args.queued or false, by_disk = args.disks or false,
    by_flags = args.flags or false,
  },
}

local OPERATIONS = {
  { "READ", "Read" }, { "WRITE", "Write" }, { "FLUSH", "Flush" },
  { "DISCARD", "Discard" }, { "SECURE_ERASE", "SecureErase" },
  { "ZONE_RESET", "ZoneReset" },
  { "ZONE_RESET_ALL", "ZoneResetAll" }, { "ZONE_OPEN", "ZoneOpen" },
  { "ZONE_CLOSE", "ZoneClose" }, { "ZONE_FINISH", "ZoneFinish" },
  { "ZONE_APPEND", "ZoneAppend" }, { "WRITE_SAME", "WriteSame" },
  { "WRITE_ZEROES", "WriteZeroes" }, { "DRV_IN", "DriverIn" },
  { "DRV_OUT", "DriverOut" },
}
local FLAGS = {
  { "SYNC", "Sync" }, { "META", "Metadata" }, { "FUA", "ForcedUnitAccess" },
  { "PRIO", "Priority" }, { "NOMERGE", "NoMerge" }, { "IDLE", "Idle" },
  { "RAHEAD", "ReadAhead" }, { "BACKGROUND", "Background" },
}

--- The value of an enumerator that not every kernel has.
local function enumerator(name)
  local ok, value = pcall(function() return bpf.enum[name] end)
  return ok and value or nil
end

--- "Sync-Write" and the like.
local function flag_names(flags)
  local name = "Unknown"
  for _, operation in ipairs(OPERATIONS) do
    if enumerator("REQ_OP_" .. operation[1]) == flags % 256 then name = operation[2] end
  end
  for _, flag in ipairs(FLAGS) do
    local bit = enumerator("__REQ_" .. flag[1])
    if bit and flags / 2 ^ bit % 2 >= 1 then name = flag[2] .. "-" .. name end
  end
  return name
end

local function disk_name(number)
  for name, known in pairs(disks()) do
    if known == number then return name end
  end
  return ("%d:%d"):format(number / 2 ^ 20, number % 2 ^ 20)
end

obj.programs.on_complete:attach()
obj.programs.on_issue:attach()
if args.queued then obj.programs.on_insert:attach() end
report.run(args, "Tracing block device I/O", report.histograms(obj.maps.counts, {
  unit = args.milliseconds and "msecs" or "usecs",
  section = args.disks and "disk" or args.flags and "flags" or nil,
  name = args.disks and disk_name or args.flags and flag_names or nil,
}))
