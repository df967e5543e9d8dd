-- biolatency: every request to a disk that the spec makes of a file, by disk and by
-- flags, and at least those that it causes on a real one.
local support = require "support"
local tools = require "tool"

local BANNER = { banner = "Tracing block device I/O" }

--- Calls `fn(name)` with a disk that nobody else uses. Skips where there is none to make.
local function with_disk(fn)
  local file = support.sh("mktemp").out:match("%S+")
  local made = support.sh(("truncate -s 4M %s && losetup -f --show %s")
                          :format(file, file))
  local name = made.out:match("^/dev/(%S+)")
  if not name then
    os.remove(file)
    skip("losetup: " .. made.err)
  end
  local ok, err = pcall(fn, name)
  support.sh(("losetup -d /dev/%s; rm %s"):format(name, file))
  if not ok then error(err, 0) end
end

local WRITE = "dd if=/dev/zero of=%s bs=4k count=%d oflag=direct"
local READ = "dd of=/dev/null if=%s bs=4k count=%d iflag=direct"

local function transfer(path, writes, reads)
  local result = support.sh(WRITE:format(path, writes) .. " && "
                            .. READ:format(path, reads))
  if result.code ~= 0 then skip("direct I/O: " .. result.err) end
end

--- The sum of the counts of all sections whose title matches.
local function sum_of(text, title)
  local sum = 0
  for name in text:gmatch("\n(" .. title .. ")\n") do
    sum = sum + select(2, tools.histogram(text, name))
  end
  return sum
end

describe("biolatency", function()
  tools.common_tests("biolatency", {
    banner = BANNER.banner, duration = "--duration",
    all = { "-T", "-Q", "-m", "-D", "-F", "-d <DISK>", "-j", "[<interval>] [<count>]",
            "--duration <SECONDS>", "--json", "--csv" },
    mistakes = {
      ["-Z"] = "unknown option '-Z'", ["-d none"] = "there is no disk 'none'",
      ["-D -F"] = "--disks and --flags exclude each other",
      ["0"] = "'0' is not a positive number of seconds",
      ["1 2 3"] = "too many arguments",
    },
  })

  it("counts each request of a disk, by its flags", function()
    with_disk(function(disk)
      tools.with("biolatency", "-F -d " .. disk, BANNER, function(tool)
        local before = support.sh("date +%s%6N").out
        transfer("/dev/" .. disk, 50, 30)
        local most = support.sh("date +%s%6N").out - before
        expect.equal(tool:stop(), 0)
        local out = tool:out()
        expect.equal(sum_of(out, "flags = [%w-]*Sync%-Write"), 50)
        expect.equal(sum_of(out, "flags = [%w-]*Read"), 30)
        local least = 0 -- microseconds: dd has one request at a time
        for name in out:gmatch("\n(flags = [%w-]+)\n") do
          for _, row in ipairs((tools.histogram(out, name))) do
            least = least + row.min * row.count
          end
        end
        expect.truthy(least <= most, ("%d us in %d us"):format(least, most))
      end)
    end)
  end)

  it("tells disks apart", function()
    with_disk(function(first)
      with_disk(function(second)
        tools.with("biolatency", "-D", BANNER, function(tool)
          transfer("/dev/" .. first, 7, 5)
          transfer("/dev/" .. second, 40, 1)
          expect.equal(tool:stop(), 0)
          expect.equal(sum_of(tool:out(), "disk = " .. first), 12)
          expect.equal(sum_of(tool:out(), "disk = " .. second), 41)
          local header = "\n     usecs               : count     distribution\n"
          expect.truthy(tool:out():find(header, 1, true), "header")
        end)
      end)
    end)
  end)

  it("counts requests that wait in a queue, with -Q", function()
    with_disk(function(disk)
      local queue = ("/sys/block/%s/queue/scheduler"):format(disk)
      for _, scheduler in ipairs { "none", "mq-deadline" } do
        support.sh(("echo %s >%s"):format(scheduler, queue))
        tools.with("biolatency", "-Q --csv -d " .. disk, BANNER, function(tool)
          transfer("/dev/" .. disk, 20, 20)
          expect.equal(tool:stop(), 0)
          local sum = 0
          for count in tool:out():gmatch("\n%d+,%d+,(%d+)") do sum = sum + count end
          expect.equal(sum, 40)
          expect.equal(tool:lines()[1], "min,max,count")
        end)
      end
    end)
  end)

  tools.it_on_host("prints so often, with the time of day, in milliseconds", function()
    with_disk(function(disk)
      local arguments = "-mT -d " .. disk .. " 0.3"
      tools.with("biolatency", arguments, BANNER, function(tool)
        local before = os.time()
        transfer("/dev/" .. disk, 9, 4)
        local function counted()
          local sum = 0
          for count in tool:out():gmatch("%d+ %-> %d+ +: (%d+)") do
            sum = sum + count
          end
          return sum
        end
        tools.wait_for("13 requests", function() return counted() >= 13 end)
        expect.equal(tool:stop(), 0)
        expect.equal(counted(), 13)
        local header = "     msecs               : count"
        expect.truthy(tool:out():find(header, 1, true), "unit")
        expect.truthy(tools.clock_since(before - 2)[tool:lines()[1]], tool:lines()[1])
      end)
    end)
  end)

  it("sees the requests of a file on a real disk", function()
    local path = "/var/tmp/ebpf_lua_biolatency." .. support.pid
    local source = support.sh(("touch %s; df --output=source %s"):format(path, path)).out
    local disk = source:match("/dev/(%S+)")
    if not disk then
      os.remove(path)
      skip("there is no block device below /var/tmp: " .. source)
    end
    local ok, err = pcall(tools.with, "biolatency", "-j -D", BANNER, function(tool)
      transfer(path, 25, 25)
      expect.equal(tool:stop(), 0)
      local most = 0
      for line in tool:out():gmatch("[^\n]+") do
        local data, name = line:match('^{"data":%[(.*)%],"disk":"(%S-)",'
                                      .. '"type":"hist","unit":"usecs"}$')
        expect.truthy(data, line)
        local sum = 0
        for count in data:gmatch('"count":(%d+)') do sum = sum + count end
        if name == disk:sub(1, #name) then most = math.max(most, sum) end
      end
      expect.truthy(most >= 50, most .. " requests in " .. tool:out())
    end)
    os.remove(path)
    if not ok then error(err, 0) end
  end)
end)
