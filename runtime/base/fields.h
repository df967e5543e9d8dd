// Numbers and texts as one row of bytes, for readers of the same build: what goes between
// the processes of a compile, and what the object cache keeps. No version, no tags:
// fields are read in the order in which they were written.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ebl {

/// Builds the bytes.
class Writer {
 public:
  void number(std::uint64_t value);
  void text(std::string_view value);
  void texts(std::span<const std::string> values);
  std::string_view bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

/// Reads them back. A field that is not there reads as zero or empty, and ok() turns
/// false.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  std::uint64_t number();
  std::string_view text();
  std::vector<std::string> texts();
  bool ok() const { return ok_; }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace ebl
