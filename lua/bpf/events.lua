-- Stage 6 and 7, read and decode: a map's reader, and the loop over its records.
--
-- Each reader gets a drain function compiled from text, so that each has traces of its
-- own: LuaJIT then specializes the loop for the one handler and the one record type.
local ffi = require "ffi"
local C = require "bpf.ffi_api"
local host = require "bpf.host"
local errors = require "bpf.errors"
local loop = require "bpf.loop"

local M = {}

-- Batches that one ring may take before the others, the timers and the signals have their
-- turn.
local BATCHES_A_TURN = 32

-- As a file of this program: tracebacks leave it out.
local DRAIN_NAME = "@ebpf-lua:bpf/events.lua drain"
local DRAIN = [[
local C, reader, handler, view, size, short, begun, loop, cast, word = ...
local records, run = C.ebl_reader_records(reader), C.ebl_reader_run(reader)
return function()
  local total = 0
  for _ = 1, %d do
    local count = C.ebl_reader_peek_run(reader)
    if count > 0 and run.size >= size then
      local first, stride, cpu = run.first, run.stride, run.cpu
      local headers, header = run.headers, run.header
      begun.stride = stride
      for offset = 0, (count - 1) * stride, stride do
        if cast(word, headers + offset)[0] ~= header then
          count = offset / stride
          break
        end
        begun.place = offset
        handler(view(first + offset), cpu)
        if loop.stopping() then
          count = offset / stride + 1
          C.ebl_reader_release(reader, count)
          return total + count, true
        end
      end
      goto handled
    end
    count = C.ebl_reader_peek(reader)
    if count == 0 then return total end
    begun.stride = 1
    for i = 0, count - 1 do
      local record = records[i]
      begun.place = i
      if record.size >= size then
        handler(view(record.data), record.cpu)
      else
        handler(view(short(record.data, record.size)), record.cpu)
      end
      if loop.stopping() then
        C.ebl_reader_release(reader, i + 1)
        return total + i + 1, true
      end
    end
    ::handled::
    C.ebl_reader_release(reader, count)
    total = total + count
    if C.ebl_signal_pending() ~= 0 then return total, true end
  end
  return total, true
end
]]

local word = ffi.typeof "const uint32_t *"

-- Which record the handler has: number place / stride of its batch; stride 0: none.
local begun = ffi.typeof "struct { int32_t place, stride; }"

---@class bpf.Reader
---@field private handle userdata
---@field private source integer?
local Reader = {}
Reader.__index = Reader

--- Zero-padded copy of a record that is shorter than its type.
local function padding(size)
  local scratch = ffi.new("uint8_t[?]", math.max(size, 1))
  return function(data, length)
    ffi.fill(scratch, size)
    ffi.copy(scratch, data, length)
    return scratch
  end
end

---@param map_fd integer
---@param kind "ringbuf"|"perf_event_array"
---@param amount integer bytes of a ring, pages of a perf buffer
---@return bpf.Reader
function M.open(map_fd, kind, amount)
  local open = kind == "ringbuf" and host.ring_reader or host.perf_reader
  local handle = errors.check(open(map_fd, amount))
  local pointer = ffi.cast("ebl_reader *", handle:pointer())
  return setmetatable({ handle = handle, pointer = pointer,
                        begun = begun() }, Reader)
end

--- Calls `handler(event, cpu)` for each record while the loop runs; replaces the last
--- handler.
---@param handler function
---@param set bpf.TypeSet
---@param index integer of the record's type
function Reader:each(handler, set, index)
  local size = set:size(index)
  local make = assert(loadstring(DRAIN:format(BATCHES_A_TURN), DRAIN_NAME))
  local drain = make(C, self.pointer, handler, set:borrow(index), size, padding(size),
                     self.begun, loop, ffi.cast, word)
  local at, pointer = self.begun, self.pointer
  local busy = false
  local function guarded()
    if busy then return 0 end -- bpf.poll() inside a handler
    busy, at.stride = true, 0
    local ok, result, more = xpcall(drain, errors.with_traceback)
    busy = false
    if ok then return result, more end
    if at.stride > 0 then C.ebl_reader_release(pointer, at.place / at.stride + 1) end
    if self.source then loop.again(self.source) end -- what lies behind the record
    error(result, 0)
  end
  -- The end of a run: all that is there now, and not what a fast producer adds meanwhile.
  local function finish()
    C.ebl_reader_mark(pointer)
    repeat
      local _, more = guarded()
    until not more or C.ebl_reader_passed(pointer) ~= 0 or loop.stopping()
      or C.ebl_signal_pending() ~= 0
  end
  if self.source then loop.remove(self.source) end
  self.source = loop.add(self.handle:fd(), guarded, finish)
end

--- Up to `most` records that are there, as owned values.
---@param most integer
---@param set bpf.TypeSet
---@param index integer
---@return any[]
function Reader:read(most, set, index)
  local size, own = set:size(index), set:own(index)
  local short = padding(size)
  local records, out = C.ebl_reader_records(self.pointer), {}
  while #out < most do
    local count = math.min(C.ebl_reader_peek(self.pointer), most - #out)
    if count == 0 then break end
    for i = 0, count - 1 do
      local data = records[i].data
      if records[i].size < size then data = short(data, records[i].size) end
      out[#out + 1] = own(data)
    end
    C.ebl_reader_release(self.pointer, count)
  end
  return out
end

--- Records that the kernel dropped because the buffer was full (perf buffers).
---@return integer
function Reader:lost()
  return self.handle and tonumber(C.ebl_reader_lost(self.pointer)) or 0
end

function Reader:close()
  if self.source then loop.remove(self.source) end
  self.source = nil
  if self.handle then self.handle:close() end
  self.handle, self.pointer = nil, nil
end

return M
