#include <bpf/btf.h>

#include <array>
#include <cstdarg>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "load/log_capture.h"
#include "load/object.h"
#include "load/types_as_c.h"

namespace ebl::load {
namespace {

void append(void* context, const char* format, va_list arguments) {
  auto* text = static_cast<std::string*>(context);
  va_list copy;
  va_copy(copy, arguments);
  const int length = std::vsnprintf(nullptr, 0, format, copy);
  va_end(copy);
  if (length <= 0) return;
  const std::size_t before = text->size();
  text->resize(before + static_cast<std::size_t>(length) + 1);
  std::vsnprintf(text->data() + before, static_cast<std::size_t>(length) + 1, format,
                 arguments);
  text->pop_back();
}

struct FreeDump {
  void operator()(btf_dump* dump) const { btf_dump__free(dump); }
};

Error no_types(const std::string& whose) {
  return {.stage = Stage::load,
          .code = Code::not_found,
          .message = whose + " has no types (BTF)"};
}

/// Those of `ids` and what they are made of.
Result<std::string> written(const ::btf* types, const std::vector<std::uint32_t>& ids,
                            const std::string& whose) {
  std::string text;
  const std::unique_ptr<btf_dump, FreeDump> dump(
      types ? btf_dump__new(types, append, &text, nullptr) : nullptr);
  if (!dump) return no_types(whose);
  for (const std::uint32_t id : ids)
    if (const int failure = btf_dump__dump_type(dump.get(), id); failure != 0)
      return Error{.stage = Stage::load,
                   .code = Code::invalid,
                   .message = "the types of " + whose +
                              " cannot be written as C: " + errno_text(-failure)};
  return text;
}

std::vector<std::uint32_t> all_types(const ::btf* types) {
  std::vector<std::uint32_t> ids;
  for (std::uint32_t id = 1; types && id < btf__type_cnt(types); id++) ids.push_back(id);
  return ids;
}

struct FreeBtf {
  void operator()(::btf* types) const { btf__free(types); }
};

}  // namespace

Result<std::string> Object::types_as_c() const {
  const ::btf* types = bpf_object__btf(handle_.get());
  return written(types, all_types(types), "object '" + name_ + "'");
}

Result<std::string> kernel_types_as_c(const std::string& name) {
  const LogCapture quiet;
  const std::string path = btf::kernel_btf_path();
  const std::unique_ptr<::btf, FreeBtf> types(btf__parse(path.c_str(), nullptr));
  if (!types) return no_types("the kernel (" + path + ")");
  if (name.empty()) return written(types.get(), all_types(types.get()), "the kernel");
  std::vector<std::uint32_t> ids;
  static constexpr std::uint32_t kKinds[] = {
      BTF_KIND_STRUCT, BTF_KIND_UNION, BTF_KIND_ENUM, BTF_KIND_ENUM64, BTF_KIND_TYPEDEF};
  for (const std::uint32_t kind : kKinds)
    if (const int id = btf__find_by_name_kind(types.get(), name.c_str(), kind); id > 0)
      ids.push_back(static_cast<std::uint32_t>(id));
  if (!ids.empty()) return written(types.get(), ids, "the kernel");
  return Error{.stage = Stage::load,
               .code = Code::not_found,
               .message = "the kernel has no type '" + name + "'",
               .hint = "ebpf-lua -l 'struct *" + name + "*' lists those that are near"};
}

}  // namespace ebl::load
