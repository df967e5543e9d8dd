#include <editline/readline.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "terminal/editor_abi.h"

namespace {

constexpr int kMostHistory = 1000;

// What libedit's callbacks, which have no context, need: as libedit itself, one a
// process.
struct Editor {
  std::string history;
  ebl_complete complete = nullptr;
  void* context = nullptr;
  std::string prompt;
  std::string line;
  int result = EBL_EDITING;
  bool editing = false;
  int columns = 80;
  std::vector<std::string> words;
  std::size_t next_word = 0;
};

Editor& editor() {
  static Editor instance;
  return instance;
}

int terminal_columns() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

void on_line(char* text) {
  Editor& own = editor();
  own.result = text ? EBL_LINE : EBL_END;
  own.line = text ? text : "";
  own.editing = false;
  std::free(text);
  rl_callback_handler_remove();
}

char* next_match(const char*, int state) {
  Editor& own = editor();
  if (state == 0) own.next_word = 0;
  if (own.next_word >= own.words.size()) return nullptr;
  return ::strdup(own.words[own.next_word++].c_str());
}

char** matches(const char* text, int begin, int end) {
  Editor& own = editor();
  rl_attempted_completion_over = 1;  // no file names
  own.words.clear();
  if (own.complete)
    own.complete(
        own.context, rl_line_buffer, begin, end,
        [](void* list, const char* word) {
          static_cast<std::vector<std::string>*>(list)->emplace_back(word);
        },
        &own.words);
  return own.words.empty() ? nullptr : rl_completion_matches(text, next_match);
}

void open(const char* history, ebl_complete complete, void* context) {
  Editor& own = editor();
  own.complete = complete;
  own.context = context;
  own.history = history ? history : "";
  rl_readline_name = "ebpf-lua";
  rl_catch_signals = 0;  // the program's own handlers answer them
  rl_initialize();
  rl_attempted_completion_function = matches;
  rl_completion_append_character = '\0';
  // What ends a word: not ':' and '.', which are parts of probes and of Lua names.
  rl_basic_word_break_characters = " \t\n\"'`()[]{},;=+-*/%<>|&!~^#";
  using_history();
  stifle_history(kMostHistory);
  if (!own.history.empty()) read_history(own.history.c_str());
}

void prompt(const char* text) {
  Editor& own = editor();
  own.prompt = text;
  own.result = EBL_EDITING;
  own.columns = terminal_columns();
  rl_callback_handler_install(text, on_line);
  own.editing = true;
}

int read(const char** line) {
  Editor& own = editor();
  if (!own.editing) return own.result;
  int waiting = 0;
  // A terminal that is readable and has nothing is gone.
  const bool gone = ::ioctl(STDIN_FILENO, FIONREAD, &waiting) != 0 || waiting == 0;
  rl_callback_read_char();
  if (own.result == EBL_EDITING && gone && !::isatty(STDIN_FILENO)) own.result = EBL_END;
  *line = own.line.c_str();
  return own.result;
}

void hide() {
  Editor& own = editor();
  if (!own.editing) return;
  const int rows = (static_cast<int>(own.prompt.size()) + rl_point) / own.columns;
  std::string clear = "\r";
  if (rows > 0) clear += "\033[" + std::to_string(rows) + "A";
  clear += "\033[J";
  std::fputs(clear.c_str(), stdout);
  std::fflush(stdout);
}

void show() {
  Editor& own = editor();
  if (!own.editing) return;
  if (const int columns = terminal_columns(); columns != own.columns) {
    own.columns = columns;
    rl_resize_terminal();
  }
  std::fflush(stdout);
  rl_forced_update_display();
}

void cancel() {
  Editor& own = editor();
  if (!own.editing) return;
  own.editing = false;
  rl_callback_handler_remove();
  std::fputs("\n", stdout);
  std::fflush(stdout);
}

void remember(const char* line) {
  add_history(line);
}

void close() {
  Editor& own = editor();
  cancel();
  if (!own.history.empty()) write_history(own.history.c_str());
}

constexpr ebl_editor_api kApi = {
    .version = EBL_EDITOR_VERSION,
    .open = open,
    .prompt = prompt,
    .read = read,
    .hide = hide,
    .show = show,
    .cancel = cancel,
    .remember = remember,
    .close = close,
};

}  // namespace

extern "C" __attribute__((visibility("default"))) const ebl_editor_api* ebl_editor(void) {
  return &kApi;
}
