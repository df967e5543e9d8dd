// The data plane: what Lua calls by FFI. Plain C types, noexcept; a count or 0 on
// success, a negative errno on failure; nothing here calls Lua. The declarations between
// the two marks are also what Lua's ffi.cdef reads: the build takes them from this file.
#pragma once

#include <stddef.h>
#include <stdint.h>

extern "C" {
// cdef begin
typedef struct ebl_reader ebl_reader;
typedef struct ebl_loop ebl_loop;
typedef struct ebl_cursor ebl_cursor;
typedef struct ebl_user_ring ebl_user_ring;
typedef struct {
  const uint8_t* data;
  uint32_t size;
  uint32_t cpu;
  uint64_t next;
} ebl_record;
typedef struct {
  const uint8_t* first;
  const uint8_t* headers;
  uint32_t header;
  uint32_t stride;
  uint32_t size;
  uint32_t cpu;
} ebl_run;

uint32_t ebl_reader_peek(ebl_reader* reader);
uint32_t ebl_reader_peek_run(ebl_reader* reader);
void ebl_reader_release(ebl_reader* reader, uint32_t count);
const ebl_record* ebl_reader_records(const ebl_reader* reader);
const ebl_run* ebl_reader_run(const ebl_reader* reader);
void ebl_reader_mark(ebl_reader* reader);
int ebl_reader_passed(const ebl_reader* reader);
uint64_t ebl_reader_lost(const ebl_reader* reader);

int ebl_text_slot(uint8_t* known, const void* text, uint32_t size);

uint64_t ebl_loss_count(const uint64_t* words);

int ebl_loop_wait(ebl_loop* loop, int64_t timeout_ns, int* ready, int room);
int ebl_signal_pending(void);
int ebl_take_signal(void);

int ebl_map_lookup(int fd, const void* key, void* value, uint64_t flags);
int ebl_map_update(int fd, const void* key, const void* value, uint64_t flags);
int ebl_map_delete(int fd, const void* key);
int ebl_map_lookup_and_delete(int fd, const void* key, void* value);
int ebl_map_update_batch(int fd, const void* keys, const void* values, uint32_t key_size,
                         uint32_t value_size, uint32_t count, uint64_t flags,
                         uint32_t* done);
int ebl_map_delete_batch(int fd, const void* keys, uint32_t key_size, uint32_t count,
                         uint32_t* done);
ebl_user_ring* ebl_user_ring_open(int fd);
int ebl_user_ring_write(ebl_user_ring* ring, const void* data, uint32_t size);
void ebl_user_ring_close(ebl_user_ring* ring);
int ebl_possible_cpus(void);

ebl_cursor* ebl_cursor_open(int fd, uint32_t key_size, uint32_t value_size,
                            uint32_t entries, int take);
int ebl_cursor_next(ebl_cursor* cursor);
const uint8_t* ebl_cursor_keys(const ebl_cursor* cursor);
const uint8_t* ebl_cursor_values(const ebl_cursor* cursor);
void ebl_cursor_close(ebl_cursor* cursor);

int ebl_write(const char* text, size_t size);
int ebl_put_integer(double value);
int ebl_flush(void);
int ebl_output_is_terminal(void);
int64_t ebl_monotonic_ns(void);
int64_t ebl_boot_offset_ns(void);
// cdef end
}
