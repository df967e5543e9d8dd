#include "load/map_error.h"

#include <bpf/bpf.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <optional>

#include "load/arena.h"
#include "load/map_ops.h"

namespace ebl::load {
namespace {

// Of the kernel; libbpf 1.1.2's header does not have them yet.
constexpr std::uint32_t kCgroupStorage = 32;

bool is_one_of(bpf_map_type type, std::initializer_list<bpf_map_type> kinds) {
  return std::ranges::find(kinds, type) != kinds.end();
}

bool has_no_key(bpf_map_type type) {
  return is_one_of(type,
                   {BPF_MAP_TYPE_QUEUE, BPF_MAP_TYPE_STACK, BPF_MAP_TYPE_BLOOM_FILTER,
                    BPF_MAP_TYPE_RINGBUF, BPF_MAP_TYPE_USER_RINGBUF});
}

bool is_indexed(bpf_map_type type) {
  return is_one_of(
      type, {BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_PERCPU_ARRAY, BPF_MAP_TYPE_PROG_ARRAY,
             BPF_MAP_TYPE_PERF_EVENT_ARRAY, BPF_MAP_TYPE_CGROUP_ARRAY,
             BPF_MAP_TYPE_ARRAY_OF_MAPS, BPF_MAP_TYPE_DEVMAP, BPF_MAP_TYPE_CPUMAP,
             BPF_MAP_TYPE_XSKMAP, BPF_MAP_TYPE_SOCKMAP, BPF_MAP_TYPE_STACK_TRACE,
             BPF_MAP_TYPE_REUSEPORT_SOCKARRAY});
}

bool is_per_cpu(bpf_map_type type) {
  return is_one_of(type, {BPF_MAP_TYPE_PERCPU_HASH, BPF_MAP_TYPE_PERCPU_ARRAY,
                          BPF_MAP_TYPE_LRU_PERCPU_HASH});
}

bool is_storage(bpf_map_type type) {
  return std::uint32_t{type} == kCgroupStorage ||
         is_one_of(type, {BPF_MAP_TYPE_SK_STORAGE, BPF_MAP_TYPE_INODE_STORAGE,
                          BPF_MAP_TYPE_TASK_STORAGE});
}

std::optional<MapMistake> wrong_ring(const Map& map) {
  if (map.key_size || map.value_size)
    return MapMistake{"a ring buffer has no key and no value",
                      "leave __type(key, …) and __type(value, …) out: RINGBUF(name, "
                      "struct event, bytes) names the record's type"};
  const auto page = static_cast<std::uint32_t>(::sysconf(_SC_PAGESIZE));
  if (map.max_entries < page || !std::has_single_bit(map.max_entries))
    return MapMistake{"its size of " + std::to_string(map.max_entries) +
                          " bytes is no power of two times the page size (" +
                          std::to_string(page) + ")",
                      "for example 256 * 1024"};
  return std::nullopt;
}

std::optional<MapMistake> wrong_trie(const Map& map) {
  if (!(map.flags & BPF_F_NO_PREALLOC))
    return MapMistake{"an LPM trie needs the flag BPF_F_NO_PREALLOC",
                      "__uint(map_flags, BPF_F_NO_PREALLOC), or the macro LPM(…)"};
  if (map.key_size < 5 || map.key_size > 260)
    return MapMistake{"its key of " + std::to_string(map.key_size) +
                          " bytes is no prefix length and 1 to 256 bytes",
                      "struct key { u32 prefix_bits; u8 data[4]; }"};
  return std::nullopt;
}

std::optional<MapMistake> wrong_sizes(const Map& map) {
  if (has_no_key(map.type) && map.key_size)
    return MapMistake{"a map of this kind has no key", "leave __type(key, …) out"};
  if (is_indexed(map.type) && map.key_size != 4)
    return MapMistake{"its key is an index, which is a u32 of 4 bytes, not of " +
                          std::to_string(map.key_size),
                      "__type(key, u32)"};
  if (!has_no_key(map.type) && map.key_size == 0)
    return MapMistake{"it has no key type", "__type(key, …)"};
  if (map.value_size == 0 && map.type != BPF_MAP_TYPE_CGROUP_STORAGE)
    return MapMistake{"it has no value type", "__type(value, …)"};
  if (is_one_of(map.type, {BPF_MAP_TYPE_PROG_ARRAY, BPF_MAP_TYPE_PERF_EVENT_ARRAY,
                           BPF_MAP_TYPE_CGROUP_ARRAY}) &&
      map.value_size != 4)
    return MapMistake{"its values are descriptors, which are a u32 of 4 bytes",
                      "__uint(value_size, 4)"};
  if (map.type == BPF_MAP_TYPE_STACK_TRACE &&
      (map.value_size % 8 || map.value_size > 1016))
    return MapMistake{"a stack has 1 to 127 addresses of 8 bytes, and its value " +
                          std::to_string(map.value_size) + " bytes",
                      "the macro STACKS(name, entries)"};
  if (is_per_cpu(map.type) && map.value_size > 32 * 1024)
    return MapMistake{"a per-CPU value has at most 32768 bytes, and its value " +
                          std::to_string(map.value_size),
                      "split it into several elements"};
  return std::nullopt;
}

std::optional<MapMistake> wrong_entries(const Map& map) {
  if (is_storage(map.type)) {
    if (map.max_entries)
      return MapMistake{"a local storage has no max_entries: it grows with its owners",
                        "leave max_entries out"};
    if (!(map.flags & BPF_F_NO_PREALLOC))
      return MapMistake{"a local storage needs the flag BPF_F_NO_PREALLOC",
                        "__uint(map_flags, BPF_F_NO_PREALLOC)"};
    return std::nullopt;
  }
  if (map.max_entries == 0)
    return MapMistake{"it has no max_entries", "__uint(max_entries, 1024)"};
  return std::nullopt;
}

std::optional<MapMistake> wrong_flags(const Map& map) {
  const bool is_hash =
      is_one_of(map.type, {BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_PERCPU_HASH,
                           BPF_MAP_TYPE_HASH_OF_MAPS, BPF_MAP_TYPE_LPM_TRIE});
  if ((map.flags & BPF_F_NO_PREALLOC) && !is_hash && !is_storage(map.type))
    return MapMistake{"the flag BPF_F_NO_PREALLOC is for hashes, tries and storages",
                      "leave it out"};
  if ((map.flags & BPF_F_NO_COMMON_LRU) &&
      !is_one_of(map.type, {BPF_MAP_TYPE_LRU_HASH, BPF_MAP_TYPE_LRU_PERCPU_HASH}))
    return MapMistake{"the flag BPF_F_NO_COMMON_LRU is for LRU hashes", "leave it out"};
  if ((map.flags & BPF_F_MMAPABLE) && map.type != BPF_MAP_TYPE_ARRAY &&
      std::uint32_t{map.type} != kArenaType)
    return MapMistake{"the flag BPF_F_MMAPABLE is for arrays and arenas", "leave it out"};
  return std::nullopt;
}

std::string made_of(const Map& map) {
  return map_type_name(map.type) + ", key of " + std::to_string(map.key_size) +
         " bytes, value of " + std::to_string(map.value_size) + " bytes, " +
         std::to_string(map.max_entries) + " entries, flags " + std::to_string(map.flags);
}

}  // namespace

MapMistake explain_map(const Map& map, int number) {
  const int supported = libbpf_probe_bpf_map_type(map.type, nullptr);
  // A kind that libbpf does not know either cannot be tried.
  if (number == EINVAL && (supported == 0 || !libbpf_bpf_map_type_str(map.type)))
    return {"this kernel has no maps of the kind " + map_type_name(map.type),
            "it is newer than the kernel, or no kind at all: use another"};
  const bool is_ring =
      is_one_of(map.type, {BPF_MAP_TYPE_RINGBUF, BPF_MAP_TYPE_USER_RINGBUF});
  if (is_ring) {
    if (auto mistake = wrong_ring(map)) return *mistake;
  } else {
    // What a map lacks matters more than what is wrong with the rest.
    if (auto mistake = wrong_sizes(map)) return *mistake;
    if (auto mistake = wrong_entries(map)) return *mistake;
  }
  if (map.type == BPF_MAP_TYPE_LPM_TRIE)
    if (auto mistake = wrong_trie(map)) return *mistake;
  if (auto mistake = wrong_flags(map)) return *mistake;
  if (number == E2BIG || number == ENOMEM)
    return {
        "it is too large: " + made_of(map),
        "fewer entries, smaller values; BPF_F_NO_PREALLOC allocates a hash's elements "
        "as they come"};
  return {errno_text(number) + " (" + made_of(map) + ")", ""};
}

}  // namespace ebl::load
