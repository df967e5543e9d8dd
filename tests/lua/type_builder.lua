-- Describes types for decode.new() without counting indices:
--   local b = builder()
--   local event = b.struct("event", 24, { { "pid", b.u32, 0 }, { "x", b.u32, 32, 3 } })
--   local set = decode.new(b.types)
-- Field offsets are in bits, as in BTF; the fourth item is a bit-field's width.

return function()
  local b = { types = {} }

  local function add(t)
    b.types[#b.types + 1] = t
    return #b.types
  end

  for _, bytes in ipairs { 1, 2, 4, 8, 16 } do
    b["u" .. bytes * 8] = add { kind = "int", size = bytes, signed = false }
    b["s" .. bytes * 8] = add { kind = "int", size = bytes, signed = true }
  end
  b.char = add { kind = "int", size = 1, signed = true, char = true, name = "char" }
  b.bool = add { kind = "int", size = 1, signed = false, bool = true, name = "_Bool" }
  b.float = add { kind = "float", size = 4 }
  b.double = add { kind = "float", size = 8 }
  b.pointer = add { kind = "pointer", size = 8 }

  function b.array(element, count)
    return add { kind = "array", element = element, count = count,
      size = b.types[element].size * count }
  end

  function b.text(count)
    return b.array(b.char, count)
  end

  function b.opaque(size)
    return add { kind = "opaque", size = size }
  end

  function b.enum(name, size, signed, values)
    return add { kind = "enum", name = name, size = size, signed = signed,
      values = values }
  end

  local function record(kind)
    return function(name, size, fields)
      local list = {}
      for i, f in ipairs(fields) do
        list[i] = { name = f[1] or nil, type = f[2], offset = f[3], bits = f[4] }
      end
      return add { kind = kind, name = name, size = size, fields = list }
    end
  end
  b.struct, b.union = record "struct", record "union"

  return b
end
