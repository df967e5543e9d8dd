// Readers and the event loop: made and closed here, used through FFI (ffi_api.h).
#include <memory>

#include "events/loop.h"
#include "events/perf_reader.h"
#include "events/ring_reader.h"
#include "host/bindings.h"
#include "host/lua_value.h"

namespace ebl::host {
namespace {

constexpr const char* kReader = "bpf reader";
constexpr const char* kLoop = "bpf loop";
using ReaderBox = Box<std::unique_ptr<events::Reader>>;
using LoopBox = Box<events::EventLoop>;

/// host.ring_reader(map_fd, bytes) -> reader | nil, err
int ring_reader(lua_State* lua) {
  const int fd = static_cast<int>(luaL_checkinteger(lua, 1));
  const auto bytes = static_cast<std::uint32_t>(luaL_checknumber(lua, 2));
  Result<std::unique_ptr<events::RingReader>> reader =
      events::RingReader::open(fd, bytes);
  if (!reader) return fail(lua, reader.error());
  ReaderBox::push(lua, std::move(*reader), kReader);
  return 1;
}

/// host.perf_reader(map_fd, pages) -> reader | nil, err
int perf_reader(lua_State* lua) {
  const int fd = static_cast<int>(luaL_checkinteger(lua, 1));
  const auto pages = static_cast<std::uint32_t>(luaL_checknumber(lua, 2));
  Result<std::unique_ptr<events::PerfReader>> reader =
      events::PerfReader::open(fd, pages);
  if (!reader) return fail(lua, reader.error());
  ReaderBox::push(lua, std::move(*reader), kReader);
  return 1;
}

/// reader:pointer() -> light userdata, an ebl_reader for FFI
int reader_pointer(lua_State* lua) {
  lua_pushlightuserdata(lua, ReaderBox::open(lua, 1, kReader).get());
  return 1;
}

/// reader:fd() -> number
int reader_fd(lua_State* lua) {
  lua_pushinteger(lua, ReaderBox::open(lua, 1, kReader)->fd());
  return 1;
}

int reader_close(lua_State* lua) {
  ReaderBox::check(lua, 1, kReader)->close();
  return 0;
}

/// host.loop() -> loop | nil, err
int loop_create(lua_State* lua) {
  Result<events::EventLoop> loop = events::EventLoop::create();
  if (!loop) return fail(lua, loop.error());
  LoopBox::push(lua, std::move(*loop), kLoop);
  return 1;
}

/// loop:add(fd, pacing_ns) -> source number | nil, err
int loop_add(lua_State* lua) {
  events::EventLoop& loop = LoopBox::open(lua, 1, kLoop);
  const int fd = static_cast<int>(luaL_checkinteger(lua, 2));
  const auto pacing = static_cast<std::int64_t>(luaL_checknumber(lua, 3));
  Result<int> source = loop.add(fd, pacing);
  if (!source) return fail(lua, source.error());
  lua_pushinteger(lua, *source);
  return 1;
}

/// loop:remove(source)
int loop_remove(lua_State* lua) {
  LoopBox::open(lua, 1, kLoop).remove(static_cast<int>(luaL_checkinteger(lua, 2)));
  return 0;
}

/// loop:pointer() -> light userdata, an ebl_loop for FFI
int loop_pointer(lua_State* lua) {
  lua_pushlightuserdata(lua, &LoopBox::open(lua, 1, kLoop));
  return 1;
}

int loop_close(lua_State* lua) {
  LoopBox::check(lua, 1, kLoop)->close();
  return 0;
}

constexpr luaL_Reg kReaderMethods[] = {
    {"pointer", reader_pointer}, {"fd", reader_fd}, {nullptr, nullptr}};
constexpr luaL_Reg kLoopMethods[] = {{"add", loop_add},
                                     {"remove", loop_remove},
                                     {"pointer", loop_pointer},
                                     {nullptr, nullptr}};
constexpr luaL_Reg kFunctions[] = {{"ring_reader", ring_reader},
                                   {"perf_reader", perf_reader},
                                   {"loop", loop_create},
                                   {nullptr, nullptr}};

}  // namespace

void register_events(lua_State* lua) {
  register_type(lua, kReader, kReaderMethods, reader_close);
  register_type(lua, kLoop, kLoopMethods, loop_close);
  luaL_register(lua, nullptr, kFunctions);
}

}  // namespace ebl::host
