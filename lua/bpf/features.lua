-- bpf.features(): what this kernel lets this process do with BPF, and why not.
local host = require "bpf.host"
local errors = require "bpf.errors"
local option_table = require "bpf.options"

local M = {}

--- The first line of a file of the kernel's, or nil.
local function line_of(path)
  local file = io.open(path)
  if not file then return nil end
  local line = file:read("*l")
  file:close()
  return line
end

local function size_of(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local size = file:seek("end")
  if size == 0 then size = #file:read("*a") end
  file:close()
  return size
end

local KERNEL_BTF = "/sys/kernel/btf/vmlinux"

local function btf()
  local modules = 0
  for _, name in ipairs(host.files "/sys/kernel/btf" or {}) do
    if name ~= "vmlinux" then modules = modules + 1 end
  end
  return { path = KERNEL_BTF, bytes = size_of(KERNEL_BTF), modules = modules }
end

---@class bpf.Feature
---@field name string
---@field available boolean
---@field reason string? why not: the errno, and what the verifier said last

---@class bpf.Features
---@field kernel {release: string, machine: string}
---@field btf {path: string, bytes: integer?, modules: integer} bytes nil: there is none
---@field jit {enabled: integer?, hardened: integer?} the sysctls' values; nil: unreadable
---@field lsm string[]? active security modules; "bpf" must be one for lsm programs
---@field privileges table {root, user_namespace, seccomp_filter, lockdown,
--- unprivileged_bpf_disabled?, perf_event_paranoid?, capabilities}
---@field mounts table<string, string> where tracefs, bpf, cgroup2 … are mounted
---@field program_types bpf.Feature[]
---@field map_types bpf.Feature[]
---@field links bpf.Feature[] hooks that a descriptor holds
---@field kept string[] attachments that a child process undoes, for want of one
---@field helpers {program_type: string, helpers: string[]}[]? if asked for

--- What this kernel lets this process do, each answer found by trying. Nothing stays
--- loaded.
---@param options {helpers: boolean?}? helpers: of each type of program too
---@return bpf.Features
function M.features(options)
  option_table.check("bpf.features", options or {}, { helpers = "boolean" })
  local lsm
  local modules = line_of "/sys/kernel/security/lsm"
  if modules then
    lsm = {}
    for name in modules:gmatch "[^,]+" do lsm[#lsm + 1] = name end
  end
  local mounts = {}
  for _, kind in ipairs { "tracefs", "bpf", "cgroup2", "securityfs", "debugfs" } do
    mounts[kind] = host.mount_point(kind)
  end
  return {
    kernel = host.kernel(), btf = btf(),
    jit = { enabled = tonumber(line_of "/proc/sys/net/core/bpf_jit_enable"),
            hardened = tonumber(line_of "/proc/sys/net/core/bpf_jit_harden") },
    privileges = host.privileges(), lsm = lsm, mounts = mounts,
    program_types = host.program_types(), map_types = host.map_types(),
    links = host.link_kinds(), kept = host.kept_attachments(),
    helpers = options and options.helpers and errors.check(host.helpers()) or nil,
  }
end

return M
