-- print_log2_hist and its like, with Python's parameters, over lua/bpf's output.
local decode = require "bpf.decode"
local loop = require "bpf.loop"
local output = require "bpf.output"

local M = {}

--- Counts under other keys: what stands for pairs of a map in lua/bpf/emit.
local function regrouped(native, bucket_fn)
  local list = {}
  for key, count in native:pairs() do
    list[#list + 1] = { { bucket = bucket_fn(key), slot = tonumber(key.slot) }, count }
  end
  return list
end

local function as_data(list)
  return { pairs = function()
    local place = 0
    return function()
      place = place + 1
      if list[place] then return list[place][1], list[place][2] end
    end
  end }
end

--- Prints section after section in the order that the script wants.
local function print_sorted(print_one, list, sort_fn, options)
  local by_bucket, names = {}, {}
  for _, pair in ipairs(list) do
    local bucket = pair[1].bucket
    if not by_bucket[bucket] then
      by_bucket[bucket], names[#names + 1] = {}, bucket
    end
    table.insert(by_bucket[bucket], pair)
  end
  for _, bucket in ipairs(sort_fn(names) or names) do
    print_one(as_data(by_bucket[bucket] or {}), options)
  end
end

local function last_field(key)
  local name
  for field in decode.fields(key) do
    if field ~= "slot" and not name then name = field end
  end
  return name
end

local function printer(print_one)
  return function(native, val_type, section_header, section_print_fn, bucket_fn,
                  strip_leading_zero, bucket_sort_fn)
    local options = { unit = val_type, section = section_header or "Bucket ptr",
                      section_format = section_print_fn,
                      strip_leading_zero = strip_leading_zero }
    if bucket_sort_fn then
      bucket_fn = bucket_fn or function(key) return key[last_field(key)] end
      print_sorted(print_one, regrouped(native, bucket_fn), bucket_sort_fn, options)
    elseif bucket_fn then
      print_one(as_data(regrouped(native, bucket_fn)), options)
    else
      print_one(native, options)
    end
  end
end

M.print_log2_hist = printer(output.api.print_log2_hist)

M.print_linear_hist = printer(output.api.print_linear_hist)

--- The log2 histogram as one JSON object a section.
function M.print_json_hist(native, val_type, section_header, section_print_fn, bucket_fn)
  local settings = loop.settings
  local before = settings.json
  settings.json = true
  local ok, err = pcall(M.print_log2_hist, native, val_type, section_header,
                        section_print_fn, bucket_fn)
  settings.json = before
  if not ok then error(err, 0) end
end

return M
