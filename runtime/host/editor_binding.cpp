// The line editor of the prompt.
#include <unistd.h>

#include "host/bindings.h"
#include "host/boxes.h"
#include "host/lua_value.h"
#include "terminal/line_editor.h"

namespace ebl::host {
namespace {

constexpr const char* kEditor = "line editor";
using EditorBox = Box<terminal::LineEditor>;

/// Calls the Lua function at `reference`: complete(line, begin, end) -> words. An error
/// in it is no words: libedit's frames are below.
std::vector<std::string> complete(lua_State* lua, int reference, std::string_view line,
                                  std::size_t begin, std::size_t end) {
  const int top = lua_gettop(lua);
  lua_rawgeti(lua, LUA_REGISTRYINDEX, reference);
  push(lua, line);
  lua_pushinteger(lua, static_cast<lua_Integer>(begin));
  lua_pushinteger(lua, static_cast<lua_Integer>(end));
  std::vector<std::string> words;
  if (lua_pcall(lua, 3, 1, 0) == 0 && lua_istable(lua, -1))
    words = strings_at(lua, lua_gettop(lua));
  lua_settop(lua, top);
  return words;
}

/// host.line_editor(history file or "", complete) -> editor | nil, err
int line_editor(lua_State* lua) {
  const char* history = luaL_checkstring(lua, 1);
  luaL_checktype(lua, 2, LUA_TFUNCTION);
  lua_pushvalue(lua, 2);
  const int reference = luaL_ref(lua, LUA_REGISTRYINDEX);
  Result<terminal::LineEditor> editor = terminal::LineEditor::open(
      get_places(lua).editor, history,
      [lua, reference](std::string_view line, std::size_t begin, std::size_t end) {
        return complete(lua, reference, line, begin, end);
      });
  if (!editor) return fail(lua, editor.error());
  EditorBox::push(lua, std::move(*editor), kEditor);
  return 1;
}

int editor_prompt(lua_State* lua) {
  terminal::LineEditor& editor = EditorBox::open(lua, 1, kEditor);
  editor.prompt(luaL_checkstring(lua, 2));
  return 0;
}

/// editor:read() -> "editing" | "line", text | "end"
int editor_read(lua_State* lua) {
  terminal::LineEditor& editor = EditorBox::open(lua, 1, kEditor);
  std::string line;
  switch (editor.read(line)) {
    case terminal::LineEditor::State::line:
      lua_pushliteral(lua, "line");
      push(lua, line);
      return 2;
    case terminal::LineEditor::State::end: lua_pushliteral(lua, "end"); return 1;
    default: lua_pushliteral(lua, "editing"); return 1;
  }
}

int editor_hide(lua_State* lua) {
  EditorBox::open(lua, 1, kEditor).hide();
  return 0;
}

int editor_show(lua_State* lua) {
  EditorBox::open(lua, 1, kEditor).show();
  return 0;
}

int editor_size_descriptor(lua_State* lua) {
  lua_pushinteger(lua, EditorBox::open(lua, 1, kEditor).size_descriptor());
  return 1;
}

int editor_resize(lua_State* lua) {
  EditorBox::open(lua, 1, kEditor).resize();
  return 0;
}

int editor_cancel(lua_State* lua) {
  EditorBox::open(lua, 1, kEditor).cancel();
  return 0;
}

int editor_remember(lua_State* lua) {
  terminal::LineEditor& editor = EditorBox::open(lua, 1, kEditor);
  editor.remember(luaL_checkstring(lua, 2));
  return 0;
}

int editor_close(lua_State* lua) {
  EditorBox::check(lua, 1, kEditor)->close();
  return 0;
}

/// host.is_terminal() -> whether standard input and output both are one
int is_terminal(lua_State* lua) {
  lua_pushboolean(lua, ::isatty(STDIN_FILENO) && ::isatty(STDOUT_FILENO));
  return 1;
}

constexpr luaL_Reg kMethods[] = {{"prompt", editor_prompt},
                                 {"read", editor_read},
                                 {"hide", editor_hide},
                                 {"show", editor_show},
                                 {"size_descriptor", editor_size_descriptor},
                                 {"resize", editor_resize},
                                 {"cancel", editor_cancel},
                                 {"remember", editor_remember},
                                 {nullptr, nullptr}};
constexpr luaL_Reg kFunctions[] = {
    {"line_editor", line_editor}, {"is_terminal", is_terminal}, {nullptr, nullptr}};

}  // namespace

void register_editor(lua_State* lua) {
  register_type(lua, kEditor, kMethods, editor_close);
  luaL_register(lua, nullptr, kFunctions);
}

}  // namespace ebl::host
