/* The C interface of symbolizer.so, the only place with libdw: it is opened at the first
 * look-up of a user address or of a function's parameters, since libdw and what it needs
 * are megabytes that most scripts never use. Both sides are built together; the version
 * catches a stale file. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { EBL_SYMBOLIZER_VERSION = 2 };

struct ebl_frame {
  const char* symbol; /* as in the symbol table (mangled), or null */
  uint64_t offset;    /* from the symbol, or from the module's start without one */
  const char* module; /* path of the file */
  const char* file;   /* source file, or null */
  int line;
};

struct ebl_parameter {
  const char* name; /* empty where it has none; as the file says, perhaps no C name */
  const char* type; /* C text of basic types and pointers to them; else "void *" */
  int place;        /* which of the integer arguments it is, from 0; -1: none of them */
};

struct ebl_prototype {
  const struct ebl_parameter* parameters;
  size_t count;
  const char* result; /* "void"; empty for what is returned in no integer register */
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
  /* A program or library, by an open descriptor, which stays the caller's. Null when it
   * cannot be read. */
  void* (*open_file)(const char* path, int fd);
  /* 1 with *prototype filled in for the function that begins at a virtual address, until
   * the next call or close; 0: no debug information about it; -1: about the whole file.
   */
  int (*prototype)(void* file, uint64_t address, struct ebl_prototype* prototype);
  void (*close_file)(void* file);
};

const struct ebl_symbolizer_api* ebl_symbolizer(void);

#ifdef __cplusplus
}
#endif
