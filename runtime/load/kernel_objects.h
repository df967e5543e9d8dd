// Objects that exist in the kernel, whoever made them: programs, maps and links, opened
// by a pin, their number or their name. Takes CAP_SYS_ADMIN but for pins: the kernel
// gives the descriptors of others' objects to nobody else.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace ebl::load {

/// What the kernel and its files call one kind of object.
struct ObjectKind {
  std::string_view word;        ///< in messages: "map"
  std::string_view descriptor;  ///< what a link of /proc/PID/fd shows
  std::string_view id_field;    ///< what stands before its number in /proc/PID/fdinfo
  int (*next_id)(std::uint32_t after, std::uint32_t* id);  ///< 0, or errno is set
  int (*open)(std::uint32_t id);           ///< a descriptor, or errno is set
  std::string (*name_of)(int descriptor);  ///< links have none
};

extern const ObjectKind program_kind, map_kind, link_kind;

/// The object that `path`, a file of a bpffs, keeps. Code::invalid where it keeps
/// something else.
Result<UniqueFd> open_pinned(const ObjectKind& kind, const std::string& path);

/// The object with the number that the kernel gave it.
Result<UniqueFd> open_with_id(const ObjectKind& kind, std::uint32_t id);

/// The one of that name, of which the kernel keeps 15 bytes. Code::invalid where several
/// have it.
Result<UniqueFd> open_with_name(const ObjectKind& kind, const std::string& name);

/// Makes `path`, new and in a bpffs, a name that keeps the object. `what` names it in
/// messages: "the map".
Result<void> pin(int descriptor, const std::string& what, const std::string& path);

}  // namespace ebl::load
