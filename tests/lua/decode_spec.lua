-- What every kind of type reads as and accepts, and that ctypes do not pile up.
local ffi = require "ffi"
local decode = require "bpf.decode"
local builder = require "type_builder"

local function zeroed(size)
  return ffi.new("uint8_t[?]", size)
end

--- Reader, writer and memory of one type.
local function one(b, index)
  local set = decode.new(b.types)
  local memory = zeroed(set:size(index))
  local read, write = set:borrow(index), set:write(index)
  return function()
    return read(memory)
  end, function(v)
    return write(memory, v)
  end, memory
end

describe("integers", function()
  it("read as numbers up to 2^53 and as cdata above", function()
    local b = builder()
    local get, put = one(b, b.u64)
    for _, v in ipairs { 0, 1, 2 ^ 31, 2 ^ 32, 2 ^ 53 - 1, 2 ^ 53 } do
      put(v)
      expect.equal(get(), v)
    end
    put "9007199254740993"
    expect.equal(get(), 9007199254740993ULL)
    put "0xffffffffffffffff"
    expect.equal(get(), 0xffffffffffffffffULL)
    get, put = one(b, b.s64)
    put(-2 ^ 53)
    expect.equal(get(), -2 ^ 53)
    put "-9007199254740993"
    expect.equal(get(), -9007199254740993LL)
    put "-9223372036854775808"
    expect.equal(get(), -0x8000000000000000LL)
    put(0x7fffffffffffffffLL)
    expect.equal(get(), 0x7fffffffffffffffLL)
  end)

  it("accept both ends of their range and nothing beyond", function()
    local b = builder()
    for bits = 8, 32, 8 do
      if bits ~= 24 then
        local get, put = one(b, b["u" .. bits])
        put(2 ^ bits - 1)
        expect.equal(get(), 2 ^ bits - 1)
        expect.error("out of range for u" .. bits, put, 2 ^ bits)
        expect.error("out of range", put, -1)
        get, put = one(b, b["s" .. bits])
        put(-2 ^ (bits - 1))
        expect.equal(get(), -2 ^ (bits - 1))
        put(tostring(2 ^ (bits - 1) - 1))
        expect.equal(get(), 2 ^ (bits - 1) - 1)
        expect.error("out of range", put, 2 ^ (bits - 1))
        expect.error("out of range", put, -2 ^ (bits - 1) - 1)
      end
    end
    local _, put = one(b, b.u64)
    expect.error("-1 is out of range for u64 (0 to 18446744073709551615)", put, -1LL)
    expect.error("does not fit in 64 bits", put, "18446744073709551616")
    expect.error("does not fit in 64 bits", put, 2 ^ 64)
    _, put = one(b, b.s64)
    expect.error("9223372036854775808 is out of range", put, 2 ^ 63)
    expect.error("out of range", put, 0x8000000000000000ULL)
    expect.error("out of range", put, "-9223372036854775809")
  end)

  it("refuse what is not an integer", function()
    local b = builder()
    local get, put = one(b, b.u32)
    for _, v in ipairs { 1.5, 0 / 0, 1 / 0, "12x", "", "0x", "1e3", {}, print } do
      expect.error("is not an integer", put, v)
    end
    put(true)
    expect.equal(get(), 1)
    put(ffi.new("int32_t[1]", 5)[0])
    expect.equal(get(), 5)
    put " -0 "
    expect.equal(get(), 0)
    put "0X1f"
    expect.equal(get(), 31)
  end)

  it("of 128 bits are {hi=, lo=}", function()
    local b = builder()
    local get, put = one(b, b.u128)
    put { hi = 1, lo = "0xffffffffffffffff" }
    expect.equal(get(), { hi = 1, lo = 0xffffffffffffffffULL })
    put(7)
    expect.equal(get(), { hi = 0, lo = 7 })
    expect.error("out of range", put, -7)
    get, put = one(b, b.s128)
    put(-7)
    expect.equal(get(), { hi = -1, lo = -7ULL })
  end)

  it("of other kinds: bool, pointer, float, double, opaque", function()
    local b = builder()
    local get, put, memory = one(b, b.bool)
    put(true)
    expect.equal(get(), true)
    memory[0] = 2
    expect.equal(get(), true)
    expect.error("out of range for bool", put, 2)
    get, put = one(b, b.pointer)
    put(0xffffffff81000000ULL)
    expect.equal(get(), 0xffffffff81000000ULL)
    put(ffi.cast("void *", 4096))
    expect.equal(get(), 4096)
    get, put = one(b, b.float)
    put(0.5)
    expect.equal(get(), 0.5)
    get, put = one(b, b.double)
    put(-1e300)
    expect.equal(get(), -1e300)
    expect.error("expected a number for double", put, "x")
    get, put = one(b, b.opaque(3))
    put "a\0b"
    expect.equal(get(), "a\0b")
    expect.error("4 bytes does not fit", put, "abcd")
  end)
end)

describe("enums", function()
  it("are numbers, take names and tell theirs", function()
    local b = builder()
    local state = b.enum("state", 4, false, {
      { name = "IDLE", value = 0 }, { name = "BUSY", value = 7 },
      { name = "ALIAS", value = 7 },
    })
    local top = { name = "TOP", value = "18446744073709551615" }
    local wide = b.enum("wide", 8, false, { top })
    local t = b.struct("task", 16, { { "state", state, 0 }, { "wide", wide, 64 } })
    local get, put = one(b, t)
    put { state = "BUSY", wide = "TOP" }
    expect.equal(get().state, 7)
    expect.equal(get():name "state", "BUSY")
    expect.equal(get().wide, 0xffffffffffffffffULL)
    expect.equal(get():name "wide", "TOP")
    put { state = 3 }
    expect.equal(get():name "state", nil)
    expect.error("has no 'BUSSY'; did you mean 'BUSY'?", put, { state = "BUSSY" })
    expect.error("no field 'stat' in struct task", get().name, get(), "stat")
  end)
end)

describe("strings", function()
  it("end at the NUL or at the end of the array", function()
    local b = builder()
    local t = b.struct("s", 8, { { "a", b.text(4), 0 }, { "b", b.text(4), 32 } })
    local get, put, memory = one(b, t)
    put { a = "abcd", b = "x" }
    expect.equal(get().a, "abcd")
    expect.equal(get().b, "x")
    memory[6] = ("z"):byte()
    expect.equal(get().b, "x")
    expect.equal(get():raw "b", "x\0z\0")
    expect.equal(get():raw(), "abcdx\0z\0")
    expect.error("s.a: a string of 5 bytes does not fit in char[4]", put, { a = "abcde" })
    expect.error("s.a: expected a string", put, { a = 1 })
  end)
end)

describe("arrays", function()
  it("are 1-based, know their length and check bounds", function()
    local b = builder()
    local get, put = one(b, b.array(b.u16, 3))
    put { 1, 2 }
    local v = get()
    expect.equal(#v, 3)
    expect.equal({ v[1], v[2], v[3] }, { 1, 2, 0 })
    expect.equal(v[2LL], 2)
    expect.equal(v:table(), { 1, 2, 0 })
    for _, bad in ipairs { 0, 4, -1, 1.5, 0 / 0 } do
      expect.error(("index %s is outside 1 to 3 of u16[3]"):format(tostring(bad)),
        function() return v[bad] end)
    end
    expect.error("no member 'length' in an array", function() return v.length end)
    expect.error("[4] is outside 1 to 3", put, { 1, 2, 3, 4 })
    expect.error("u16[3] is read-only", function() v[1] = 1 end)
    local own = v:copy()
    own[3] = 65535
    expect.equal(own[3], 65535)
    expect.error("[1]: 65536 is out of range", function() own[1] = 65536 end)
    expect.error("index 4 is outside", function() own[4] = 1 end)
    expect.equal(own:exact(3), 65535ULL)
    put(own)
    expect.equal(v[3], 65535)
  end)

  it("nest, and of bytes take a string", function()
    local b = builder()
    local point = b.struct("point", 8, { { "x", b.s32, 0 }, { "y", b.s32, 32 } })
    local get, put = one(b, b.array(b.array(point, 2), 2))
    put { { { x = 1 }, { x = 2 } }, { { x = 3 }, { x = 4, y = -4 } } }
    expect.equal(get()[2][2].y, -4)
    expect.equal(get()[1][2].x, 2)
    get, put = one(b, b.array(b.u8, 4))
    put "\192\168\0\1"
    expect.equal(get():table(), { 192, 168, 0, 1 })
    expect.error("expected a list, a string of 4 bytes", put, "abc")
    get, put = one(b, b.array(b.text(4), 2))
    put { "ab", "cd" }
    expect.equal(get()[2], "cd")
  end)
end)

describe("ctypes", function()
  it("are reused when the same types are loaded 20,000 times", function()
    local function newest()
      return tonumber(ffi.typeof "struct { uint8_t x; }")
    end
    local function load()
      local b = builder()
      local point = b.struct("point", 8, { { "x", b.s32, 0 }, { "y", b.s32, 32 } })
      local event = b.struct("event", 40, {
        { "comm", b.text(16), 0 }, { "at", point, 128 },
        { "list", b.array(b.u32, 4), 192 },
      })
      local set = decode.new(b.types)
      local e = set:borrow(event)(zeroed(40))
      local own = set:own(event)(zeroed(40))
      return e.at.x + own.at.y + own.list[1]
    end
    load()
    local first, probe = newest(), newest()
    for _ = 1, 20000 do
      load()
    end
    expect.equal(newest() - probe, probe - first)
  end)

  it("differ where names differ", function()
    local b = builder()
    local one_name = b.struct("a", 4, { { "x", b.u32, 0 } })
    local other = b.struct("b", 4, { { "x", b.u32, 0 } })
    local set = decode.new(b.types)
    local v = set:borrow(other)(zeroed(4))
    expect.error("in struct b", function() return v.y end)
    expect.error("expected a table or a view of struct a, got one of struct b",
      set:write(one_name), zeroed(4), v)
  end)

  it("report broken descriptions", function()
    expect.error("type 1 contains itself", function()
      decode.new({ { kind = "array", element = 1, count = 1 } }):size(1)
    end)
    expect.error("type 2: not in the table", function()
      decode.new({ { kind = "array", element = 2, count = 1 } }):size(1)
    end)
    expect.error("unknown kind 'func'", function()
      decode.new({ { kind = "func" } }):size(1)
    end)
  end)
end)
