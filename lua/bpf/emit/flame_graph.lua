--- Flame graphs: folded stacks in, one self-contained SVG or HTML text out.
--
-- A frame is a rectangle as wide as its share of the samples, standing on its caller. The
-- text needs no network and no program to make it; its script (flame_graph_script.lua)
-- zooms and searches. The same stacks give the same text.

local escape = require "bpf.emit.escape"
local misuse = require "bpf.decode.misuse"
local script = require "bpf.emit.flame_graph_script"

local M = {}

---@class bpf.FlameGraphOptions
---@field format "svg"|"html"|nil default svg
---@field title string? default "Flame graph"
---@field unit string? what the counts are; default "samples"
---@field width integer? in pixels; default 1200

local ROW, MARGIN, HEAD, FOOT = 17, 10, 44, 24
local LETTER = 7.2  -- pixels of a letter
local LEAST = 0.1   -- pixels: what is narrower is left out

--- Any bytes as text of XML: what XML cannot hold is shown as \xNN.
local function safe(text)
  text = escape.terminal(text):gsub("\239\191[\190\191]", function(bytes)
    return (bytes:gsub(".", function(byte) return ("\\x%02x"):format(byte:byte()) end))
  end)
  return (text:gsub('[&<>"\']', { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;",
                                  ['"'] = "&quot;", ["'"] = "&#39;" }))
end

--- A number with at most two decimals.
local function number(value)
  return (("%.2f"):format(value):gsub("%.?0+$", ""))
end

local function node(name) return { name = name, count = 0, children = {}, list = {} } end

local function add(root, names, count)
  local at = root
  at.count = at.count + count
  for _, name in ipairs(names) do
    local child = at.children[name]
    if not child then
      child = node(name)
      at.children[name] = child
      at.list[#at.list + 1] = child
    end
    child.count = child.count + count
    at = child
  end
end

local function split(stack)
  local names = {}
  for name in (stack .. ";"):gmatch("([^;]*);") do names[#names + 1] = name end
  return names
end

--- The tree of all stacks.
local function tree_of(folded)
  local root = node "all"
  if type(folded) == "table" then
    for stack, count in pairs(folded) do
      if type(stack) ~= "string" or not tonumber(count) then
        misuse("bpf.flame_graph takes lines of 'a;b;c COUNT' or {[stack] = count}")
      end
      add(root, split(stack), tonumber(count))
    end
  elseif type(folded) == "string" then
    local line_number = 0
    for line in folded:gmatch("[^\n]+") do
      line_number = line_number + 1
      local stack, count = line:match("^(.*%S)%s+(%d+%.?%d*)%s*$")
      if not stack then
        misuse(("line %d is no folded stack ('a;b;c COUNT'): %s")
               :format(line_number, escape.terminal(line:sub(1, 60))))
      end
      add(root, split(stack), tonumber(count))
    end
  else
    misuse(("bpf.flame_graph takes folded stacks, got a %s"):format(type(folded)))
  end
  return root
end

--- The colour of a name: kernel functions are orange, code compiled at run time green,
--- others red to yellow, spread by the name.
local function colour(name)
  local hash = 0
  for i = 1, #name do hash = (hash * 31 + name:byte(i)) % 4096 end
  local spread = hash / 4096
  if name:find("_[k]", -4, true) then
    return ("hsl(%d,75%%,%d%%)"):format(24 + spread * 10, 58 + spread * 8)
  elseif name:find("_[j]", -4, true) then
    return ("hsl(%d,50%%,%d%%)"):format(95 + spread * 30, 55 + spread * 10)
  end
  return ("hsl(%d,80%%,%d%%)"):format(spread * 50, 62 + hash % 16 / 2)
end

--- `name` cut to what fits into `width` pixels.
local function label(name, width)
  local letters = math.floor((width - 6) / LETTER)
  if letters < 3 then return "" end
  local shown = escape.terminal(name)
  if escape.width(shown) <= letters then return safe(shown) end
  local out, at = {}, 1
  for _ = 1, letters - 2 do
    local size = escape.utf8_length(shown, at) or 1
    out[#out + 1] = shown:sub(at, at + size - 1)
    at = at + size
  end
  return safe(table.concat(out)) .. ".."
end

--- Collects the rectangles of a tree: {node, start, depth}, callers first.
local function place(root, least)
  local placed, deepest = {}, 0
  local function visit(at, start, depth)
    placed[#placed + 1] = { node = at, start = start, depth = depth }
    deepest = math.max(deepest, depth)
    table.sort(at.list, function(a, b) return a.name < b.name end)
    for _, child in ipairs(at.list) do
      if child.count >= least then visit(child, start, depth + 1) end
      start = start + child.count
    end
  end
  visit(root, 0, 0)
  return placed, deepest
end

local FRAME = '<g class="f" data-s="%s" data-c="%s" data-d="%d"><title>%s</title>'
  .. '<rect x="%s" y="%d" width="%s" height="%d" fill="%s"/>'
  .. '<text x="%s" y="%d">%s</text></g>\n'

local function frame(entry, root, geometry, unit)
  local at, scale = entry.node, geometry.inner / math.max(root.count, 1)
  local x, width = MARGIN + entry.start * scale, at.count * scale
  local y = geometry.height - FOOT - (entry.depth + 1) * ROW
  local title = ("%s (%s %s, %s%%)"):format(safe(at.name), number(at.count), safe(unit),
    number(100 * at.count / math.max(root.count, 1)))
  return FRAME:format(number(entry.start), number(at.count), entry.depth, title,
                      number(x), y, number(width), ROW - 1, colour(at.name),
                      number(x + 3), y + 12, label(at.name, width))
end

local SVG = '<svg xmlns="http://www.w3.org/2000/svg" class="flame" width="%d" '
  .. 'height="%d" viewBox="0 0 %d %d" data-total="%s" data-margin="%d" '
  .. 'data-letter="%s">\n'
  .. "<style>%s</style>\n"
  .. '<rect class="back" x="0" y="0" width="%d" height="%d"/>\n'
  .. '<text class="title" x="%s" y="22">%s</text>\n'
  .. '<text class="button reset" x="%d" y="22">Reset zoom</text>\n'
  .. '<text class="button search" x="%d" y="22">Search</text>\n'
  .. '<text class="info" x="%d" y="%d"> </text>\n'
  .. '<text class="found" x="%d" y="%d"> </text>\n'

local function svg(root, options)
  local width = options.width or 1200
  local inner = width - 2 * MARGIN
  local placed, deepest = place(root, LEAST * root.count / inner)
  local height = HEAD + (deepest + 1) * ROW + FOOT
  local geometry = { inner = inner, height = height }
  local title = safe(options.title or "Flame graph")
  local out = { SVG:format(width, height, width, height, number(root.count), MARGIN,
    LETTER, script.STYLE, width, height, number(width / 2), title, MARGIN,
    width - MARGIN, MARGIN, height - 8, width - MARGIN, height - 8) }
  for _, entry in ipairs(placed) do
    out[#out + 1] = frame(entry, root, geometry, options.unit or "samples")
  end
  out[#out + 1] = ("<script><![CDATA[%s]]></script>\n</svg>\n"):format(script.SCRIPT)
  return table.concat(out)
end

local HTML = '<!DOCTYPE html>\n<html xmlns="http://www.w3.org/1999/xhtml">\n<head>\n'
  .. '<meta charset="utf-8"/>\n<title>%s</title>\n</head>\n<body>\n%s</body>\n</html>\n'
local XML = '<?xml version="1.0" encoding="UTF-8"?>\n'

local OPTIONS = { format = "string", title = "string", unit = "string",
                  width = "number" }

--- A flame graph of folded stacks.
---@param folded string|table<string, number> lines of "outer;inner COUNT", or counts by
--- stack
---@param options bpf.FlameGraphOptions?
---@return string text of an SVG or HTML file
function M.render(folded, options)
  options = options or {}
  for key, value in pairs(options) do
    if type(value) ~= OPTIONS[key] then
      misuse(("bpf.flame_graph has no option '%s' of a %s; it has format, title, unit "
        .. "and width"):format(tostring(key), type(value)))
    end
  end
  local format = options.format or "svg"
  if format ~= "svg" and format ~= "html" then
    misuse(("a flame graph is svg or html, not '%s'"):format(format))
  end
  if options.width and (options.width < 200 or options.width % 1 ~= 0) then
    misuse("a flame graph is at least 200 pixels wide")
  end
  local text = svg(tree_of(folded), options)
  if format == "svg" then return XML .. text end
  return HTML:format(safe(options.title or "Flame graph"), text)
end

--- A line of folded stacks: names with ';' and line ends in them are kept apart.
---@param names string[] outermost first
---@return string stack without the count
function M.fold(names)
  local parts = {}
  for i, name in ipairs(names) do
    parts[i] = escape.terminal(name):gsub(";", ":")
  end
  return table.concat(parts, ";")
end

return M
