-- luajit bytecode.lua FILE OUT NAME: FILE as bytecode with debug information, under a chunk
-- name that no script can have ("ebpf-lua:bpf/plan.lua"), so that errors tell library from script.
local file, out, name = ...
local source = assert(io.open(file, "rb")):read("*a")
local chunk = assert(loadstring(source, "@ebpf-lua:" .. name))
local target = assert(io.open(out, "wb"))
target:write(string.dump(chunk))
target:close()
