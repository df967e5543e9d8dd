/* The C interface of symbolizer.so, the only place with libdwfl: it is opened at the
 * first look-up of a user address, since libdw and what it needs are megabytes that most
 * scripts never use. Both sides are built together; the version catches a stale file. */
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { EBL_SYMBOLIZER_VERSION = 1 };

struct ebl_frame {
  const char* symbol; /* as in the symbol table (mangled), or null */
  uint64_t offset;    /* from the symbol, or from the module's start without one */
  const char* module; /* path of the file */
  const char* file;   /* source file, or null */
  int line;
};

/* One process as it was when opened or refreshed. Strings live until refresh or close.
 * Used by one thread at a time. */
struct ebl_symbolizer_api {
  uint32_t version;
  /* Null with *error an errno when the process's maps cannot be read. */
  void* (*open)(int pid, int* error);
  /* Reads the maps again; 0 or an errno. */
  int (*refresh)(void* process);
  /* 1 with *frame filled in when a file is mapped at the address, else 0. `lines`
   * non-zero: look for debug information, which can take a second for a large file. */
  int (*find)(void* process, uint64_t address, int lines, struct ebl_frame* frame);
  void (*close)(void* process);
};

const struct ebl_symbolizer_api* ebl_symbolizer(void);

#ifdef __cplusplus
}
#endif
