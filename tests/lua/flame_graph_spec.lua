-- luacheck: no max line length
-- Flame graphs: the whole text of a small one, names of every kind, well-formed XML, and
-- the script's zoom and search where a JavaScript interpreter is at hand.
local flame_graph = require "bpf.emit.flame_graph"
local script = require "bpf.emit.flame_graph_script"
local support = require "support"

local render = flame_graph.render

--- Checks what XML demands of these texts: one root, tags that close, attributes in
--- quotes, entities that exist, no control characters. Returns the elements with their
--- attributes and text.
local function parse(text)
  local elements, open, at = {}, {}, 1
  text = text:gsub("^<%?xml [^?]*%?>\n", ""):gsub("^<!DOCTYPE html>\n", "")
  assert(not text:find("[%z\1-\8\11\12\14-\31]"), "control characters")
  while at <= #text do
    local data_end = text:find("<", at, true) or #text + 1
    local data = text:sub(at, data_end - 1)
    local rest = data:gsub("&%a+;", { ["&amp;"] = "", ["&lt;"] = "", ["&gt;"] = "",
                                      ["&quot;"] = "" }):gsub("&#39;", "")
    assert(not rest:find("[&]"), "a bare & in " .. data)
    if #open > 0 then open[#open].text = open[#open].text .. data
    else assert(not data:find("%S"), "text outside: " .. data) end
    if data_end > #text then break end
    at = data_end
    if text:sub(at, at + 8) == "<![CDATA[" then
      local _, last = text:find("]]>", at, true)
      at = assert(last, "CDATA without an end") + 1
    elseif text:sub(at, at + 1) == "</" then
      local name, last = text:match("^</([%w]+)>()", at)
      assert(name and name == open[#open].name, "closes: " .. text:sub(at, at + 30))
      open[#open], at = nil, last
    else
      local name, attributes, slash, last = text:match("^<([%w]+)([^<>]-)(/?)>()", at)
      assert(name, "a tag: " .. text:sub(at, at + 60))
      assert(#open > 0 or #elements == 0, "a second root")
      local element = { name = name, text = "" }
      local left = attributes:gsub('%s+([%w:-]+)="([^"]*)"', function(key, value)
        assert(element[key] == nil, "twice: " .. key)
        element[key] = value
        return ""
      end)
      assert(left == "", "attributes: " .. attributes)
      elements[#elements + 1] = element
      if slash == "" then open[#open + 1] = element end
      at = last
    end
  end
  assert(#open == 0, "not closed: " .. (open[1] and open[1].name or ""))
  return elements
end

local function titles(text)
  local found = {}
  for _, element in ipairs(parse(text)) do
    if element.name == "title" then found[#found + 1] = element.text end
  end
  return found
end

local SMALL = "main;read 3\nmain;write;flush_[k] 1\nidle 4\nmain;read 0.5\n"

describe("a flame graph", function()
  it("is this text", function()
    local text = render(SMALL, { width = 220 })
    expect.equal(text, ([==[
<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" class="flame" width="220" height="136" viewBox="0 0 220 136" data-total="8.5" data-margin="10" data-letter="7.2">
<style>%s</style>
<rect class="back" x="0" y="0" width="220" height="136"/>
<text class="title" x="110" y="22">Flame graph</text>
<text class="button reset" x="10" y="22">Reset zoom</text>
<text class="button search" x="210" y="22">Search</text>
<text class="info" x="10" y="128"> </text>
<text class="found" x="210" y="128"> </text>
<g class="f" data-s="0" data-c="8.5" data-d="0"><title>all (8.5 samples, 100%%)</title><rect x="10" y="95" width="200" height="16" fill="hsl(30,80%%,62%%)"/><text x="13" y="107">all</text></g>
<g class="f" data-s="0" data-c="4" data-d="1"><title>idle (4 samples, 47.06%%)</title><rect x="10" y="78" width="94.12" height="16" fill="hsl(49,80%%,64%%)"/><text x="13" y="90">idle</text></g>
<g class="f" data-s="4" data-c="4.5" data-d="1"><title>main (4.5 samples, 52.94%%)</title><rect x="104.12" y="78" width="105.88" height="16" fill="hsl(17,80%%,66%%)"/><text x="107.12" y="90">main</text></g>
<g class="f" data-s="4" data-c="3.5" data-d="2"><title>read (3.5 samples, 41.18%%)</title><rect x="104.12" y="61" width="82.35" height="16" fill="hsl(29,80%%,65%%)"/><text x="107.12" y="73">read</text></g>
<g class="f" data-s="7.5" data-c="1" data-d="2"><title>write (1 samples, 11.76%%)</title><rect x="186.47" y="61" width="23.53" height="16" fill="hsl(24,80%%,69%%)"/><text x="189.47" y="73"></text></g>
<g class="f" data-s="7.5" data-c="1" data-d="3"><title>flush_[k] (1 samples, 11.76%%)</title><rect x="186.47" y="44" width="23.53" height="16" fill="hsl(30,75%%,63%%)"/><text x="189.47" y="56"></text></g>
<script><![CDATA[%s]]></script>
</svg>
]==]):format(script.STYLE, script.SCRIPT)) -- luacheck: ignore 631
  end)

  it("is the same whatever the order of the stacks", function()
    local counts = { ["main;read"] = 3.5, ["main;write;flush_[k]"] = 1ULL, idle = 4 }
    expect.equal(render(counts, {}), render(SMALL))
    expect.equal(render("idle 4\nmain;write;flush_[k] 1\nmain;read 3.5"), render(SMALL))
  end)

  it("is well-formed, with names of every kind", function()
    local names = { "a<b> & \"c\" 'd'", "]]>", "</svg><script>alert(1)</script>",
                    "\27[2J\n", "\255\254", "\239\191\191", "h\195\164user 7", "",
                    ("x"):rep(5000), "operator<<(std::ostream&, int)" }
    for _, format in ipairs { "svg", "html" } do
      local text = render({ [flame_graph.fold(names)] = 2, ["a;b"] = 1 },
                          { format = format, title = "<&>", unit = "ns" })
      local found = table.concat(titles(text), "\n")
      for _, part in ipairs { "a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39; (2 ns, 66.67%)",
                              "]]&gt; (2", "\\x1b[2J\\n (2", "\\xff\\xfe (2",
                              "\\xef\\xbf\\xbf (2", "h\195\164user 7 (2",
                              "operator&lt;&lt;(std::ostream&amp;, int) (2" } do
        expect.truthy(found:find(part, 1, true), part)
      end
      local _, scripts = text:gsub("<script", "")
      expect.equal(scripts, 1)
      if support.sh("type xmllint").code == 0 then
        local path = os.tmpname()
        local file = io.open(path, "w")
        file:write(text)
        file:close()
        local result = support.sh("xmllint --noout " .. path)
        expect.equal({ result.code, result.err }, { 0, "" })
        os.remove(path)
      end
    end
  end)

  it("needs nothing from the network", function()
    local text = render(SMALL, { format = "html" })
    for address in text:gmatch("%a+://[%w./]+") do
      expect.truthy(address == "http://www.w3.org/2000/svg"
                    or address == "http://www.w3.org/1999/xhtml", address) -- namespaces
    end
    expect.truthy(not text:find("src=", 1, true) and not text:find("@import", 1, true))
  end)

  it("leaves out what cannot be seen, but not its share", function()
    local text = render("main;a 1000000\nmain;b 1\n")
    expect.equal(titles(text), { "all (1000001 samples, 100%)",
                                 "main (1000001 samples, 100%)",
                                 "a (1000000 samples, 100%)" })
    expect.equal(titles(render "")[1], "all (0 samples, 0%)")
  end)

  it("refuses what is no folded stack", function()
    expect.error("line 2 is no folded stack ('a;b;c COUNT'): b", render, "a 1\nb\n")
    expect.error("got a number", render, 7)
    expect.error("has no option 'color'", render, "a 1", { color = "x" })
    expect.error("svg or html, not 'png'", render, "a 1", { format = "png" })
  end)

  it("zooms and searches", function()
    if support.sh("type node").code ~= 0 then skip("there is no node") end
    local page = os.tmpname()
    local file = io.open(page, "w")
    file:write(render(SMALL, { width = 220 }))
    file:close()
    local here = debug.getinfo(1, "S").source:match "^@(.*/)" or "./"
    local result = support.sh(("node %sflame_graph_dom.js %s"):format(here, page))
    os.remove(page)
    expect.equal({ result.code, result.err }, { 0, "" })
    expect.equal(result.out, [[
start: all 10 200, idle 10 94.12, main 104.12 105.88, read 104.12 82.35, write 186.47 23.53, flush_[k] 186.47 23.53
zoom on write: all 10 200 up, main 10 200 up, write 10 200, flush_[k] 10 200 | write flush_[k]
search r.*: read write | matched: 52.94%
search in the zoom: main | matched: 100.00%
no expression: no regular expression: (
reset: all 10 200, idle 10 94.12, main 104.12 105.88, read 104.12 82.35, write 186.47 23.53, flush_[k] 186.47 23.53
]]) -- luacheck: ignore 631
  end)
end)
