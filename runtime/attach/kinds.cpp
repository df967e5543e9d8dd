// The table of kinds.
#include "attach/kind.h"

namespace ebl::attach {

std::span<const KindInfo* const> all_kinds() {
  static constexpr const KindInfo* kinds[] = {
#define EBL_KIND(name) &name##_kind,
#include "attach/kinds.def"
#undef EBL_KIND
  };
  return kinds;
}

const KindInfo& info_of(Kind kind) {
  return *all_kinds()[static_cast<std::size_t>(kind)];
}

HookType hook_type_of(const ProbeSpec& spec) {
  const KindInfo& info = info_of(spec.kind);
  if (info.hook_type) return info.hook_type(spec);
  return {info.type, info.attach_type, info.sections.front()};
}

std::string_view to_string(Kind kind) {
  return info_of(kind).word;
}

}  // namespace ebl::attach
