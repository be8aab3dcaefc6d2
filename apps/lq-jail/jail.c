/* A jail's main: start, shut in, then one message after another until the parent goes. What it
 * cannot understand ends it with words: the parent starts another. */
#include "apps/lq-jail/jail_int.h"
#include "apps/lq-jail/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FILES_MAX = 4096, EXIT_START = 1, EXIT_MESSAGE = 2, EXIT_MEMORY = 3 };
static const size_t mapping_bytes = (size_t)LQ_GUEST_SLOTS * LQ_GUEST_SLOT_BYTES;

typedef struct jail {
  const lq_runtime *runtime;
  uint8_t *mapping;
  lq_game *game; /* NULL: not loaded, or only described */
  bool loaded;
} jail;

static _Noreturn void end(int code, const char *words) {
  lqi_say("%s", words);
  _exit(code);
}

/* ---- messages ---- */

static void send_message(lq_guest_message message) {
  if (send(LQ_GUEST_SOCKET, &message, sizeof message, MSG_NOSIGNAL) != (ssize_t)sizeof message)
    _exit(0); /* the parent has gone */
}

static lq_guest_message receive_message(void) {
  lq_guest_message message[2]; /* room for one that is too long */
  ssize_t got;
  do got = recv(LQ_GUEST_SOCKET, message, sizeof message, 0);
  while (got < 0 && errno == EINTR);
  if (got <= 0) _exit(0);
  if (got != (ssize_t)sizeof *message) end(EXIT_MESSAGE, "a message of a wrong length");
  if (message->slot >= LQ_GUEST_SLOTS) end(EXIT_MESSAGE, "a message for a slot that is not there");
  if (message->bytes > LQ_GUEST_CALL_BYTES_MAX || message->zero)
    end(EXIT_MESSAGE, "a message longer than its slot");
  return *message;
}

/* ---- load ---- */

static void *memory_take(size_t bytes) {
  void *memory = calloc(1, bytes ? bytes : 1);
  if (!memory) end(EXIT_MEMORY, "no memory to load the game: it is larger than a guest may be");
  return memory;
}

static lq_game *game_read(lq_span encoded) {
  if (encoded.bytes == 0) return NULL;
  size_t bytes = lq_game_arena_bytes(encoded);
  lq_arena arena = lq_arena_of(memory_take(bytes), bytes);
  lq_game *game = NULL;
  lq_diag diag = {0};
  lq_err err = lq_game_decode(encoded, &arena, &game, &diag);
  if (err) {
    lqi_say("the game cannot be read: %s: %s", lq_err_cause(err), diag.message);
    _exit(EXIT_MESSAGE);
  }
  return game;
}

/* The sources are copied first: the slot is the parent's. They live as long as the process. */
static void load(jail *j, const lq_guest_message *message) {
  if (j->loaded) end(EXIT_MESSAGE, "a second game for one process");
  const uint8_t *slot = j->mapping + (size_t)message->slot * LQ_GUEST_SLOT_BYTES;
  uint8_t *copy = memory_take(message->bytes);
  memcpy(copy, slot, message->bytes);
  lq_reader in = lq_reader_of(lq_span_of(copy, message->bytes));
  lq_span encoded = lq_read_sized(&in);
  uint64_t count = lq_read_varint(&in);
  if (in.failed || count > FILES_MAX) end(EXIT_MESSAGE, "sources that do not fit their message");
  lq_guest_file *file = memory_take((size_t)count * sizeof *file);
  for (uint32_t i = 0; i < count; i++) {
    file[i].name = lq_read_sized(&in);
    file[i].text = lq_read_sized(&in);
  }
  if (!lq_reader_done(&in)) end(EXIT_MESSAGE, "sources that do not fit their message");
  j->game = game_read(encoded);
  j->loaded = true;
  lq_writer out = lq_writer_of(j->mapping + (size_t)message->slot * LQ_GUEST_SLOT_BYTES +
                                   LQ_GUEST_CALL_BYTES_MAX,
                               LQ_GUEST_REPLY_BYTES_MAX);
  j->runtime->load(j->game, file, (uint32_t)count, &out);
  if (out.failed) {
    out.failed = false;
    out.bytes = 0;
    lq_write_text(&out,
                  "{\"error\":\"what the sources declare does not fit 4 MiB: declare less\"}");
  }
  send_message((lq_guest_message){LQ_GUEST_LOADED, message->slot, (uint32_t)out.bytes, 0});
}

/* ---- ask ---- */

static void ask(jail *j, const lq_guest_message *message) {
  if (!j->game) end(EXIT_MESSAGE, "a call before a game");
  uint8_t *call = j->mapping + (size_t)message->slot * LQ_GUEST_SLOT_BYTES;
  lq_guest_view view;
  lq_err err = lq_guest_view_begin(&view, j->game, call, message->bytes,
                                   call + LQ_GUEST_CALL_BYTES_MAX, LQ_GUEST_REPLY_BYTES_MAX);
  if (err == LQ_ERR_VERSION) end(EXIT_MESSAGE, "a call of another version of lq");
  if (err) end(EXIT_MESSAGE, "a call that does not fit the game");
  size_t bytes = j->runtime->call(&view);
  send_message((lq_guest_message){LQ_GUEST_ANSWER, message->slot, (uint32_t)bytes, 0});
  if (j->runtime->spoiled && j->runtime->spoiled())
    end(EXIT_MESSAGE, "a call changed what lives on between ticks");
}

static _Noreturn void serve(jail *j) {
  send_message((lq_guest_message){.say = LQ_GUEST_READY});
  for (;;) {
    lq_guest_message message = receive_message();
    if (message.say == LQ_GUEST_LOAD)
      load(j, &message);
    else if (message.say == LQ_GUEST_ASK)
      ask(j, &message);
    else
      end(EXIT_MESSAGE, "a message of an unknown kind");
  }
}

/* ---- start ---- */

static const char *yes(bool is) { return is ? "true" : "false"; }

/* Shuts itself in as for a guest, and says into stderr what it got. */
static _Noreturn void report_inside(const lq_runtime *runtime) {
  lqi_sandbox got;
  lqi_sandbox_begin(&got);
  bool shut = lqi_sandbox_end(&got, runtime->memory_bytes + mapping_bytes, runtime->opens);
  lqi_say("{\"shut\":%s,\"seccomp\":%s,\"no_new_privs\":%s,\"user_namespace\":%s,"
          "\"mount_namespace\":%s,\"net_namespace\":%s,\"ipc_namespace\":%s,"
          "\"uts_namespace\":%s,\"empty_root\":%s,\"nobody\":%s,\"no_capabilities\":%s,"
          "\"no_clock\":%s,\"landlock\":%u}",
          yes(shut), yes(got.seccomp), yes(got.no_new_privs), yes(got.user_namespace),
          yes(got.mount_namespace), yes(got.net_namespace), yes(got.ipc_namespace),
          yes(got.uts_namespace), yes(got.empty_root), yes(got.nobody), yes(got.no_capabilities),
          yes(got.no_clock), got.landlock);
  _exit(shut ? 0 : EXIT_START);
}

/* For lq doctor: a child is shut in, and what it says goes to stdout. Where it is not shut, the
 * words why stand in front of the report. */
static _Noreturn void report(const lq_runtime *runtime) {
  int ends[2], status = 0;
  char text[2048];
  size_t bytes = 0;
  if (pipe2(ends, O_CLOEXEC)) end(EXIT_START, "no pipe for a report");
  pid_t pid = fork();
  if (pid == 0 && dup2(ends[1], STDERR_FILENO) == STDERR_FILENO) report_inside(runtime);
  (void)close(ends[1]);
  if (pid <= 0) end(EXIT_START, "no process for a report");
  for (ssize_t got = 1; got > 0 && bytes<sizeof text; bytes += got> 0 ? (size_t)got : 0)
    got = read(ends[0], text + bytes, sizeof text - bytes);
  bool told = waitpid(pid, &status, 0) == pid && status == 0;
  _exit(write(STDOUT_FILENO, text, bytes) == (ssize_t)bytes && told ? 0 : EXIT_START);
}

static uint8_t *mapping_take(void) {
  struct stat about;
  int kind = 0;
  socklen_t kind_bytes = sizeof kind;
  bool spoken_to = getsockopt(LQ_GUEST_SOCKET, SOL_SOCKET, SO_TYPE, &kind, &kind_bytes) == 0 &&
                   kind == SOCK_SEQPACKET && fstat(LQ_GUEST_MAPPING, &about) == 0 &&
                   (uint64_t)about.st_size == mapping_bytes;
  if (!spoken_to)
    end(EXIT_START, "this program runs guests for lq, which starts it; by hand it only knows "
                    "--report");
  void *memory = mmap(NULL, mapping_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, LQ_GUEST_MAPPING, 0);
  if (memory == MAP_FAILED) end(EXIT_START, "the shared memory cannot be mapped");
  (void)close(LQ_GUEST_MAPPING);
  return memory;
}

_Noreturn void lq_jail_main(const lq_runtime *runtime, int argc, char **argv) {
  static jail j;
  if (argc == 2 && strcmp(argv[1], "--report") == 0) report(runtime);
  lqi_sandbox got;
  j.runtime = runtime;
  j.mapping = mapping_take();
  lqi_sandbox_begin(&got);
  if (!runtime->start(argc > 1 ? argc - 1 : 0, argv + 1))
    end(EXIT_START, "the language does not start");
  if (!lqi_sandbox_end(&got, runtime->memory_bytes + mapping_bytes, runtime->opens))
    _exit(EXIT_START);
  /* A parent that ended before PR_SET_PDEATHSIG is not missed: its end of the socket is closed. */
  serve(&j);
}
