// LogCapture: libbpf's own messages during one operation, for the error's detail.
#pragma once

#include <string>

namespace ebl::load {

/// While it lives, what libbpf prints on this thread is kept here instead of going to
/// stderr. Captures nest; outside of any, libbpf is silent.
class LogCapture {
 public:
  LogCapture();
  ~LogCapture();
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  /// Warnings and information, newline-terminated lines.
  const std::string& text() const { return text_; }
  /// The last warning line without libbpf's prefix; empty when there was none.
  std::string last_warning() const;

 private:
  friend struct LogSink;
  std::string text_;
  LogCapture* outer_;
};

}  // namespace ebl::load
