#include "base/fields.h"

#include <cstring>

namespace ebl {

void Writer::number(std::uint64_t value) {
  bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

void Writer::text(std::string_view value) {
  number(value.size());
  bytes_.append(value);
}

void Writer::texts(std::span<const std::string> values) {
  number(values.size());
  for (const std::string& value : values) text(value);
}

std::uint64_t Reader::number() {
  std::uint64_t value = 0;
  if (rest_.size() < sizeof(value)) {
    ok_ = false;
    rest_ = {};
    return 0;
  }
  std::memcpy(&value, rest_.data(), sizeof(value));
  rest_.remove_prefix(sizeof(value));
  return value;
}

std::string_view Reader::text() {
  const std::uint64_t size = number();
  if (size > rest_.size()) {
    ok_ = false;
    rest_ = {};
    return {};
  }
  const std::string_view value = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return value;
}

std::vector<std::string> Reader::texts() {
  std::vector<std::string> values;
  for (std::uint64_t count = number(); count > 0 && ok_; count--)
    values.emplace_back(text());
  return values;
}

}  // namespace ebl
