#include <bpf/btf.h>

#include <array>
#include <cstdarg>
#include <cstdio>
#include <memory>

#include "load/object.h"

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

}  // namespace

Result<std::string> Object::types_as_c() const {
  const ::btf* types = bpf_object__btf(handle_.get());
  std::string text;
  const std::unique_ptr<btf_dump, FreeDump> dump(
      types ? btf_dump__new(types, append, &text, nullptr) : nullptr);
  if (!dump)
    return Error{.stage = Stage::load,
                 .code = Code::not_found,
                 .message = "object '" + name_ + "' has no types (BTF)"};
  for (std::uint32_t id = 1; id < btf__type_cnt(types); id++)
    if (const int failure = btf_dump__dump_type(dump.get(), id); failure != 0)
      return Error{.stage = Stage::load,
                   .code = Code::invalid,
                   .message = "the types of object '" + name_ +
                              "' cannot be written as C: " + errno_text(-failure)};
  return text;
}

}  // namespace ebl::load
