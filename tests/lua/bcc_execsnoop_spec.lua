--- A BCC program of the usual sort, from its own file: every field of an exec's event.
local bpf = require "bpf"
local harness = require "harness"
local support = require "support"
local expect = harness.expect

harness.describe("a BCC program in a file", function()
  harness.it("tells who executed what, with which result", function()
    local obj = bpf.load { file = "bcc_execsnoop.c" }
    local found = {}
    obj.maps.events:each(function(e)
      local command = e.argv:match("^(/%l+/?%l*)ebl_argument")
      if command then found[command] = e:table() end
    end)
    obj:attach()
    local out = support.sh("echo $$; exec /bin/true ebl_argument two 3 four")
    support.sh("exec /nonexistent ebl_argument")
    bpf.poll(300)
    obj:close()
    local wanted = "/bin/trueebl_argumenttwo3four"
    expect.equal(found["/bin/true"], { pid = tonumber(out.out), comm = "bash", retval = 0,
                                       args_size = #wanted, argv = wanted })
    expect.equal(found["/nonexistent"] and found["/nonexistent"].retval, -2)
  end)
end)
