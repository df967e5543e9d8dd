#include "attach/usdt_specs.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <fmt/format.h>

#include <bit>
#include <cerrno>

#include "attach/holders.h"

namespace ebl::attach {
namespace {

using symbols::UsdtArgument;

constexpr const char* specs_map = "__bpf_usdt_specs";
constexpr const char* places_map = "__bpf_usdt_ip_to_spec_id";
constexpr std::size_t most_arguments = 12;

enum : std::uint8_t { constant = 0, in_register = 1, memory = 2, indexed = 3 };
constexpr std::uint8_t unreadable = 255;  // bpf_usdt_arg() says -EINVAL

struct RawArgument {
  std::uint64_t value;
  std::uint8_t type, reserved;
  std::uint16_t index_and_scale;  // offset in pt_regs: 12 bits; shift: 4 bits
  std::int16_t base;              // offset in pt_regs
  std::uint8_t is_signed, unused_bits;
};
struct RawSpec {
  RawArgument arguments[most_arguments];
  std::uint64_t cookie;
  std::int16_t count;
};
static_assert(sizeof(RawArgument) == 16 && sizeof(RawSpec) == 208);
static_assert(std::endian::native == std::endian::little);

RawArgument raw(const UsdtArgument& argument) {
  RawArgument out = {.value = static_cast<std::uint64_t>(argument.value),
                     .is_signed = argument.is_signed,
                     .unused_bits = static_cast<std::uint8_t>(64 - argument.size * 8)};
  switch (argument.kind) {
    case UsdtArgument::Kind::constant: out.type = constant; return out;
    case UsdtArgument::Kind::in_register:
      out.type = in_register;
      // %ah: from the next byte on.
      out.base =
          static_cast<std::int16_t>(argument.base->offset + argument.base->shift / 8);
      return out;
    case UsdtArgument::Kind::memory:
      out.type = argument.index ? indexed : memory;
      if (argument.index && !argument.base) break;
      out.base = static_cast<std::int16_t>(argument.base->offset);
      if (argument.index)
        out.index_and_scale =
            static_cast<std::uint16_t>(argument.index->offset | argument.scale << 12);
      return out;
    case UsdtArgument::Kind::unreadable: break;
  }
  out.type = unreadable;
  return out;
}

}  // namespace

std::optional<UsdtSpecs> UsdtSpecs::of(const load::Program& program) {
  if (!program.object || !program.usdt_specs) return std::nullopt;
  const bpf_map* specs = bpf_object__find_map_by_name(program.object, specs_map);
  if (!specs || bpf_map__value_size(specs) != sizeof(RawSpec)) return std::nullopt;
  UsdtSpecs out;
  out.pool_ = *program.usdt_specs;
  out.specs_fd_ = bpf_map__fd(specs);
  out.size_ = bpf_map__max_entries(specs);
  if (const bpf_map* places = bpf_object__find_map_by_name(program.object, places_map))
    out.places_ = UniqueFd(::fcntl(bpf_map__fd(places), F_DUPFD_CLOEXEC, 3));
  return out;
}

UsdtSpecs::~UsdtSpecs() {
  for (const std::uint64_t place : known_places_)
    ::bpf_map_delete_elem(places_.get(), &place);
  for (const auto& [set, number] : entries_) pool_->give_back(number);
}

Result<std::uint32_t> UsdtSpecs::add(const symbols::UsdtLocation& location,
                                     std::uint64_t cookie) {
  const auto known = entries_.find(location.argument_set);
  if (known != entries_.end()) return known->second;
  if (location.arguments.size() > most_arguments)
    return attach_error(Code::not_supported,
                        fmt::format("the probe has {} arguments; {} can be read",
                                    location.arguments.size(), most_arguments));
  const std::optional<std::uint32_t> number = pool_->take(size_);
  if (!number)
    return attach_error(
        Code::not_supported,
        fmt::format("more than {} places with different arguments", size_),
        "#define BPF_USDT_MAX_SPEC_CNT before #include <bpf/usdt.bpf.h>");
  entries_.emplace(location.argument_set, *number);
  RawSpec spec = {.cookie = cookie,
                  .count = static_cast<std::int16_t>(location.arguments.size())};
  for (std::size_t i = 0; i < location.arguments.size(); i++)
    spec.arguments[i] = raw(location.arguments[i]);
  if (::bpf_map_update_elem(specs_fd_, &*number, &spec, BPF_ANY) != 0)
    return attach_error(Code::io, fmt::format("cannot write the map {}: {}", specs_map,
                                              errno_text(errno)));
  return *number;
}

Result<void> UsdtSpecs::add_place(std::uint64_t instruction_pointer,
                                  std::uint32_t entry) {
  if (::bpf_map_update_elem(places_.get(), &instruction_pointer, &entry, BPF_ANY) != 0)
    return attach_error(Code::io, fmt::format("cannot write the map {}: {}", places_map,
                                              errno_text(errno)));
  known_places_.push_back(instruction_pointer);
  return {};
}

}  // namespace ebl::attach
