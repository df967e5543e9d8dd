-- BCC's Lua scripts, run as they are: a script that ends in `return function(BPF, utils)`
-- is one, and finds here what bcc-lua gave it.
local M = {}

--- Whether a text is of that form: it returns a function, in its place or by its name.
---@param text string
---@return boolean
function M.is_script(text)
  text = "\n" .. text
  if text:find "\nreturn%s+function%s*%(" then return true end
  return text:find "%f[%w]BPF%f[^%w]" ~= nil
    and text:find "\nreturn%s+[%a_][%w_]*%s*;?%s*$" ~= nil
end

--- Runs the main chunk and then what it returns. Ctrl-C comes out as the loop's own end.
---@param chunk function
---@param path string
---@param verbose boolean? log.info shows
function M.run(chunk, path, verbose)
  require("bcc.environment").install(chunk, verbose)
  local BPF, Usdt = require "bcc.bpf", require "bcc.usdt"
  BPF.script_root(path)
  local main = chunk(unpack(arg))
  if type(main) ~= "function" then return end
  -- argparse takes the arguments when it is loaded.
  return main(BPF, { argparse = require "argparse", USDT = Usdt,
                     posix = require "bcc.posix", sym = require "bcc.symbols" })
end

return M
