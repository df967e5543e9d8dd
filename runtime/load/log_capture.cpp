#include "load/log_capture.h"

#include <bpf/libbpf.h>

#include <array>
#include <cstdarg>
#include <cstdio>

namespace ebl::load {
namespace {

// libbpf's print callback has no context argument: the innermost capture of the thread is
// the only way to tell it where to write.
thread_local LogCapture* current_capture = nullptr;

}  // namespace

struct LogSink {
  static int print(libbpf_print_level level, const char* format, va_list arguments) {
    if (!current_capture || level == LIBBPF_DEBUG) return 0;
    std::array<char, 1024> line;
    va_list copy;
    va_copy(copy, arguments);
    const int length = std::vsnprintf(line.data(), line.size(), format, copy);
    va_end(copy);
    if (length < 0) return 0;
    if (static_cast<std::size_t>(length) < line.size()) {
      current_capture->text_.append(line.data(), static_cast<std::size_t>(length));
      return 0;
    }
    std::string large(static_cast<std::size_t>(length) + 1, '\0');
    std::vsnprintf(large.data(), large.size(), format, arguments);
    large.pop_back();
    current_capture->text_ += large;
    return 0;
  }
};

LogCapture::LogCapture() : outer_(current_capture) {
  current_capture = this;
  libbpf_set_print(LogSink::print);
}

LogCapture::~LogCapture() {
  current_capture = outer_;
}

std::string LogCapture::last_warning() const {
  std::string found;
  for (std::size_t begin = 0; begin < text_.size();) {
    std::size_t end = text_.find('\n', begin);
    if (end == std::string::npos) end = text_.size();
    std::string line = text_.substr(begin, end - begin);
    begin = end + 1;
    if (line.starts_with("libbpf: ")) line.erase(0, 8);
    if (!line.empty()) found = std::move(line);
  }
  return found;
}

}  // namespace ebl::load
