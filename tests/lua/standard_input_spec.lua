--- Standard input, line by line beside the events: bpf.each_line.
local program = require "program"
local support = require "support"

local quote = support.quote

--- Prints each line, with this shell text around it (a pipe's writer, a redirection),
--- until `last` has come or `seconds` have passed.
local function fed(before, after, last, seconds)
  local chunk = ([[
    bpf.each_line(function(line)
      print(line)
      if line == %q then bpf.stop() end
    end)
    print(bpf.run(%d))]]):format(last or "end", seconds or 50)
  return support.sh(("%s %s -e %s %s"):format(before, quote(support.program),
                                              quote(chunk), after or ""))
end

describe("bpf.each_line", function()
  it("gets lines as they come, and a last one without its end", function()
    local result = fed("(echo one; sleep 0.1; printf 'two\\nthree') |", "", "three")
    expect.equal(result.err, "")
    expect.equal(result.out, "one\ntwo\nthree\nstop\n")
  end)

  it("reads files, which epoll does not take, and /dev/null", function()
    program.with_files({ ["input"] = ("line\n"):rep(500000) .. "end" }, function(folder)
      local result = fed("", ("<%s/input | uniq -c"):format(folder), "end")
      expect.equal(result.err, "")
      expect.truthy(result.out:match("^ *500000 line\n *1 end\n *1 stop\n$"), result.out)
    end)
    expect.equal(fed("", "</dev/null", nil, 1).out, "timeout\n")
    expect.equal(fed("", "</tmp", nil, 1).out, "timeout\n")
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
