-- --info: bpf.features() for people, or as rows {what, name, value, reason}.
local features = require "bpf.features"
local output = require "bpf.output"

local M = {}

local MOUNTING = { -- what makes each there
  tracefs = "mount -t tracefs tracefs /sys/kernel/tracing",
  bpf = "mount -t bpf bpf /sys/fs/bpf",
  cgroup2 = "mount -t cgroup2 cgroup2 /sys/fs/cgroup",
}

local HEADINGS = { ["program type"] = "program types", ["map type"] = "map types",
                   link = "links" }
local JIT = { [0] = "off", "on", "on, with debugging" }
local UNPRIVILEGED = { [0] = "allowed", "refused until the next boot", "refused" }

--- The facts that are no lists of features, as rows.
local function facts(found)
  local rows = {}
  local function add(name, value, reason)
    rows[#rows + 1] = { what = "kernel", name = name, value = value, reason = reason }
  end
  local own, size = found.privileges, found.btf.bytes
  add("release", ("%s %s"):format(found.kernel.release, found.kernel.machine))
  add("BTF", size and ("%.1f MiB, and of %d modules"):format(size / 2^20,
                                                             found.btf.modules) or "no",
      not size and "there is no " .. found.btf.path
      .. ": the kernel was built without CONFIG_DEBUG_INFO_BTF; --btf FILE stands in"
      or nil)
  add("JIT", JIT[found.jit.enabled] or "unknown")
  add("lockdown", own.lockdown, own.lockdown == "integrity"
      and "kprobes, fentry, fexit and lsm programs may be refused to everybody"
      or own.lockdown == "confidentiality" and "reading kernel memory is refused" or nil)
  add("lsm", found.lsm and table.concat(found.lsm, ",") or "unknown")
  local unprivileged = own.unprivileged_bpf_disabled
  add("unprivileged_bpf_disabled", unprivileged and tostring(unprivileged) or "unknown",
      unprivileged and ("users without capabilities are %s")
                       :format(UNPRIVILEGED[unprivileged] or "?"))
  add("perf_event_paranoid", tostring(own.perf_event_paranoid or "unknown"))
  add("seccomp filter", own.seccomp_filter and "yes" or "no")
  add("user namespace", own.user_namespace and "yes" or "no",
      own.user_namespace and "capabilities do not reach out of it" or nil)
  local names = {}
  for name in pairs(own.capabilities) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    add(name, own.capabilities[name] and "yes" or "no",
        not own.capabilities[name] and "this process does not have it" or nil)
  end
  for _, kind in ipairs { "tracefs", "bpf", "cgroup2" } do
    add(kind, found.mounts[kind] or "no",
        not found.mounts[kind] and "not mounted: " .. MOUNTING[kind] or nil)
  end
  return rows
end

local function add_features(rows, what, list)
  for _, one in ipairs(list) do
    rows[#rows + 1] = { what = what, name = one.name,
                        value = one.available and "yes" or "no", reason = one.reason }
  end
end

local function wrapped(names)
  local lines, line = {}, ""
  for _, name in ipairs(names) do
    if #line + #name > 74 then
      lines[#lines + 1] = line
      line = ""
    end
    line = line .. " " .. name
  end
  lines[#lines + 1] = line
  return "   " .. table.concat(lines, "\n   ")
end

local function print_text(rows, found)
  local widest, what = 0, nil
  for _, row in ipairs(rows) do widest = math.max(widest, #row.name) end
  for _, row in ipairs(rows) do
    if row.what ~= what then
      what = row.what
      print((row == rows[1] and "" or "\n") .. (HEADINGS[what] or what))
    end
    print(("  %-" .. widest .. "s  %s%s"):format(
      row.name, row.value, row.reason and (": %s"):format(row.reason) or ""))
  end
  print("\nundone by a child process at the end, for want of a link")
  print(wrapped(found.kept))
  for _, set in ipairs(found.helpers or {}) do
    print(("\nhelpers of %s (%d)"):format(set.program_type, #set.helpers))
    print(wrapped(set.helpers))
  end
end

local function print_rows(rows, found)
  for _, name in ipairs(found.kept) do
    rows[#rows + 1] = { what = "kept by a child", name = name, value = "yes" }
  end
  for _, set in ipairs(found.helpers or {}) do
    for _, name in ipairs(set.helpers) do
      rows[#rows + 1] = { what = "helper", name = name, value = set.program_type }
    end
  end
  local tbl = output.api.table { { name = "what" }, { name = "name" }, { name = "value" },
                                 { name = "reason" } }
  for _, row in ipairs(rows) do tbl:row(row) end
end

--- --info [helpers]
---@param helpers boolean
function M.run(helpers)
  local found = features.features { helpers = helpers }
  local rows = facts(found)
  add_features(rows, "program type", found.program_types)
  add_features(rows, "map type", found.map_types)
  add_features(rows, "link", found.links)
  local show = output.is_text() and print_text or print_rows
  show(rows, found)
end

return M
