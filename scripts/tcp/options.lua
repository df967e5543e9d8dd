-- What tcpconnect, tcpaccept and tcplife share beside their C: options and addresses.
local bpf = require "bpf"

local M = {}

local AF_INET, AF_INET6 = 2, 10

M.IPV4 = { "-4 --ipv4", "only IPv4" }
M.IPV6 = { "-6 --ipv6", "only IPv6" }

--- The family that -4 or -6 asks for, or 0.
---@param args table<string, any>
---@return integer
function M.family(args)
  return args.ipv4 and not args.ipv6 and AF_INET
         or args.ipv6 and not args.ipv4 and AF_INET6 or 0
end

--- "80,443" -> {80, 443}
---@param text string
---@return integer[]?
---@return string? why not
function M.ports(text)
  local ports = {}
  for word in (text .. ","):gmatch("([^,]*),") do
    local port = word:match("^%d+$") and tonumber(word)
    if not port or port < 1 or port > 65535 then
      return nil, ("'%s' is no port, nor a list of them"):format(text)
    end
    ports[#ports + 1] = port
  end
  return ports
end

--- Puts the ports of an option into the map that the program looks into.
---@param map bpf.Map
---@param ports integer[]?
function M.fill(map, ports)
  for _, port in ipairs(ports or {}) do map[port] = 1 end
end

--- The row's fields of a struct connection.
---@param c any
---@return {ip: integer, laddr: string, lport: integer, raddr: string, rport: integer}
function M.fields(c)
  local is_ipv4 = c.family == AF_INET
  local size = is_ipv4 and 4 or 16
  return { ip = is_ipv4 and 4 or 6, lport = c.lport, rport = c.rport,
           laddr = bpf.ntop(c:raw("laddr"):sub(1, size)),
           raddr = bpf.ntop(c:raw("raddr"):sub(1, size)) }
end

return M
