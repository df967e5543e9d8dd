std = "luajit"
max_line_length = 90
exclude_files = { "build/**" }
-- Functions reached through metamethods take `...` on purpose: see decode/codec.lua.
ignore = { "212/%.%.%." }
files["tests/lua/*_spec.lua"] = { read_globals = { "describe", "it", "expect", "skip" } }

-- BCC's own names, which its scripts find.
files["tests/bcc/*.lua"] = { ignore = { "143" } }

-- A table of cases: one a row.
files["tests/include_check.lua"] = { max_line_length = 110 }
