-- What Tab completes at the prompt.
local prompt = require "prompt"
local support = require "support"

local session, leave = prompt.session, prompt.leave

describe("Tab", function()
  it("completes Lua names, probes and columns", function()
    session(function(t)
      t:send("bpf.print_log2_h\t == bpf.print_log2_hist\r")
      t:expect("\ntrue\r\n")
      t:expect("> $")
      t:send('string.upper("tracepoint:syscalls:sys_enter_getpp\t")\r')
      t:expect("TRACEPOINT:SYSCALLS:SYS_ENTER_GETPPID")
      t:expect("> $")
      t:send('select(2, "tp_btf:sched_switch", "args->pree\t")\r')
      t:expect('\n"args%->preempt"\r\n')
      t:expect("> $")
      leave(t)
    end)
  end)

  it("completes symbols, static probes and files", function()
    session(function(t)
      local folder = support.program:match("^(.*/)")
      local function completes(typed, wanted)
        t:send(('"" .. string.lower("%s\t")\r'):format(typed))
        t:expect("\n" .. ('"%s"'):format(wanted:lower()):gsub("%p", "%%%0") .. "\r\n")
        t:expect("> $")
      end
      completes("uprobe:" .. folder .. "spinner:calle", "uprobe:" .. folder
                .. "spinner:called")
      completes("usdt:" .. folder .. "static_probes:ebl_test:shap", "usdt:" .. folder
                .. "static_probes:ebl_test:shapes")
      completes("uretprobe:" .. folder .. "spinn", "uretprobe:" .. folder .. "spinner:")
      completes("uprobe:libluajit-5.", "uprobe:libluajit-5.1:")
      completes("raw_trac", "raw_tracepoint:")
      completes("kprobe:vfs_fsyn", "kprobe:vfs_fsync")
      completes("fentry:vfs_fsyn", "fentry:vfs_fsync")
    end)
  end)

  it("completes fields behind C paths", function()
    session(function(t)
      local function completes(first, typed, wanted)
        t:send(('select(2, "%s", "%s\t")\r'):format(first, typed))
        t:expect("\n" .. ('"%s"'):format(wanted):gsub("%p", "%%%0") .. "\r\n")
        t:expect("> $")
      end
      completes("x", "((struct sock *)arg0)->__sk_common.skc_dpo",
                "((struct sock *)arg0)->__sk_common.skc_dport")
      completes("x", "curtask->real_parent->tgi", "curtask->real_parent->tgid")
      completes("tp_btf:sched_switch", "args->next->real_par", "args->next->real_parent")
      completes("tracepoint:sched:sched_switch", "pid, args->next_p",
                "pid, args->next_p") -- next_pid and next_prio
      completes("x", "((struct sk_buff *)arg1)->data_l",
                "((struct sk_buff *)arg1)->data_len") -- in an anonymous struct
      leave(t)
    end)
  end)

  it("completes the maps, programs and variables of an object, and their methods",
    function()
      session(function(t)
        t:send([[o = bpf.load{source = 'HASH(by_pid, u32, u64, 9); u64 totals; ]]
               .. [[SEC("syscall") int walker(void *c) { totals++; return 0; }'}]]
               .. "\r")
        t:expect("> $")
        t:send("o.maps.by\t.name\r")
        t:expect('\n"by_pid"\r\n')
        t:expect("> $")
        t:send("o.maps.by_pid:coun\t()\r")
        t:expect("\n0\r\n")
        t:expect("> $")
        t:send("type(o.programs.wa\t)\r")
        t:expect('\n"table"\r\n')
        t:expect("> $")
        t:send("o.variables.to\t\r")
        t:expect("\n0\r\n")
        t:expect("> $")
        leave(t)
      end)
    end)
end)
