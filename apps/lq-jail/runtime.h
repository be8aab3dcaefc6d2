/* A language inside a jail: what each of lq-jail-python, lq-jail-lua and lq-jail-wasm brings.
 *
 * main (jail.c): start -> the sandbox closes -> LQ_GUEST_READY -> load -> calls, one after another.
 * A runtime may end the process whenever it does not know any more what it does: the parent tells
 * what happened. */
#ifndef APPS_LQ_JAIL_RUNTIME_H
#define APPS_LQ_JAIL_RUNTIME_H

#include "lq_engine/guest/view.h"

typedef struct lq_guest_file {
  lq_span name, text; /* "systems/hunt.lua" */
} lq_guest_file;

typedef struct lq_runtime {
  bool opens; /* it tries to open files by itself (CPython, for the line of a syntax error), which
                 fails with EACCES; else that ends the process */
  uint64_t memory_bytes; /* address space it may take besides the mapping (RLIMIT_AS) */
  /* Before the sandbox: the interpreter, libraries, what must be opened. argv: behind the
   * program's name. False: says why on stderr. */
  bool (*start)(int argc, char **argv);
  /* Inside: reads the sources; game NULL: describe only. Writes the JSON of LQ_GUEST_LOADED into
   * out; {"error": "file:line: what", "stack": "..."} when they do not load. */
  void (*load)(const lq_game *game, const lq_guest_file *file, uint32_t count, lq_writer *out);
  /* Runs a system or a handler; ends the view (lq_guest_view_end) and returns its bytes. */
  size_t (*call)(lq_guest_view *view);
  /* After a call: the process is not what it was when the sources had been loaded, and ends. May be
   * NULL. */
  bool (*spoiled)(void);
} lq_runtime;

/* The jail's main; does not return. argc, argv: as main got them. */
_Noreturn void lq_jail_main(const lq_runtime *runtime, int argc, char **argv);

#endif
