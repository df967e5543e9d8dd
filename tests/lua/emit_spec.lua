-- Text, JSON and CSV of values; print(), tables, print_top in their three modes.
local ffi = require "ffi"
local decode = require "bpf.decode"
local emit = require "bpf.emit"
local builder = require "type_builder"

local function event(values)
  local b = builder()
  local point = b.struct("point", 8, { { "x", b.s32, 0 }, { "y", b.s32, 32 } })
  local t = b.struct("event", 56, {
    { "pid", b.u32, 0 }, { "ts", b.u64, 64 }, { "comm", b.text(16), 128 },
    { "at", point, 256 }, { "list", b.array(b.u16, 2), 320 }, { "ok", b.bool, 352 },
  })
  local set = decode.new(b.types)
  local memory = ffi.new "uint8_t[56]"
  set:write(t)(memory, values)
  return set:own(t)(memory)
end

local SAMPLE = { pid = 1, ts = "18446744073709551615", comm = "a\"b\27", at = { x = -1 },
  list = { 7, 65535 }, ok = true }

local function out(mode, is_tty)
  local to = emit.writer.memory(is_tty)
  return emit.new(to, { mode = mode }), to
end

describe("json", function()
  local encode = emit.json.encode

  it("shows integers of any size exactly", function()
    expect.equal(encode(2 ^ 53), "9007199254740992")
    expect.equal(encode(-2 ^ 53), "-9007199254740992")
    expect.equal(encode(9007199254740993ULL), "9007199254740993")
    expect.equal(encode(0xffffffffffffffffULL), "18446744073709551615")
    expect.equal(encode(-0x8000000000000000LL), "-9223372036854775808")
    expect.equal(encode(123456789012345), "123456789012345")
    expect.equal(encode { 0.1, 1 / 3, 1e300 }, "[0.1,0.3333333333333333,1e+300]")
    expect.equal(tonumber(encode(2 ^ 60 + 2 ^ 20)), 2 ^ 60 + 2 ^ 20)
    expect.equal(encode { 0 / 0, 1 / 0, -1 / 0 }, "[null,null,null]")
  end)

  it("writes valid UTF-8 whatever the bytes are", function()
    expect.equal(encode "plain", '"plain"')
    expect.equal(encode "\"\\\n\t\r\0\127", [["\"\\\n\t\r\u0000\u007f"]])
    expect.equal(encode "é€😀", '"é€😀"')
    expect.equal(encode "\255\192\128", [["\u00ff\u00c0\u0080"]])
    expect.equal(encode "\237\160\128", [["\u00ed\u00a0\u0080"]]) -- a surrogate
    expect.equal(encode "\226\130", [["\u00e2\u0082"]]) -- cut short
    expect.equal(encode "\244\144\128\128", [["\u00f4\u0090\u0080\u0080"]])
    expect.equal(encode "\194\155m", [["\u009bm"]])
  end)

  it("orders keys: C order for views, sorted for tables", function()
    expect.equal(encode(event(SAMPLE)), '{"pid":1,"ts":18446744073709551615,"comm":'
      .. [["a\"b\u001b","at":{"x":-1,"y":0},"list":[7,65535],"ok":true}]])
    expect.equal(encode { b = 1, a = { 1, 2 }, [3] = false, [5ULL] = "x" },
      '{"3":false,"5":"x","a":[1,2],"b":1}')
    expect.equal(encode {}, "{}")
    expect.equal(encode { 1, x = 2 }, '{"1":1,"x":2}')
  end)

  it("refuses cycles, functions and odd keys", function()
    local t = {}
    t.a = { t }
    expect.error("contains itself", encode, t)
    expect.error("a function cannot be JSON", encode, { print })
    expect.error("a table cannot be a key", encode, { [{}] = 1 })
    expect.error("cannot be JSON", encode, ffi.new "int[3]")
    expect.equal(encode { ok = 1 }, '{"ok":1}') -- nothing is left of the failed ones
    local shared = { 1 }
    expect.equal(encode { shared, shared }, "[[1],[1]]")
  end)
end)

describe("csv", function()
  it("quotes as in RFC 4180", function()
    expect.equal(emit.csv.line { "a", "b,c", 'd"e', "f\ng", " h", 1.5, 2 ^ 53, true },
      'a,"b,c","d""e","f\ng"," h",1.5,9007199254740992,true')
    expect.equal(emit.csv.line({ nil, 0xffffffffffffffffULL, 0 / 0 }, 3),
      ",18446744073709551615,")
    expect.equal(emit.csv.line { { 1, 2 } }, '"[1,2]"')
  end)
end)

describe("print", function()
  it("shows numbers and 64-bit cdata alike", function()
    local o, to = out "table"
    o:print(1, 2 ^ 53, 5ULL, -5LL, 0.5, nil, true)
    expect.equal(to:text(), "1\t9007199254740992\t5\t-5\t0.5\tnil\ttrue\n")
  end)

  it("shows views and tables readably, in one write", function()
    local o, to = out "table"
    o:print(event(SAMPLE), { 1, "x", k = { 2, deep = {} }, ["a b"] = 1 })
    expect.equal(#to.writes, 1)
    expect.equal(to:text(), [[{pid=1, ts=18446744073709551615, comm="a\"b\x1b", ]]
      .. "at={x=-1, y=0}, list={7, 65535}, ok=true}\t"
      .. '{1, "x", ["a b"]=1, k={2, deep={...}}}\n')
    expect.equal(tostring(event(SAMPLE).at), "{x=-1, y=0}")
    local cycle = {}
    cycle[1] = cycle
    o:print(cycle)
  end)

  it("escapes control characters on a terminal, not in a pipe", function()
    local o, to = out("table", true)
    o:print "a\27[2J\r\n\tb\194\155\255é"
    expect.equal(to:text(), "a\\x1b[2J\\r\n\tb\\xc2\\x9b\\xffé\n")
    o, to = out "table"
    o:print "a\27[2J"
    expect.equal(to:text(), "a\27[2J\n")
  end)

  it("honours json and csv", function()
    local o, to = out "json"
    o:print("x", 1)
    o:print { pid = 1 }
    o:print(event(SAMPLE).at)
    expect.equal(to.writes, {
      '{"data":"x\\t1","type":"print"}\n', '{"pid":1}\n', '{"x":-1,"y":0}\n',
    })
    o, to = out "csv"
    o:print("a,b", 5ULL, nil)
    expect.equal(to:text(), '"a,b",5,\n')
    expect.error("unknown output mode 'xml'", emit.new, to, { mode = "xml" })
  end)
end)

describe("table", function()
  local function fill(o)
    local t = o:table {
      { name = "pid", width = 6 }, { name = "comm", width = 8 },
      { name = "lat", unit = "us", key = "lat_us", format = "%.1f" },
      { name = "path" },
    }
    t:row { pid = 12, comm = "sh", lat_us = 1.5, path = "/a b\n" }
    t:row { 123456789, "a-long-name", 3, "x" }
    t:row { pid = 3, comm = "é", lat_us = 0xffffffffffffffffULL }
  end

  it("aligns columns under an upper-case header", function()
    local o, to = out "table"
    fill(o)
    expect.equal("\n" .. to:text(), [[

   PID COMM     LAT(us) PATH
    12 sh           1.5 /a b\n
123456789 a-long-name     3.0 x
     3 é        18446744073709551616.0 -
]])
    expect.equal(#to.writes, 4)
  end)

  it("counts the columns of wide characters and of marks", function()
    local o, to = out "table"
    local t = o:table { { name = "comm", width = 8 }, { name = "n", width = 3 } }
    for _, name in ipairs { "日本", "한글a", "ﬁ🙂", "éa", "äöü" } do t:row { name, 1 } end
    expect.equal("\n" .. to:text(), [[

COMM       N
日本       1
한글a      1
ﬁ🙂        1
éa         1
äöü        1
]])
  end)

  it("becomes JSON lines and CSV", function()
    local o, to = out "json"
    fill(o)
    expect.equal(to.writes[1], '{"pid":12,"comm":"sh","lat_us":1.5,"path":"/a b\\n"}\n')
    expect.equal(to.writes[3],
      '{"pid":3,"comm":"é","lat_us":18446744073709551615,"path":null}\n')
    o, to = out "csv"
    fill(o)
    expect.equal(to:text(), "pid,comm,lat_us,path\n"
      .. '12,sh,1.5,"/a b\n"\n123456789,a-long-name,3,x\n'
      .. "3,é,18446744073709551615,\n")
  end)

  it("shows columns in the text form only, or in the others only", function()
    local function shown(mode)
      local o, to = out(mode)
      local t = o:table {
        { name = "from", text_only = true }, { name = "host", hidden = true },
        { name = "port", hidden = true }, { name = "len", width = 3 },
      }
      t:row { from = "a:1", host = "a", port = 1, len = 9 }
      return to:text()
    end
    expect.equal(shown "table", "FROM    LEN\na:1       9\n")
    expect.equal(shown "json", '{"host":"a","port":1,"len":9}\n')
    expect.equal(shown "csv", "host,port,len\na,1,9\n")
  end)

  it("takes views as rows and writes the header once", function()
    local o, to = out "table"
    local t = o:table { { name = "PID", align = "right" }, { name = "COMM" } }
    t:header()
    t:header()
    t:row(event { pid = 5, comm = "sh" })
    expect.equal(to:text(), "    PID COMM\n      5 sh\n")
    expect.error("column 1 needs a name", function() o:table { { key = "x" } } end)
  end)
end)

describe("top", function()
  it("sorts by count and splits struct keys into columns", function()
    local o, to = out "table"
    o:top({ read = 5, write = 0xffffffffffffffffULL, open = 5, close = 1 }, 3)
    expect.equal(to:text(), [[
     COUNT KEY
18446744073709551615 write
         5 open
         5 read
]])
    local per_cpu = { 1, 2, sum = function(self) return self[1] + self[2] end }
    local map = { pairs = function() return pairs {
      [event { pid = 1, comm = "sh" }.at] = per_cpu,
    } end }
    o, to = out "json"
    o:top(map)
    expect.equal(to:text(), '{"count":3,"x":0,"y":0}\n')
  end)
end)
