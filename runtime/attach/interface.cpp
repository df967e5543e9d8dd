#include "attach/interface.h"

#include <fmt/format.h>
#include <net/if.h>

#include "attach/holders.h"

namespace ebl::attach {

Result<ProbeSpec> parse_interface(std::string_view rest, ProbeSpec spec) {
  const std::size_t colon = rest.find(':');
  spec.target = rest.substr(0, colon);
  // The kernel's rule for names, less what would make messages unreadable.
  if (!is_name(spec.target, "-") || spec.target.size() >= IF_NAMESIZE)
    return malformed(fmt::format("'{}' is not the name of an interface", spec.target));
  if (colon != std::string_view::npos) spec.category = rest.substr(colon + 1);
  return spec;
}

std::string interface_text(const ProbeSpec& spec) {
  return spec.category.empty() ? spec.target
                               : fmt::format("{}:{}", spec.target, spec.category);
}

Result<int> interface_index(const ProbeSpec& spec) {
  if (const unsigned index = ::if_nametoindex(spec.target.c_str()); index != 0)
    return static_cast<int>(index);
  std::vector<std::string> names;
  if (struct if_nameindex* list = ::if_nameindex()) {
    for (const struct if_nameindex* one = list; one->if_index != 0; one++)
      names.emplace_back(one->if_name);
    ::if_freenameindex(list);
  }
  return attach_error(
      Code::not_found,
      fmt::format("{}: there is no interface {}", spec.text(), spec.target),
      fmt::format("the interfaces are {}", fmt::join(names, ", ")));
}

}  // namespace ebl::attach
