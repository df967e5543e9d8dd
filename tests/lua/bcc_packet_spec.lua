--- BCC C on packets: <bcc/proto.h>, read and changed in packets that the kernel runs the
--- program on.
local bpf = require "bpf"
local harness = require "harness"
local describe, it, expect = harness.describe, harness.it, harness.expect

local function bytes(hex)
  return (hex:gsub("%s", ""):gsub("..", function(byte)
    return string.char(tonumber(byte, 16))
  end))
end

local ETHERNET = "0a0b0c0d0e0f 1a1b1c1d1e1f "
local IP = "4503 0040 1234 4abc 40 06 ffff c0a80101 c0a80102 "
local TCP = "1f90 0050 01020304 05060708 5012 7210 abcd 0001 "
local PAYLOAD = ("61"):rep(24)

--- Runs `body` as a classifier over `packet` (in hexadecimal) and returns the packet
--- afterwards, and what PUT(slot, value) was given.
local function run(body, packet)
  local obj = bpf.load { source = [[
    #include <bcc/proto.h>
    BPF_ARRAY(numbers, u64, 64);
    #define PUT(slot, value) do { int place = slot; u64 number = value; \
        numbers.update(&place, &number); } while (0)
  ]] .. body }
  local program = obj.programs.classify:load("tcx:lo:ingress")
  local ran = program:test_run { data = bytes(packet) }
  local numbers = {}
  for slot = 0, 63 do numbers[slot] = obj.maps.numbers[slot] end
  obj:close()
  return ran.data, numbers, ran.retval
end

--- Fields of one struct: {header, type, offset of the struct, {field = value}}.
local FIELDS = {
  { "ethernet_t", 0, ETHERNET .. "0800 " .. IP .. TCP .. PAYLOAD,
    { dst = 0x0a0b0c0d0e0f, src = 0x1a1b1c1d1e1f, type = 0x0800 } },
  { "dot1q_t", 14, ETHERNET .. "8100 b064 0800 " .. IP .. TCP,
    { pri = 5, cfi = 1, vlanid = 100, type = 0x0800 } },
  { "arp_t", 14,
    ETHERNET .. "0806 0001 0800 06 04 0002 1a1b1c1d1e1f c0a80101 0a0b0c0d0e0f c0a80102",
    { htype = 1, ptype = 0x0800, hlen = 6, plen = 4, oper = 2, sha = 0x1a1b1c1d1e1f,
      spa = 0xc0a80101, tha = 0x0a0b0c0d0e0f, tpa = 0xc0a80102 } },
  { "ip_t", 14, ETHERNET .. "0800 " .. IP .. TCP .. PAYLOAD,
    { ver = 4, hlen = 5, tos = 3, tlen = 64, identification = 0x1234, ffo_unused = 0,
      df = 1, mf = 0, foffset = 0xabc, ttl = 64, nextp = 6, hchecksum = 0xffff,
      src = 0xc0a80101, dst = 0xc0a80102 } },
  { "tcp_t", 34, ETHERNET .. "0800 " .. IP .. TCP .. PAYLOAD,
    { src_port = 8080, dst_port = 80, seq_num = 0x01020304, ack_num = 0x05060708,
      offset = 5, reserved = 0, flag_cwr = 0, flag_ece = 0, flag_urg = 0, flag_ack = 1,
      flag_psh = 0, flag_rst = 0, flag_syn = 1, flag_fin = 0, rcv_wnd = 0x7210,
      cksum = 0xabcd, urg_ptr = 1 } },
  { "udp_t", 34, ETHERNET .. "0800 " .. IP .. "0035 c001 001c beef " .. PAYLOAD,
    { sport = 53, dport = 0xc001, length = 28, crc = 0xbeef } },
  { "icmp_t", 34, ETHERNET .. "0800 " .. IP .. "0800 f7ff " .. PAYLOAD,
    { type = 8, code = 0, checksum = 0xf7ff } },
  { "icmp6_t", 34, ETHERNET .. "0800 " .. IP .. "8701 1234 " .. PAYLOAD,
    { type = 0x87, code = 1, checksum = 0x1234 } },
  { "ip6_t", 14, ETHERNET .. "86dd 6ab12345 0018 11 40 20010db800000001 0000000000000002"
    .. "20010db800000003 0000000000000004" .. PAYLOAD,
    { ver = 6, priority = 0xab, flow_label = 0x12345, payload_len = 24, next_header = 17,
      hop_limit = 64, src_hi = 0x20010db800000001ULL, src_lo = 2,
      dst_hi = 0x20010db800000003ULL, dst_lo = 4 } },
  { "ip6_opt_t", 14, ETHERNET .. "88b5 2b02 010203040506" .. PAYLOAD,
    { next_header = 0x2b, ext_len = 2 } },
  { "vxlan_t", 14, ETHERNET .. "0800 08000001 123456 78" .. PAYLOAD,
    { rsv1 = 0, iflag = 1, rsv2 = 0, rsv3 = 1, key = 0x123456, rsv4 = 0x78 } },
  { "vxlan_gbp_t", 14, ETHERNET .. "0800 8848 1234 abcdef 01" .. PAYLOAD,
    { gflag = 1, rsv1 = 0, iflag = 1, rsv2 = 0, rsv3 = 0, dflag = 1, rsv4 = 0, aflag = 1,
      rsv5 = 0, tag = 0x1234, key = 0xabcdef, rsv6 = 1 } },
}

describe("a struct of <bcc/proto.h>", function()
  for _, row in ipairs(FIELDS) do
    local type, offset, packet, fields = unpack(row)
    it("is read field by field, in the machine's byte order: " .. type, function()
      local names, puts = {}, {}
      for name in pairs(fields) do
        puts[#puts + 1] = ("PUT(%d, header->%s);"):format(#names, name)
        names[#names + 1] = name
      end
      local _, numbers = run(([[
        int classify(struct __sk_buff *skb) {
          u8 *cursor = (u8 *)%d;
          struct %s *header = cursor_advance(cursor, sizeof(*header));
          %s
          return 0; }]]):format(offset, type, table.concat(puts, "\n")), packet)
      for place, name in ipairs(names) do
        harness.expect.equal({ name, numbers[place - 1] }, { name, fields[name] })
      end
    end)

    it("is assigned field by field, and nothing beside it changes: " .. type, function()
      local original = bytes(packet)
      for name, value in pairs(fields) do
        -- What was there, inverted and put back: the packet is as before.
        local after, numbers = run(([[
          int classify(struct __sk_buff *skb) {
            u8 *cursor = (u8 *)%d;
            struct %s *header = cursor_advance(cursor, sizeof(*header));
            u64 before = header->%s;
            header->%s = ~before;
            PUT(0, header->%s);
            header->%s = before;
            PUT(1, header->%s);
            return 0; }]]):format(offset, type, name, name, name, name, name), packet)
        expect.equal({ name, numbers[1] }, { name, value })
        expect.truthy(numbers[0] ~= value, name)
        expect.equal({ name, after }, { name, original })
      end
    end)
  end

  it("is read in macros, static functions and elements of arrays", function()
    local _, numbers = run([[
      #define NEXT(h) ((h)->next_header)
      static u64 length(struct __sk_buff *skb, struct ip6_opt_t *option) {
        return option->ext_len;
      }
      int classify(struct __sk_buff *skb) {
        u8 *cursor = 0;
        struct ethernet_t *ethernet = cursor_advance(cursor, sizeof(*ethernet));
        struct ip6_opt_t *option = cursor_advance(cursor, sizeof(*option));
        PUT(0, NEXT(option));
        PUT(1, length(skb, option));
        PUT(2, option->pad[0]);
        PUT(3, option->pad[5]);
        PUT(4, (u64)cursor);
        PUT(5, (u64)&option->pad[2]);
        PUT(6, ethernet->type == 0x88b5);
        return 0;
      }]], ETHERNET .. "88b5 2b02 010203040506" .. PAYLOAD)
    for slot, value in pairs { [0] = 0x2b, 2, 1, 6, 22, 18, 1 } do
      expect.equal(numbers[slot], value)
    end
  end)

  it("is changed by every assignment operator", function()
    local after, numbers = run([[
      int classify(struct __sk_buff *skb) {
        u8 *cursor = 0;
        struct ethernet_t *ethernet = cursor_advance(cursor, sizeof(*ethernet));
        struct ip_t *ip = cursor_advance(cursor, sizeof(*ip));
        PUT(0, ip->ttl--);
        PUT(1, --ip->ttl);
        ip->tlen += 0x101;
        ip->identification ^= 0xffff;
        ip->ver |= 2;
        ethernet->dst = ethernet->src;
        PUT(2, ip->tos = 0x1ff);
        return 0;
      }]], ETHERNET .. "0800 " .. IP .. TCP .. PAYLOAD)
    expect.equal(numbers[0], 64)
    expect.equal(numbers[1], 62)
    expect.equal(numbers[2], 0xff)
    expect.equal(after, bytes("1a1b1c1d1e1f 1a1b1c1d1e1f 0800 65ff 0141 edcb 4abc 3e 06"
                              .. "ffff c0a80101 c0a80102" .. TCP .. PAYLOAD))
  end)

  it("needs the packet as the function's first parameter", function()
    expect.error("must have the packet as its first parameter", function()
      run([[
        static u64 type(void) { return ((struct ethernet_t *)0)->type; }
        int classify(struct __sk_buff *skb) { return type(); }]], ETHERNET)
    end)
  end)
end)

--- The Internet checksum of a string of 16-bit words.
local function checksum(text)
  local sum = 0
  for place = 1, #text, 2 do
    sum = sum + text:byte(place) * 256 + (text:byte(place + 1) or 0)
  end
  while sum > 0xffff do sum = sum % 0x10000 + math.floor(sum / 0x10000) end
  return 0xffff - sum
end

describe("packets of BCC C", function()
  it("are loaded and stored by byte, half, word and dword", function()
    local after, numbers = run([[
      int classify(struct __sk_buff *skb) {
        PUT(0, load_byte(skb, 14));
        PUT(1, load_half(skb, 16));
        PUT(2, load_word(skb, 26));
        PUT(3, load_dword(skb, 26));
        bpf_store_byte(skb, 0, 0x11);
        bpf_store_half(skb, 1, 0x2233);
        bpf_store_word(skb, 6, 0x44556677);
        bpf_store_dword(skb, 26, 0x0102030405060708ull);
        return 0;
      }]], ETHERNET .. "0800 " .. IP .. TCP .. PAYLOAD)
    expect.equal(numbers[0], 0x45)
    expect.equal(numbers[1], 0x40)
    expect.equal(numbers[2], 0xc0a80101)
    expect.equal(numbers[3], 0xc0a80101c0a80102ULL)
    expect.equal(after, bytes("112233 0d0e0f 44556677 1e1f 0800" .. IP:sub(1, 30)
                              .. "0102030405060708" .. TCP .. PAYLOAD))
  end)

  it("keep right checksums with incr_cksum_l3 and incr_cksum_l4", function()
    local header = bytes("4500 0030 0000 4000 40 06 0000 c0a80101 c0a80102")
    local right = header:sub(1, 10) .. bytes(("%04x"):format(checksum(header)))
                  .. header:sub(13)
    local pseudo = bytes("c0a80101 c0a80102 0006 001c")
    local segment = bytes("1f90 0050 01020304 05060708 5012 7210 0000 0000"
                          .. "6162636465666768")
    local sum = bytes(("%04x"):format(checksum(pseudo .. segment)))
    local whole = segment:sub(1, 16) .. sum .. segment:sub(19)
    local hex = (bytes(ETHERNET .. "0800") .. right .. whole):gsub(".", function(c)
      return ("%02x"):format(c:byte())
    end)
    local after = run([[
      int classify(struct __sk_buff *skb) {
        u8 *cursor = 0;
        struct ethernet_t *ethernet = cursor_advance(cursor, sizeof(*ethernet));
        struct ip_t *ip = cursor_advance(cursor, sizeof(*ip));
        struct tcp_t *tcp = cursor_advance(cursor, sizeof(*tcp));
        u32 before = ip->dst, to = 0x0a00002a;
        u16 port = tcp->dst_port, new_port = 8443;
        ip->dst = to;
        incr_cksum_l3(&ip->hchecksum, before, to);
        incr_cksum_l4(&tcp->cksum, before, to, 1);
        tcp->dst_port = new_port;
        incr_cksum_l4(&tcp->cksum, port, new_port, 0);
        return 0;
      }]], hex)
    expect.equal(after:sub(31, 34), bytes("0a00002a"))
    expect.equal(after:sub(37, 38), bytes("20fb"))
    expect.equal(checksum(after:sub(15, 34)), 0)
    expect.equal(checksum(bytes("c0a80101 0a00002a 0006 001c") .. after:sub(35)), 0)
  end)

  it("end the program with 0 where they are read past their end", function()
    local _, numbers, result = run([[
      int classify(struct __sk_buff *skb) {
        PUT(0, 1);
        u64 far = load_word(skb, 4000);
        PUT(1, 1);
        return far + 7;
      }]], ETHERNET .. "0800 " .. IP .. TCP .. PAYLOAD)
    expect.equal(numbers[0], 1)
    expect.equal(numbers[1], 0)
    expect.equal(result, 0)
  end)
end)
