--- Standard input, line by line beside the events: bpf.each_line.
local program = require "program"
local support = require "support"

local quote = support.quote

--- Runs a chunk with this shell text in front of it (a redirection or a pipe's writer).
local function fed(before, after)
  local chunk = "bpf.each_line(print) print(bpf.run(0.5))"
  return support.sh(("%s %s -e %s %s"):format(before, quote(support.program),
                                              quote(chunk), after or ""))
end

describe("bpf.each_line", function()
  it("gets lines as they come, and a last one without its end", function()
    local result = fed("(echo one; sleep 0.1; printf 'two\\nthree') |")
    expect.equal(result.err, "")
    expect.equal(result.out, "one\ntwo\nthree\ntimeout\n")
  end)

  it("reads files, which epoll does not take, and /dev/null", function()
    program.with_files({ ["input"] = ("line\n"):rep(500000) }, function(folder)
      local result = fed("", ("<%s/input | uniq -c"):format(folder))
      expect.equal(result.err, "")
      expect.truthy(result.out:match("^ *500000 line\n *1 timeout\n$"), result.out)
    end)
    expect.equal(fed("", "</dev/null").out, "timeout\n")
    expect.equal(fed("", "</tmp").out, "timeout\n")
  end)

  it("leaves the terminal blocking for those who read it next", function()
    if support.sh("script -qec true /dev/null").code ~= 0 then
      skip "no script(1) that runs a command"
    end
    local inside = ("%s -e %s; grep flags /proc/self/fdinfo/0"):format(
      quote(support.program), quote "bpf.each_line(print) bpf.run(0.1)")
    local result = support.sh(("script -qec %s /dev/null"):format(quote(inside)))
    local flags = tonumber(result.out:match("flags:%s*(%d+)"), 8)
    expect.equal(bit.band(flags, 0x800), 0) -- O_NONBLOCK
  end)
end)
