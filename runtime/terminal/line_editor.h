// LineEditor: a prompt whose line stays editable while the program runs.
//
// It reads a key at a time when standard input is readable, so that the event loop stays
// in charge. One a process (libedit's state is). Standard input and output must be
// terminals.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "terminal/editor_abi.h"

namespace ebl::terminal {

class LineEditor {
 public:
  /// The words that may stand in the place of line[begin, end).
  using Complete = std::function<std::vector<std::string>(
      std::string_view line, std::size_t begin, std::size_t end)>;
  enum class State { editing, line, end };

  /// Opens `library` (editor.so). Lines are kept in `history_file`; empty: nowhere.
  /// Code::not_supported where the library cannot be opened.
  static Result<LineEditor> open(const std::string& library,
                                 const std::string& history_file, Complete complete);

  LineEditor(LineEditor&& other) noexcept;
  LineEditor& operator=(LineEditor&&) = delete;
  /// Restores the terminal and writes the history.
  ~LineEditor();

  /// Shows `text` and begins to edit.
  void prompt(const std::string& text);
  /// Takes one key. With State::line, `line` is what was entered.
  State read(std::string& line);
  /// Takes prompt and line off the screen, and puts them back.
  void hide();
  void show();
  /// Readable when the terminal has changed its size: resize() is to be called, which
  /// lays the line out again. -1: nothing tells.
  int size_descriptor() const;
  void resize();
  /// Gives up the line.
  void cancel();
  void remember(const std::string& line);

 private:
  explicit LineEditor(const ebl_editor_api* api) : api_(api) {}
  const ebl_editor_api* api_;  // of a library that is never closed; null when moved from
  std::unique_ptr<Complete> complete_;
};

}  // namespace ebl::terminal
