#!/usr/bin/env ebpf-lua
-- Probes in a program, placed by hand: where a symbol's instruction lies in the file is
-- worked out from the ELF tables. The runtime does the same for "uprobe:/bin/bash:NAME".
--
--   ebpf-lua examples/uprobe.lua             each shell that starts, and its file
local bpf = require "bpf"
local ffi = require "ffi"

local path, symbol = arg[1] or "/bin/bash", arg[2] or "find_user_command"

--- The offset in the file of a symbol of an ELF file's dynamic symbol table.
local function offset_of(file_path, name)
  local file = assert(io.open(file_path, "rb"))
  local bytes = file:read("*a")
  file:close()
  local data = ffi.cast("const uint8_t *", bytes)
  local function number(at, size)
    local value = 0
    for i = size - 1, 0, -1 do value = value * 256 + data[at + i] end
    return value
  end
  local programs, sections = number(32, 8), number(40, 8)
  for section = sections, sections + (number(60, 2) - 1) * 64, 64 do
    if number(section + 4, 4) == 11 then    -- SHT_DYNSYM; sh_link is its strings
      local names = number(sections + number(section + 40, 4) * 64 + 24, 8)
      local first, size = number(section + 24, 8), number(section + 32, 8)
      for entry = first, first + size - 24, 24 do
        local text = names + number(entry, 4)
        local value = number(entry + 8, 8)  -- an address in memory, not in the file
        if value > 0 and bytes:sub(text + 1, text + #name + 1) == name .. "\0" then
          for segment = programs, programs + (number(56, 2) - 1) * 56, 56 do
            local address, length = number(segment + 16, 8), number(segment + 40, 8)
            local loaded = number(segment, 4) == 1 -- PT_LOAD
            if loaded and value >= address and value < address + length then
              return value - address + number(segment + 8, 8)
            end
          end
        end
      end
    end
  end
  error(("no symbol '%s' in %s"):format(name, file_path), 0)
end

local obj = bpf.load { file = "uprobe.bpf.c" }
obj.maps.events:each(function(e) print(e.pid, e.name .. " -> " .. e.result) end)
local place = ("%s:0x%x"):format(path, offset_of(path, symbol))
print("probing " .. place)
obj.programs.on_entry:attach("uprobe:" .. place)
obj.programs.on_return:attach("uretprobe:" .. place)
bpf.run()
