#include "host/ffi_api.h"

#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <new>

#include "base/loss_section.h"
#include "events/loop.h"
#include "events/reader.h"
#include "events/signals.h"
#include "load/map_ops.h"
#include "load/user_ring.h"

// The FFI types are names for the C++ objects behind them.
using ebl::events::EventLoop;
using ebl::events::Reader;
using ebl::load::MapCursor;
using ebl::load::UserRing;

static_assert(sizeof(ebl_record) == sizeof(ebl::events::Record));
static_assert(offsetof(ebl_record, size) == offsetof(ebl::events::Record, size));
static_assert(offsetof(ebl_record, cpu) == offsetof(ebl::events::Record, cpu));
static_assert(sizeof(ebl_run) == sizeof(ebl::events::Run));
static_assert(offsetof(ebl_run, stride) == offsetof(ebl::events::Run, stride));
static_assert(offsetof(ebl_run, cpu) == offsetof(ebl::events::Run, cpu));

namespace {

Reader* as_reader(ebl_reader* reader) {
  return reinterpret_cast<Reader*>(reader);
}
const Reader* as_reader(const ebl_reader* reader) {
  return reinterpret_cast<const Reader*>(reader);
}
MapCursor* as_cursor(ebl_cursor* cursor) {
  return reinterpret_cast<MapCursor*>(cursor);
}
const MapCursor* as_cursor(const ebl_cursor* cursor) {
  return reinterpret_cast<const MapCursor*>(cursor);
}

int64_t clock_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

extern "C" {

uint32_t ebl_reader_peek(ebl_reader* reader) {
  return as_reader(reader)->peek();
}
uint32_t ebl_reader_peek_run(ebl_reader* reader) {
  return as_reader(reader)->peek_run();
}
void ebl_reader_release(ebl_reader* reader, uint32_t count) {
  as_reader(reader)->release(count);
}
const ebl_record* ebl_reader_records(const ebl_reader* reader) {
  return reinterpret_cast<const ebl_record*>(as_reader(reader)->records());
}
const ebl_run* ebl_reader_run(const ebl_reader* reader) {
  return reinterpret_cast<const ebl_run*>(&as_reader(reader)->run());
}
void ebl_reader_mark(ebl_reader* reader) {
  as_reader(reader)->mark();
}
int ebl_reader_passed(const ebl_reader* reader) {
  return as_reader(reader)->passed();
}
uint64_t ebl_reader_lost(const ebl_reader* reader) {
  return as_reader(reader)->lost();
}

// Where in `known`, 64 texts of `size` bytes (a multiple of eight), a text is: its
// number, or, where another one was there, which it replaces, -1 - its number.
int ebl_text_slot(uint8_t* known, const void* text, uint32_t size) {
  uint64_t hash = 0;
  uint64_t word = 0;
  for (uint32_t at = 0; at < size; at += sizeof(word)) {
    std::memcpy(&word, static_cast<const uint8_t*>(text) + at, sizeof(word));
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
  }
  const int slot = static_cast<int>(hash >> 58);
  uint8_t* place = known + static_cast<std::size_t>(slot) * size;
  uint64_t differences = 0;
  for (uint32_t at = 0; at < size; at += sizeof(word)) {
    uint64_t old = 0;
    std::memcpy(&word, static_cast<const uint8_t*>(text) + at, sizeof(word));
    std::memcpy(&old, place + at, sizeof(old));
    differences |= word ^ old;
  }
  if (differences == 0) return slot;
  std::memcpy(place, text, size);
  return -1 - slot;
}

// Programs add to the stripes while this reads them: a count of some moment meanwhile.
uint64_t ebl_loss_count(const uint64_t* words) {
  uint64_t sum = 0;
  for (unsigned stripe = 0; stripe < ebl::kLossStripes; stripe++)
    sum += __atomic_load_n(&words[stripe * ebl::kLossStripeWords], __ATOMIC_RELAXED);
  return sum;
}

int ebl_loop_wait(ebl_loop* loop, int64_t timeout_ns, int* ready, int room) {
  return reinterpret_cast<EventLoop*>(loop)->wait(
      timeout_ns, std::span(ready, static_cast<std::size_t>(room)));
}
int ebl_signal_pending(void) {
  return ebl::events::signal_pending();
}
int ebl_take_signal(void) {
  return ebl::events::take_signal();
}

int ebl_map_lookup(int fd, const void* key, void* value, uint64_t flags) {
  return ebl::load::map_lookup(fd, key, value, flags);
}
int ebl_map_update(int fd, const void* key, const void* value, uint64_t flags) {
  return ebl::load::map_update(fd, key, value, flags);
}
int ebl_map_delete(int fd, const void* key) {
  return ebl::load::map_delete(fd, key);
}
int ebl_map_lookup_and_delete(int fd, const void* key, void* value) {
  return ebl::load::map_lookup_and_delete(fd, key, value);
}
int ebl_map_update_batch(int fd, const void* keys, const void* values, uint32_t key_size,
                         uint32_t value_size, uint32_t count, uint64_t flags,
                         uint32_t* done) {
  return ebl::load::map_update_batch(fd, keys, values, key_size, value_size, count, flags,
                                     done);
}
int ebl_map_delete_batch(int fd, const void* keys, uint32_t key_size, uint32_t count,
                         uint32_t* done) {
  return ebl::load::map_delete_batch(fd, keys, key_size, count, done);
}
// Null, with errno, where the kernel refuses.
ebl_user_ring* ebl_user_ring_open(int fd) {
  auto* ring = new (std::nothrow) UserRing(fd);
  if (ring && !*ring) {
    const int error = errno;
    delete ring;
    errno = error;
    return nullptr;
  }
  return reinterpret_cast<ebl_user_ring*>(ring);
}
int ebl_user_ring_write(ebl_user_ring* ring, const void* data, uint32_t size) {
  return reinterpret_cast<UserRing*>(ring)->write(data, size);
}
void ebl_user_ring_close(ebl_user_ring* ring) {
  delete reinterpret_cast<UserRing*>(ring);
}
int ebl_possible_cpus(void) {
  return ebl::load::possible_cpus();
}

ebl_cursor* ebl_cursor_open(int fd, uint32_t key_size, uint32_t value_size,
                            uint32_t entries, int take) {
  using Entries = MapCursor::Entries;
  auto* cursor = new (std::nothrow) MapCursor(fd, key_size, value_size, entries,
                                              take ? Entries::are_taken : Entries::stay);
  return reinterpret_cast<ebl_cursor*>(cursor);
}
int ebl_cursor_next(ebl_cursor* cursor) {
  return as_cursor(cursor)->next();
}
const uint8_t* ebl_cursor_keys(const ebl_cursor* cursor) {
  return reinterpret_cast<const uint8_t*>(as_cursor(cursor)->keys());
}
const uint8_t* ebl_cursor_values(const ebl_cursor* cursor) {
  return reinterpret_cast<const uint8_t*>(as_cursor(cursor)->values());
}
void ebl_cursor_close(ebl_cursor* cursor) {
  delete as_cursor(cursor);
}

// Through stdio, so that io.write and print keep their order.
int ebl_write(const char* text, size_t size) {
  errno = 0;
  return ::fwrite_unlocked(text, 1, size, stdout) == size ? 0 : -(errno ? errno : EIO);
}
// The decimal digits of an integer of at most 2^53.
int ebl_put_integer(double value) {
  char text[24];
  const auto [end, failure] =
      std::to_chars(text, text + sizeof(text), static_cast<int64_t>(value));
  return failure == std::errc() ? ebl_write(text, static_cast<std::size_t>(end - text))
                                : -EINVAL;
}
int ebl_flush(void) {
  errno = 0;
  return std::fflush(stdout) == 0 ? 0 : -(errno ? errno : EIO);
}

int ebl_output_is_terminal(void) {
  return ::isatty(STDOUT_FILENO);
}

int64_t ebl_monotonic_ns(void) {
  return clock_ns(CLOCK_MONOTONIC);
}
int64_t ebl_boot_offset_ns(void) {
  return clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
}
}
