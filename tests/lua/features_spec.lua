--- bpf.features() and --info: what they say is what happens when a script tries.
local bpf = require "bpf"
local program = require "program"
local support = require "support"

local found = bpf.features { helpers = true }

local function by_name(list, name)
  for _, one in ipairs(list) do
    if one.name == name or one.program_type == name then return one end
  end
  error("no " .. name, 2)
end

--- Whether a program loads; what is neither success nor a refusal by the kernel goes on.
local function loads(section, result)
  local obj = bpf.load {
    source = ("SEC(%q) int trial(void *ctx) { return %d; }"):format(section, result or 0),
  }
  local ok, err = pcall(obj.programs.trial.load, obj.programs.trial)
  obj:close()
  return ok, err
end

describe("bpf.features", function()
  it("tells facts of the kernel and of this process", function()
    expect.equal(found.kernel.release, support.sh("uname -r").out:match "%S+")
    expect.equal(found.kernel.machine, support.sh("uname -m").out:match "%S+")
    local size = support.sh("cat /sys/kernel/btf/vmlinux | wc -c").out
    expect.equal(found.btf.bytes, tonumber(size))
    local effective = support.sh("sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status")
    local high = tonumber(effective.out:match("(%x+)%x%x%x%x%x%x%x%x%s"), 16)
    local bpf_bit = math.floor(high / 2 ^ (39 - 32)) % 2
    expect.equal(found.privileges.capabilities.CAP_BPF, bpf_bit == 1)
    local switch = io.open "/proc/sys/kernel/unprivileged_bpf_disabled"
    expect.equal(found.privileges.unprivileged_bpf_disabled,
                 switch and switch:read("*n"))
    if switch then switch:close() end
    for kind, place in pairs { tracefs = "/events", cgroup2 = "/cgroup.procs" } do
      local mount = found.mounts[kind]
      local test = mount and "test -e " .. mount .. place
        or "! grep -q ' " .. kind .. " ' /proc/mounts"
      expect.equal(support.sh(test).code, 0)
    end
  end)

  for name, section in pairs {
    socket_filter = "socket", xdp = "xdp", sched_cls = "tc", tracepoint = "tracepoint",
    kprobe = "kprobe", raw_tracepoint = "raw_tracepoint", sk_lookup = "sk_lookup",
    netfilter = "netfilter", lirc_mode2 = "lirc_mode2", cgroup_device = "cgroup/dev",
    ["tracing (fentry)"] = "fentry/bpf_fentry_test1", lsm = "lsm/file_open",
    ["tracing (tp_btf)"] = "tp_btf/sched_switch",
  } do
    it("says of programs what a load shows: " .. name, function()
      local one = by_name(found.program_types, name)
      local results = { sk_lookup = 1, netfilter = 1 }
      local ok, err = loads(section, results[name])
      expect.equal(one.available, ok)
      expect.equal(one.reason == nil, ok)
      if not ok then
        expect.truthy(one.reason:match "^%u+ %(" or one.reason:find("missing", 1, true)
                      or one.reason:find("locked down", 1, true)
                      or one.reason:find("no .* in its BTF"), one.reason)
        expect.truthy(err.code == "not_supported" or err.code == "not_permitted"
                      or err.code == "not_found", tostring(err))
      end
    end)
  end

  it("says of maps what making one shows", function()
    for _, case in ipairs {
      { "hash", key = "u32", value = "u64" }, { "array", key = "u32", value = "u64" },
      { "queue", value = "u64" }, { "bloom_filter", value = "u64" },
      { "percpu_hash", key = "u32", value = "u64" },
    } do
      local ok = pcall(bpf.create_map, { type = case[1], key = case.key,
                                         value = case.value, entries = 4 })
      expect.equal(by_name(found.map_types, case[1]).available, ok)
    end
    expect.truthy(#found.map_types >= 30, #found.map_types)
  end)

  it("says of links whether there are any", function()
    for _, name in ipairs { "kprobe", "tcx", "struct_ops", "uprobe_multi" } do
      local one = by_name(found.links, name)
      expect.equal(one.reason == nil, one.available)
    end
    local obj = bpf.load { source = [[
      SEC("tcx/ingress") int trial(struct __sk_buff *skb) { return -1; }
    ]] }
    local ok, link = pcall(obj.programs.trial.attach, obj.programs.trial,
                           "tcx:lo:ingress")
    if ok then link:close() end
    expect.equal(by_name(found.links, "tcx").available, ok)
    obj:close()
  end)

  it("says which attachments a child process keeps", function()
    local kept = {}
    for _, name in ipairs(found.kept) do kept[name] = true end
    for _, name in ipairs { "tc", "lwt", "seg6local", "lirc_mode2",
                            "kretprobe with maxactive", "kretsyscall with maxactive" } do
      expect.equal({ name, kept[name] }, { name, true })
    end
    expect.equal(kept.struct_ops or false,
                 not by_name(found.links, "struct_ops").available)
    local shown = support.run("--info").out:match "for want of a link\n(.*)$"
    expect.equal(shown:gsub("%s+", " "), " " .. table.concat(found.kept, " ") .. " ")
  end)

  it("names the helpers that each type may call", function()
    local function has(type_name, helper)
      for _, name in ipairs(by_name(found.helpers, type_name).helpers) do
        if name == helper then return true end
      end
      return false
    end
    for _, case in ipairs {
      { "xdp", "xdp", "bpf_xdp_adjust_head(ctx, 0)" },
      { "socket_filter", "socket", "bpf_xdp_adjust_head((void *)ctx, 0)" },
      { "socket_filter", "socket", "bpf_get_smp_processor_id()" },
      { "tracepoint", "tracepoint", "bpf_get_current_task()" },
      { "cgroup_device", "cgroup/dev", "bpf_get_stackid(ctx, 0, 0)" },
      { "sched_cls", "tc", "bpf_skb_change_proto(ctx, 8, 0)" },
      { "xdp", "xdp", "bpf_skb_change_proto((void *)ctx, 8, 0)" },
    } do
      local type_name, section, call = unpack(case)
      local context = ({ xdp = "struct xdp_md", socket = "struct __sk_buff",
                         tc = "struct __sk_buff" })[section] or "void"
      local obj = bpf.load { source = ([[
        SEC(%q) int trial(%s *ctx) { return %s != 0; }
      ]]):format(section, context, call) }
      local ok, err = pcall(obj.programs.trial.load, obj.programs.trial)
      obj:close()
      local refused = not ok and (err.detail or ""):match "unknown func"
        or not ok and (err.detail or ""):match "cannot use helper"
      expect.equal({ call, type_name, has(type_name, call:match "^[%w_]+") },
                   { call, type_name, not refused })
    end
  end)

  it("takes no other option", function()
    expect.error("bpf.features has no option 'helper'", bpf.features, { helper = true })
  end)
end)

describe("--info", function()
  it("is text for people", function()
    local result = support.run "--info"
    expect.equal(result.code, 0)
    expect.truthy(result.out:find("release +" .. found.kernel.release:gsub("%p", "%%%0")))
    for _, heading in ipairs { "program types", "map types", "links" } do
      expect.truthy(result.out:find("\n" .. heading .. "\n", 1, true), heading)
    end
    local types = result.out:match "\nprogram types(.-\n)\n"
    for _, one in ipairs(found.program_types) do
      local line = types:match("\n  " .. one.name:gsub("%p", "%%%0") .. " +([^\n]*)")
      expect.equal(line, one.available and "yes" or "no: " .. one.reason)
    end
    expect.truthy(not result.out:find("helpers of", 1, true))
  end)

  it("adds helpers, and rows of JSON", function()
    local result = support.run "--info helpers --json"
    expect.equal(result.code, 0)
    local lines = 0
    for line in result.out:gmatch "[^\n]+" do
      expect.truthy(line:match '^{"what":"[^"]+","name":"[^"]+","value":.*}$', line)
      lines = lines + 1
    end
    expect.truthy(lines > 1000, lines)
    expect.truthy(result.out:find('{"what":"helper","name":"bpf_xdp_adjust_head",'
                                  .. '"value":"xdp","reason":null}', 1, true))
  end)

  it("names the capability that is missing", function()
    if support.sh("command -v setpriv").code ~= 0 then skip "no setpriv" end
    local drop = "setpriv --inh-caps -all --bounding-set -sys_admin,-bpf %s --info"
    local result = support.sh(drop:format(support.quote(support.program)))
    expect.equal(result.code, 0)
    expect.truthy(result.out:find "CAP_BPF +no: this process does not have it")
    expect.truthy(result.out:find "xdp +no: .*CAP_BPF is missing")
  end)

  it("refuses other words", function()
    program.failed(support.run "--info maps", 2, "--info takes 'helpers' or nothing")
    program.failed(support.run "--info -e 1", 2, "run no code")
  end)
end)
