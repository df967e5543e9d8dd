-- Arguments and results of a program's functions, by name and type, from its debug
-- information.
local program = require "program"
local support = require "support"

local TYPED = support.program:match("^(.*)/") .. "/typed_functions"

--- What a quick probe prints over a run of the program, which calls each function twice.
local function run(call, path)
  local result = support.run(("--json -c '%s /none 2' -e %s")
    :format(path or TYPED, support.quote(call)))
  if result.code ~= 0 then error(result.err) end
  return result.out
end

local function expect_rows(call, row)
  expect.equal(run((call:gsub("TYPED", TYPED))), row .. "\n" .. row .. "\n")
end

describe("typed uprobe", function()
  it("has integers of their width and sign, in registers and on the stack", function()
    expect_rows('trace("uprobe:TYPED:integers", "args->tiny, args->port, args->number, '
      .. 'args->large, args->yes, args->byte, args->seventh, args->eighth")',
      '{"tiny":-3,"port":65000,"number":-70000,"large":-5000000000,"yes":true,"byte":250,'
      .. '"seventh":-123456789012,"eighth":4000000000}')
  end)

  it("has pointers to text, to numbers and to anything", function()
    expect_rows('trace("uprobe:TYPED:pointers", "str(args->text), join(args->words), '
      .. '*args->number as value, *args->by_reference as other, '
      .. '*(long *)args->big as first")',
      '{"text":"text","words":"one two","value":-77,"other":88,"first":5}')
  end)

  it("knows which registers numbers with a point and structs leave", function()
    expect_rows('trace("uprobe:TYPED:mixed", "args->first, args->color, args->level, '
      .. 'args->last")', '{"first":11,"color":200,"level":-1,"last":12}')
    expect_rows('trace("uprobe:TYPED:by_value", "args->before")', '{"before":21}')
    program.chunk_fails(('trace("uprobe:%s:by_value", "args->after")'):format(TYPED), 1,
                        "no member named 'after'")
    program.chunk_fails(('trace("uprobe:%s:mixed", "args->real")'):format(TYPED), 1,
                        "no member named 'real'")
  end)

  it("knows that a large result's place comes first", function()
    expect_rows('trace("uprobe:TYPED:big_result", "args->number")', '{"number":31}')
  end)

  it("knows functions of which a part lies elsewhere", function()
    expect_rows('trace("uprobe:TYPED:in_two_parts", "args->number")', '{"number":51}')
  end)

  it("takes methods, and names that are none in C", function()
    expect_rows('trace("uprobe:TYPED:_ZN7Counter3addEiii", "*(long *)args->this as base, '
      .. 'args->arg1, args->arg2, args->arg3")',
      '{"base":7,"arg1":41,"arg2":42,"arg3":43}')
  end)

  it("filters, counts and makes histograms by them", function()
    expect.equal(run(('count("uprobe:%s:mixed", "args->level", '
      .. '{filter = "args->level < 0 && args->color == 200"})'):format(TYPED)),
      '{"count":2,"level":-1}\n')
    expect.equal(run(('count("uprobe:%s:mixed", "args->level", '
      .. '{filter = "args->level > 0"})'):format(TYPED)), "")
    local out = run(('hist("uprobe:%s:integers", "args->port")'):format(TYPED))
    expect.truthy(out:find('{"count":2,"max":65535,"min":32768}', 1, true), out)
    out = run(('trace("uprobe:%s:pointers", "pid", '
      .. '{filter = [[str(args->text) == "text"]]})'):format(TYPED))
    expect.equal(select(2, out:gsub('"pid"', "")), 2)
  end)

  it("has results of their width and sign", function()
    expect_rows('trace("uretprobe:TYPED:minus_five", "retval")', '{"retval":-5}')
    expect_rows('trace("uretprobe:TYPED:text_result", "str(retval) as text")',
                '{"text":"good"}')
    expect_rows('trace("uretprobe:TYPED:is_even", "retval")', '{"retval":true}')
  end)

  it("takes pointers as numbers in histograms, without a word", function()
    local result = support.run(("--json -c '%s /none 2' -e 'hist(\"%s\", \"retval\")'")
      :format(TYPED, "uretprobe:" .. TYPED .. ":text_result"))
    expect.equal({ result.code, result.err }, { 0, "" })
    expect.truthy(result.out:find('"count":2,', 1, true), result.out)
  end)

  it("shows them in listings", function()
    local result = support.run(("-l -v 'uprobe:%s:mi*'"):format(TYPED))
    local out = result.out:gsub(TYPED:gsub("%p", "%%%0"), "P")
    expect.equal(out, table.concat({
      "uprobe:P:minus_five", "    int number", "    returns char", "uprobe:P:mixed",
      "    double real", "    int first", "    float other", "    unsigned char color",
      "    int level", "    struct big", "    int last", "    returns void", "",
    }, "\n"))
  end)

  it("shows no result that is in no register", function()
    expect.equal(support.run(("-l -v uprobe:%s:big_result"):format(TYPED)).out,
                 ("uprobe:%s:big_result\n    int number\n"):format(TYPED))
  end)

  it("says where there is no debug information", function()
    local path = TYPED:gsub("typed_functions$", "untyped_functions")
    program.chunk_fails(('trace("uprobe:%s:mixed", "args->level")'):format(path), 1,
      path .. " has no debug information", "the arguments are arg0, arg1")
    local out = run(('trace("uprobe:%s:mixed", "(int)arg2 as level")'):format(path), path)
    expect.equal(out, '{"level":-1}\n{"level":-1}\n')
    program.chunk_fails(('trace("uprobe:%s:mixed+4", "args->level")'):format(TYPED), 4,
      "arguments are known at the entry of a function")
    program.chunk_fails(('trace("uprobe:%s:mixd", "args->level")'):format(TYPED), 1,
      "has no function mixd", "did you mean 'mixed'")
  end)
end)
