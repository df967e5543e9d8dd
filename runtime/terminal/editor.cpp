#include <editline/readline.h>
#include <langinfo.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <clocale>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cwchar>
#include <string>
#include <string_view>
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
  bool hidden = false;
  bool indented = false;  // by the Tab that was read last
  int columns = 80;
  std::vector<std::string> words;
  std::size_t next_word = 0;
};

Editor& editor() {
  static Editor instance;
  return instance;
}

std::atomic<int> resized_fd{-1};

void on_resize(int) {
  const int saved_errno = errno;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(resized_fd, &one, sizeof(one));
  errno = saved_errno;
}

int terminal_columns() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

/// Columns of a character as libedit shows it: ^X for a control character, \\ooo for a
/// byte that is no character.
int width_of(wchar_t character) {
  if (character < L' ' || character == 0x7f) return 2;
  const int width = ::wcwidth(character);
  return width < 0 ? 4 : width;
}

/// The row, from 0, on which a cursor stands behind `text` on a terminal of `columns`. A
/// wide character that does not fit at the end of a row stands on the next.
int row_behind(std::string_view text, int columns) {
  int row = 0;
  int column = 0;
  std::mbstate_t state{};
  while (!text.empty()) {
    wchar_t character = 0;
    std::size_t length = std::mbrtowc(&character, text.data(), text.size(), &state);
    const bool valid = length != 0 && length <= text.size();
    if (!valid) {
      length = 1;
      state = {};
    }
    const int width = valid ? width_of(character) : 4;
    if (column + width > columns) {
      row++;
      column = 0;
    }
    column += width;
    if (column >= columns) {
      row++;
      column = 0;
    }
    text.remove_prefix(length);
  }
  return row;
}

/// libedit drops what the locale cannot express. Root's is often "C", on a terminal that
/// speaks UTF-8 as they all do.
void choose_characters() {
  std::setlocale(LC_CTYPE, "");
  if (std::strcmp(::nl_langinfo(CODESET), "ANSI_X3.4-1968") == 0)
    std::setlocale(LC_CTYPE, "C.UTF-8");
}

void follow_size() {
  resized_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (resized_fd < 0) return;
  struct sigaction action{};
  action.sa_handler = on_resize;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGWINCH, &action, nullptr);
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
  const std::string_view before(rl_line_buffer, static_cast<std::size_t>(end));
  if (before.find_first_not_of(" \t") == std::string_view::npos) {
    rl_insert_text("  ");  // indentation, of a pasted text too
    own.indented = true;
    return nullptr;
  }
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
  choose_characters();
  follow_size();  // without it the size is seen when something is printed
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
  own.hidden = false;
  rl_point = rl_end = 0;  // libedit leaves those of the last line until the first key
  rl_callback_handler_install(text, on_line);
  own.editing = true;
}

void hide() {
  Editor& own = editor();
  if (!own.editing || own.hidden) return;
  own.hidden = true;
  const std::string_view line(rl_line_buffer, static_cast<std::size_t>(rl_point));
  // A terminal that has become narrower or wider has laid the line out again.
  const int rows = row_behind(own.prompt + std::string(line), terminal_columns());
  std::string clear = "\r";
  if (rows > 0) clear += "\033[" + std::to_string(rows) + "A";
  clear += "\033[J";
  std::fputs(clear.c_str(), stdout);
  std::fflush(stdout);
}

void show() {
  Editor& own = editor();
  if (!own.editing) return;
  own.hidden = false;
  if (const int columns = terminal_columns(); columns != own.columns) {
    own.columns = columns;
    rl_resize_terminal();
  }
  std::fflush(stdout);
  rl_forced_update_display();
}

int read(const char** line) {
  Editor& own = editor();
  if (!own.editing) return own.result;
  int waiting = 0;
  // A terminal that is readable and has nothing is gone.
  const bool gone = ::ioctl(STDIN_FILENO, FIONREAD, &waiting) != 0 || waiting == 0;
  own.indented = false;
  rl_callback_read_char();
  if (own.indented) {  // libedit shows what a completion inserts, and nothing else
    hide();
    show();
  }
  if (own.result == EBL_EDITING && gone && !::isatty(STDIN_FILENO)) own.result = EBL_END;
  *line = own.line.c_str();
  return own.result;
}

int size_descriptor() {
  return resized_fd;
}

void resize() {
  std::uint64_t value = 0;
  [[maybe_unused]] const ssize_t got = ::read(resized_fd, &value, sizeof(value));
  if (editor().hidden) return;
  hide();
  show();
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
    .size_descriptor = size_descriptor,
    .resize = resize,
    .cancel = cancel,
    .remember = remember,
    .close = close,
};

}  // namespace

extern "C" __attribute__((visibility("default"))) const ebl_editor_api* ebl_editor(void) {
  return &kApi;
}
