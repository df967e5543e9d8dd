--- Histograms in BCC's layout, as CSV rows, and as JSON [{min, max, count}].

local buckets = require "bpf.emit.buckets"
local csv = require "bpf.emit.csv"
local scalar = require "bpf.emit.scalar"
local text = require "bpf.emit.text"

local M = {}

---@class bpf.HistogramOptions
---@field unit string? header of the value column, "value" if not given
---@field section string? what the sections are, for their titles: "comm"
---@field section_format? fun(section: any): string
---@field labels {[1]: string, [2]: any}[]? names and values that the histogram goes by,
--- in JSON and CSV; without sections
---@field continues boolean? rows of the CSV that an earlier call began: no header
---@field strip_leading_zero boolean? leave out empty rows at the start
---@field low number? linear only: value of slot 0
---@field step number? linear only: width of a slot

local STARS = 40

local function show(v)
  return type(v) == "number" and scalar.number(v) or scalar.integer(v)
end

local RANGE = {
  header = "     %-19s : count     distribution\n",
  row = "%10s -> %-10s : %-8s |%-40s|\n",
}
local WIDE = { -- values of more than ten digits
  header = "               %-29s : count     distribution\n",
  row = "%20s -> %-20s : %-8s |%-20s|\n", stars = STARS / 2,
}
local SINGLE = {
  header = "     %-13s : count     distribution\n",
  row = "        %-10s : %-8s |%-40s|\n",
}

local function picture(histogram, layout, options)
  local rows, most = histogram.buckets, 0
  for _, b in ipairs(rows) do
    most = math.max(most, tonumber(b.count))
  end
  if options.strip_leading_zero then
    rows = buckets.trimmed(rows)
  end
  local stars = layout.stars or STARS
  local out = { layout.header:format(options.unit or "value") }
  for _, b in ipairs(rows) do
    local bar = ("*"):rep(math.floor(stars * tonumber(b.count) / most))
    if layout == SINGLE then
      out[#out + 1] = layout.row:format(show(b.min), show(b.count), bar)
    else
      out[#out + 1] = layout.row:format(show(b.min), show(b.max), show(b.count), bar)
    end
  end
  return table.concat(out)
end

local function title(histogram, options)
  local section = histogram.section
  if options.section_format then
    section = options.section_format(section)
  end
  return ("\n%s = %s\n"):format(options.section or "section",
    text.format(section, { escape = true }))
end

local function as_text(histograms, layout_of, options)
  local out = {}
  for _, histogram in ipairs(histograms) do
    if histogram.section ~= nil then
      out[#out + 1] = title(histogram, options)
    end
    out[#out + 1] = picture(histogram, layout_of(histogram), options)
  end
  return table.concat(out)
end

--- The fields of a CSV line: those of labels or the section, then the others.
local function fields(before, ...)
  local all = { unpack(before) }
  for place = 1, select("#", ...) do all[#all + 1] = (select(place, ...)) end
  return csv.line(all, #all)
end

local function as_csv(histograms, options)
  local names, values = {}, {}
  for place, label in ipairs(options.labels or {}) do
    names[place], values[place] = label[1], text.format(label[2])
  end
  local sectioned = histograms[1] and histograms[1].section ~= nil
  if sectioned then names = { options.section or "section" } end
  local lines = {}
  if not options.continues then lines[1] = fields(names, "min", "max", "count") end
  for _, histogram in ipairs(histograms) do
    if sectioned then values = { histogram.section } end
    for _, b in ipairs(buckets.trimmed(histogram.buckets)) do
      lines[#lines + 1] = fields(values, b.min, b.max, b.count)
    end
  end
  return #lines > 0 and table.concat(lines, "\n") .. "\n" or ""
end

--- One record a section: {type="hist", unit=, SECTION=, data=[{min, max, count}]}.
local function as_records(histograms, options)
  local records = {}
  for i, histogram in ipairs(histograms) do
    local record = {
      type = "hist", unit = options.unit, data = buckets.trimmed(histogram.buckets),
    }
    for _, label in ipairs(options.labels or {}) do record[label[1]] = label[2] end
    if histogram.section ~= nil then
      record[options.section or "section"] = histogram.section
    end
    records[i] = record
  end
  return records
end

local function results(histograms, layout_of, options)
  return {
    text = function() return as_text(histograms, layout_of, options) end,
    csv = function() return as_csv(histograms, options) end,
    records = function() return as_records(histograms, options) end,
  }
end

---@param data table map or table of counts by slot
---@param options bpf.HistogramOptions?
---@return table forms text(), csv() and records(), each on demand
function M.log2(data, options)
  return results(buckets.log2(data), function(histogram)
    return histogram.highest > 32 and WIDE or RANGE
  end, options or {})
end

---@param data table map or table of counts by slot
---@param options bpf.HistogramOptions?
---@return table forms as of log2()
function M.linear(data, options)
  options = options or {}
  local layout = (options.step or 1) == 1 and SINGLE or RANGE
  return results(buckets.linear(data, options.low, options.step), function()
    return layout
  end, options)
end

return M
