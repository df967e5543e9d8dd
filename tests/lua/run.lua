-- Runs spec files: luajit tests/lua/run.lua tests/lua/decode_spec.lua ...
-- Exit code 1 if a test failed or a file could not be read.

local here = debug.getinfo(1, "S").source:match "^@(.*/)" or "./"
package.path = here .. "?.lua;" .. here .. "../../lua/?.lua;" .. here
  .. "../../lua/?/init.lua;" .. package.path

local harness = require "harness"
for _, path in ipairs(arg) do
  harness.file(path)
end
os.exit(harness.finish() and 0 or 1, true)
