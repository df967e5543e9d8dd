-- Structs and unions: names, layouts, bit-fields, ownership.
local ffi = require "ffi"
local decode = require "bpf.decode"
local builder = require "type_builder"

local function zeroed(size)
  return ffi.new("uint8_t[?]", size)
end

local function event_types()
  local b = builder()
  local point = b.struct("point", 8, { { "x", b.s32, 0 }, { "y", b.s32, 32 } })
  local event = b.struct("event", 56, {
    { "pid", b.u32, 0 }, { "ts", b.u64, 64 }, { "comm", b.text(16), 128 },
    { "at", point, 256 }, { "list", b.array(b.u32, 4), 320 },
  })
  return decode.new(b.types), event
end

describe("structs", function()
  it("raise on unknown fields, naming the nearest", function()
    local set, event = event_types()
    local e = set:borrow(event)(zeroed(56))
    expect.error("no field 'pidd' in struct event; did you mean 'pid'?",
      function() return e.pidd end)
    expect.error("did you mean 'comm'?", function() return e.cmom end)
    expect.error("no field 'zzzzzz' in struct event", function() return e.zzzzzz end)
    expect.error("no field '1' in struct event", function() return e[1] end)
    expect.error("did you mean 'ts'?", set:write(event), zeroed(56), { t = 1 })
    local _, err = pcall(function() return e.pidd end)
    expect.truthy(err:find "^%S*decode_record_spec.lua:%d+:", "position in " .. err)
  end)

  it("have fields in C order and become tables", function()
    local set, event = event_types()
    local memory = zeroed(56)
    set:write(event)(memory, {
      pid = 1, ts = 2, comm = "sh", at = { x = 3, y = -4 }, list = { 5, 6 },
    })
    local e, names = set:borrow(event)(memory), {}
    for name in decode.fields(e) do
      names[#names + 1] = name
    end
    expect.equal(names, { "pid", "ts", "comm", "at", "list" })
    expect.equal(e:table(), {
      pid = 1, ts = 2, comm = "sh", at = { x = 3, y = -4 }, list = { 5, 6, 0, 0 },
    })
    expect.equal(decode.type_of(e).name, "event")
    expect.equal(decode.type_of(e.at).label, "struct point")
    expect.equal(decode.type_of(1ULL), nil)
    expect.equal(e:exact "ts", 2ULL)
    expect.equal(e:exact "pid", 1ULL)
    expect.error("not an integer", e.exact, e, "comm")
  end)

  it("let a field win over a method of the same name", function()
    local b = builder()
    local t = b.struct("s", 16, { { "copy", b.u32, 0 }, { "name", b.u64, 64 } })
    local set = decode.new(b.types)
    local memory = zeroed(16)
    set:write(t)(memory, { copy = 1, name = 2 })
    local e = set:borrow(t)(memory)
    expect.equal({ e.copy, e.name }, { 1, 2 })
    expect.equal(decode.copy(e).name, 2)
    expect.equal(decode.totable(e), { copy = 1, name = 2 })
  end)

  it("take C and Lua keywords, type names and odd bytes as field names", function()
    local b, fields = builder(), {}
    local names = { "int", "struct", "end", "__attribute__", "uint32_t", "_", "const",
      "a b", "__index", "bool", "copy" }
    for i, name in ipairs(names) do
      fields[i] = { name, i % 2 == 0 and b.u32 or b.u64, i * 64 }
    end
    local t = b.struct("odd", 104, fields)
    local set = decode.new(b.types)
    local memory = zeroed(104)
    local own = set:own(t)(memory)
    for i, name in ipairs(names) do
      own[name] = i
    end
    set:write(t)(memory, own)
    for i, name in ipairs(names) do
      expect.equal(set:borrow(t)(memory)[name], i)
    end
  end)

  it("promote anonymous members and read overlapping ones", function()
    local b = builder()
    local v6 = b.array(b.u8, 16)
    local address = b.union(nil, 16, {
      { "v4", b.u32, 0 }, { "v6", v6, 0 }, { "lo", b.u16, 0 },
    })
    local t = b.struct("conn", 24, { { "family", b.u16, 0 }, { false, address, 64 } })
    local set = decode.new(b.types)
    local memory = zeroed(24)
    set:write(t)(memory, { family = 2, v4 = 0x0100007f })
    local e = set:borrow(t)(memory)
    expect.equal({ e.family, e.v4, e.lo }, { 2, 0x0100007f, 127 })
    expect.equal({ e.v6[1], e.v6[4] }, { 127, 1 })
    local own = e:copy()
    own.v6[4] = 9
    expect.equal(own.v4, 0x0900007f)
  end)

  it("have unaligned, empty and very many fields", function()
    local b = builder()
    local packed = b.struct("packed", 15, {
      { "a", b.u8, 0 }, { "b", b.u64, 8 }, { "c", b.u32, 72 }, { "d", b.s16, 104 },
    })
    local fields = {}
    for i = 1, 300 do
      fields[i] = { "f" .. i, b.u32, (i - 1) * 32 }
    end
    local many, none = b.struct("many", 1200, fields), b.struct("none", 0, {})
    local flexible = b.array(b.u32, 0)
    local tail = b.struct("tail", 4, { { "n", b.u32, 0 }, { "data", flexible, 32 } })
    local set = decode.new(b.types)
    local memory = zeroed(1200)
    local want = { a = 255, b = "0x1122334455667788", c = 4294967295, d = -2 }
    set:write(packed)(memory, want)
    local e = set:borrow(packed)(memory)
    expect.equal({ e.a, e.b, e.c, e.d }, { 255, 0x1122334455667788ULL, 4294967295, -2 })
    set:write(many)(memory, { f300 = 7 })
    expect.equal(set:borrow(many)(memory).f300, 7)
    expect.equal(set:own(none)(memory):table(), {})
    expect.equal(#set:borrow(tail)(memory).data, 0)
  end)
end)

describe("bit-fields", function()
  it("agree with a bit-by-bit model at every offset and width", function()
    local random = 12345
    local function next_byte()
      random = (random * 1103515245 + 12345) % 2 ^ 31
      return math.floor(random / 65536) % 256
    end
    for _, size in ipairs { 1, 2, 3, 5, 8, 9, 16 } do
      local b, fields = builder(), {}
      for offset = 0, math.min(size * 8 - 1, 23) do
        for _, width in ipairs { 1, 2, 7, 8, 9, 16, 31, 32, 33, 53, 54, 57, 63, 64 } do
          if offset + width <= size * 8 then
            local name = offset .. "_" .. width
            fields[#fields + 1] = { "u" .. name, b.u64, offset, width }
            fields[#fields + 1] = { "s" .. name, b.s64, offset, width }
          end
        end
      end
      local t = b.union("bits" .. size, size, fields)
      local set = decode.new(b.types)
      local own = set:own(t)(zeroed(size))
      local address = ffi.cast("uint8_t *", own)
      for _, f in ipairs(fields) do
        local name, signed, offset, width = f[1], f[2] == b.s64, f[3], f[4]
        local value, before, bytes = 0ULL, {}, {}
        for i = 0, size - 1 do
          bytes[i] = next_byte()
          address[i] = bytes[i]
        end
        for i = width - 1, 0, -1 do
          local at = offset + i
          local one = math.floor(bytes[math.floor(at / 8)] / 2 ^ (at % 8)) % 2
          local sign = signed and i == width - 1
          value = sign and value * 2 - one or value * 2 + one
        end
        expect.equal(own:exact(name), signed and ffi.cast("int64_t", value) or value)
        expect.equal(tonumber(own[name]),
          tonumber(signed and ffi.cast("int64_t", value) or value))
        for i = 0, size - 1 do
          before[i] = address[i]
        end
        own[name] = 0
        expect.equal(own[name], 0)
        own[name] = signed and ffi.cast("int64_t", value) or value
        for i = 0, size - 1 do
          expect.equal(address[i], before[i])
        end
      end
    end
  end)

  it("check ranges; may be bool or enum; have no address", function()
    local b = builder()
    local state = b.enum("state", 4, false, { { name = "ON", value = 2 } })
    local t = b.struct("flags", 4, {
      { "a", b.u32, 0, 3 }, { "b", b.s32, 3, 3 },
      { "c", b.bool, 6, 1 }, { "d", state, 7, 2 },
    })
    local set = decode.new(b.types)
    local v = set:own(t)(zeroed(4))
    v.a, v.b, v.c, v.d = 7, -4, true, "ON"
    expect.equal(v:table(), { a = 7, b = -4, c = true, d = 2 })
    expect.equal(v:name "d", "ON")
    expect.error("flags.a: 8 is out of range for u32:3 (0 to 7)", function() v.a = 8 end)
    expect.error("out of range for s32:3 (-4 to 3)", function() v.b = 4 end)
    expect.error("'a' is a bit-field", v.raw, v, "a")
  end)
end)

describe("ownership", function()
  it("refuses writes to borrowed views, allows them to copies", function()
    local set, event = event_types()
    local e = set:borrow(event)(zeroed(56))
    expect.error("constant", function() e.pid = 1 end)
    expect.error("event.ts is read-only here; copy()", function() e.ts = 1 end)
    expect.error("constant", function() e.at.x = 1 end)
    expect.error("read-only", function() e.list[1] = 1 end)
    local own = e:copy()
    own.pid, own.comm, own.at.x, own.list[4] = 1, "sh", 2, 3
    own.at = { y = 5 }
    expect.equal({ own.pid, own.comm, own.list[4] }, { 1, "sh", 3 })
    expect.equal({ own.at.x, own.at.y }, { 0, 5 })
    expect.equal({ e.pid, e.comm, e.at.y, e.list[4] }, { 0, "", 0, 0 })
    expect.error("event.pid: -1 is out of range", function() own.pid = -1 end)
    expect.error("did you mean 'pid'", function() own.pdi = 1 end)
  end)

  it("writes through references", function()
    local set, event = event_types()
    local memory = zeroed(56)
    local ref = set:ref(event)(memory)
    ref.pid, ref.at.x = 5, -6
    local e = set:borrow(event)(memory)
    expect.equal({ e.pid, e.at.x }, { 5, -6 })
  end)

  it("keeps the owner alive while a nested reference lives", function()
    local set, event = event_types()
    local b = builder()
    local leaf = b.struct("leaf", 4, { { "v", b.u32, 0 } })
    local middle = b.array(leaf, 3)
    local root = b.struct("root", 12, { { "m", middle, 0 } })
    local deep = decode.new(b.types)
    local own, own_deep, leaves, lists = set:own(event), deep:own(root), {}, {}
    for i = 1, 2000 do
      local v = own(zeroed(56))
      v.list[2] = i
      lists[i] = v.list
      local r = own_deep(zeroed(12))
      r.m[3].v = i
      leaves[i] = r.m[3]
    end
    collectgarbage()
    collectgarbage()
    for _ = 1, 20000 do
      own(zeroed(56))
    end
    for i = 1, 2000 do
      expect.equal(lists[i][2], i)
      expect.equal(leaves[i].v, i)
    end
  end)

  it("lets owners go with their references", function()
    local set, event = event_types()
    local own, ref = set:own(event), set:ref(event)
    local alive = setmetatable({}, { __mode = "v" })
    alive.owner = {}
    local v = ref(zeroed(56), alive.owner)
    collectgarbage()
    expect.truthy(alive.owner, "owner")
    expect.equal(v.pid, 0)
    v = own(zeroed(56))
    alive.copy = v
    expect.equal(v.at.x, 0)
    v = nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    expect.equal(alive.copy, nil)
    expect.equal(alive.owner, nil)
  end)
end)
