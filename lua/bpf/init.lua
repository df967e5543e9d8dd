-- The module "bpf": what scripts see. docs/api.md describes it.
local features = require "bpf.features"
local loop = require "bpf.loop"
local object = require "bpf.object"
local output = require "bpf.output"
local inventory = require "bpf.inventory"
local look_up = require "bpf.look_up"
local probes = require "bpf.probes"
local standalone_map = require "bpf.standalone_map"
local standalone_program = require "bpf.standalone_program"
local trace_pipe = require "bpf.trace_pipe"

local M = {
  load = object.load,
  create_map = standalone_map.create,
  open_map = standalone_map.open,
  open_program = standalone_program.open,
  run = loop.run,
  poll = loop.poll,
  stop = loop.stop,
  every = loop.every,
  after = loop.after,
  trace_pipe = trace_pipe.read,
  list_probes = probes.list_probes,
}

for _, part in ipairs { output.api, look_up, inventory, features } do
  for name, value in pairs(part) do M[name] = value end
end

return M
