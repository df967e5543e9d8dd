/* The C interface of editor.so, the only place with libedit: it is opened when a prompt
 * is first shown, since most runs never show one. Both sides are built together; the
 * version catches a stale file. libedit keeps its state for the process, so there is one
 * editor. */
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { EBL_EDITOR_VERSION = 2 };

enum ebl_editor_result { EBL_EDITING = 0, EBL_LINE = 1, EBL_END = 2 };

/* Calls add(list, word) for everything that may stand in the place of line[begin, end).
 */
typedef void (*ebl_complete)(void* context, const char* line, int begin, int end,
                             void (*add)(void* list, const char* word), void* list);

struct ebl_editor_api {
  uint32_t version;
  /* `history`: the file that keeps lines, or null. It is read here and written by close.
   */
  void (*open)(const char* history, ebl_complete complete, void* context);
  /* Shows the prompt and begins to edit a line; the terminal is in raw mode until read
   * returns a line or the end, or cancel is called. */
  void (*prompt)(const char* text);
  /* Reads one key of standard input, which must be readable. With EBL_LINE, *line is
   * valid until the next call. EBL_END: Ctrl-D on an empty line, or no terminal any more.
   */
  int (*read)(const char** line);
  /* Takes prompt and line off the screen, for output in their place; show brings them
   * back, also after the terminal has changed its size. */
  void (*hide)(void);
  void (*show)(void);
  /* Readable when the terminal has changed its size: resize is to be called, which lays
   * the line out again. -1: nothing tells. */
  int (*size_descriptor)(void);
  void (*resize)(void);
  /* Gives up the line that is being edited. */
  void (*cancel)(void);
  /* Adds to the history. */
  void (*remember)(const char* line);
  void (*close)(void);
};

const struct ebl_editor_api* ebl_editor(void);

#ifdef __cplusplus
}
#endif
