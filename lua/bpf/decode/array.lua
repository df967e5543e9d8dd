--- Arrays other than strings: 1-based views with bounds checks and `#`.

local ffi = require "ffi"
local misuse = require "bpf.decode.misuse"
local view = require "bpf.decode.view"

local cast, copy, fill, new = ffi.cast, ffi.copy, ffi.fill, ffi.new
local bytes = ffi.typeof "uint8_t *"

local function bad_index(type_, key)
  if type(key) == "string" then
    misuse(("no member '%s' in an array (%s)"):format(key, type_.label))
  end
  misuse(("index %s is outside 1 to %d of %s"):format(
    tostring(key), type_.count, type_.label))
end

local function indexer(type_, load, stride)
  local count, methods = type_.count, view.methods
  return function(self, key, ...)
    if type(key) == "number" then
      if key >= 1 and key <= count and key % 1 == 0 then
        return (load(cast(bytes, self) + (key - 1) * stride))
      end
    elseif type(key) == "cdata" then
      return self[tonumber(key) or bad_index(type_, key)]
    end
    return methods[key] or bad_index(type_, key)
  end
end

local function writer(type_, store, stride)
  local size, count, label = type_.size, type_.count, type_.label
  local byte_sized = type_.element.kind == "int" and type_.element.size == 1
  return function(p, value, where, ...)
    local prefix = where and where .. ": " or ""
    if type(value) == "table" then
      for key in pairs(value) do
        if type(key) ~= "number" or key < 1 or key > count or key % 1 ~= 0 then
          misuse(("%s[%s] is outside 1 to %d of %s"):format(
            prefix, tostring(key), count, label))
        end
      end
      p = cast(bytes, p)
      fill(p, size)
      for i = 1, count do
        if value[i] ~= nil then
          store(p + (i - 1) * stride, value[i], where)
        end
      end
    elseif view.type_of(value) == type_ then
      copy(p, cast(bytes, value), size)
    elseif byte_sized and type(value) == "string" and #value == size then
      copy(p, value, size)
    else
      misuse(("%sexpected a list%s or a view of %s, got a %s"):format(prefix,
        byte_sized and ", a string of " .. size .. " bytes" or "", label, type(value)))
    end
  end
end

--- Codec of an array type.
---@param type_ bpf.Type
---@param codec_of fun(type: bpf.Type): table
return function(type_, codec_of)
  local element, size, count = codec_of(type_.element), type_.size, type_.count
  local stride = type_.element.size
  local store, ref, keep = element.store, element.ref, view.keep

  local function length(...)
    return count
  end

  local function declare(declaration, index, newindex)
    local text = ("struct { %s }"):format(declaration:format(size))
    return view.declare(type_, text, { "\1" }, {
      __index = index, __newindex = newindex, __len = length, __tostring = view.tostring,
    })
  end

  local borrow_pointer = declare("const uint8_t $[%d];",
    indexer(type_, element.load, stride),
    function()
      misuse(("%s is read-only here; copy() gives one that can be changed"):format(
        type_.label))
    end)

  local function load_writable(self, key, ...)
    if ref and type(key) == "number" and key >= 1 and key <= count and key % 1 == 0 then
      return keep(ref(cast(bytes, self) + (key - 1) * stride), self)
    end
  end

  local own_pointer, own_value
  local function writable()
    local index = indexer(type_, element.load, stride)
    own_pointer, own_value = declare("uint8_t $[%d];",
      ref and function(self, key, ...)
        return load_writable(self, key) or index(self, key)
      end or index,
      function(self, key, v, ...)
        key = tonumber(key)
        if not (key and key >= 1 and key <= count and key % 1 == 0) then
          bad_index(type_, key)
        end
        store(cast(bytes, self) + (key - 1) * stride, v, ("[%d]"):format(key))
      end)
  end

  return {
    load = function(p, ...)
      return cast(borrow_pointer, p)[0]
    end,
    ref = function(p, ...)
      if not own_pointer then
        writable()
      end
      return cast(own_pointer, p)[0]
    end,
    own = function(p, ...)
      if not own_value then
        writable()
      end
      local value = new(own_value)
      copy(value, p, size)
      return value
    end,
    store = writer(type_, store, stride),
    slot = function(key)
      local i = type(key) == "string" and key or tonumber(key)
      if type(i) ~= "number" or i < 1 or i > count or i % 1 ~= 0 then
        bad_index(type_, key)
      end
      return { codec = element, type = type_.element, offset = (i - 1) * stride }
    end,
  }
end
