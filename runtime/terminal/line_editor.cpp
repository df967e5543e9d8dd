#include "terminal/line_editor.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <utility>

namespace ebl::terminal {
namespace {

Error failed(Code code, std::string message, std::string hint) {
  return Error{.stage = Stage::script,
               .code = code,
               .message = std::move(message),
               .hint = std::move(hint)};
}

void complete_words(void* context, const char* line, int begin, int end,
                    void (*add)(void*, const char*), void* list) {
  const auto& complete = *static_cast<const LineEditor::Complete*>(context);
  for (const std::string& word :
       complete(line, static_cast<std::size_t>(begin), static_cast<std::size_t>(end)))
    add(list, word.c_str());
}

}  // namespace

Result<LineEditor> LineEditor::open(const std::string& library,
                                    const std::string& history_file, Complete complete) {
  // Never closed: libedit keeps state for the process.
  void* handle = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    return failed(Code::not_supported,
                  fmt::format("cannot open the line editor: {}", ::dlerror()),
                  "the installation is incomplete: libedit2 and editor.so belong to it");
  using Entry = const ebl_editor_api* (*)();
  const auto entry = reinterpret_cast<Entry>(::dlsym(handle, "ebl_editor"));
  const ebl_editor_api* api = entry ? entry() : nullptr;
  if (!api || api->version != EBL_EDITOR_VERSION)
    return failed(Code::internal, fmt::format("{} is of another version", library),
                  "install the program and its libraries together");
  LineEditor editor(api);
  editor.complete_ = std::make_unique<Complete>(std::move(complete));
  api->open(history_file.empty() ? nullptr : history_file.c_str(), complete_words,
            editor.complete_.get());
  return editor;
}

LineEditor::LineEditor(LineEditor&& other) noexcept
    : api_(std::exchange(other.api_, nullptr)), complete_(std::move(other.complete_)) {}

LineEditor::~LineEditor() {
  if (api_) api_->close();
}

void LineEditor::prompt(const std::string& text) {
  api_->prompt(text.c_str());
}

LineEditor::State LineEditor::read(std::string& line) {
  const char* text = "";
  switch (api_->read(&text)) {
    case EBL_LINE: line = text; return State::line;
    case EBL_END: return State::end;
    default: return State::editing;
  }
}

void LineEditor::hide() {
  api_->hide();
}

void LineEditor::show() {
  api_->show();
}

int LineEditor::size_descriptor() const {
  return api_->size_descriptor();
}

void LineEditor::resize() {
  api_->resize();
}

void LineEditor::cancel() {
  api_->cancel();
}

void LineEditor::remember(const std::string& line) {
  api_->remember(line.c_str());
}

}  // namespace ebl::terminal
