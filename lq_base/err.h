/* Operating errors: one append-only list, shared by every floor and by the wire.
 *
 * An lq_err can happen in a correct program and somebody handles it. A programmer error is an
 * LQ_CHECK, which is on in release builds too. Data from a client, file, guest or wire is never
 * LQ_CHECKed. Wire: lq_err_name() is the "code" of an error frame and of a problem+json body. */
#ifndef LQ_BASE_ERR_H
#define LQ_BASE_ERR_H

#include <stdbool.h>
#include <stdint.h>

#define LQ_MUST __attribute__((warn_unused_result))

/* X(name, HTTP status, worth retrying unchanged, cause, mend). Append only: the numbers are in
 * journals. */
#define LQ_ERR_LIST(X)                                                                             \
  X(OK, 200, 0, "no error", "nothing to do")                                                       \
  X(ERR_FULL, 507, 0, "a fixed limit of this session or tenant is reached",                        \
    "raise the limit in game.yaml, or remove something first")                                     \
  X(ERR_STALE, 409, 0, "the entity does not exist any more",                                       \
    "take a fresh state and use a live entity")                                                    \
  X(ERR_NOT_FOUND, 404, 0, "no such thing here", "check the name; list what exists")               \
  X(ERR_EXISTS, 409, 0, "a thing with that name exists already", "choose another name")            \
  X(ERR_INVALID, 400, 0, "the value does not fit what is declared",                                \
    "send what the schema declares")                                                               \
  X(ERR_RANGE, 400, 0, "the number is out of range", "send a value inside the declared range")     \
  X(ERR_SYNTAX, 400, 0, "the text is not well formed", "mend the text at the place named")         \
  X(ERR_UTF8, 400, 0, "the text is not valid UTF-8", "send valid UTF-8")                           \
  X(ERR_DEPTH, 400, 0, "the text is nested too deeply", "flatten it")                              \
  X(ERR_TOO_BIG, 413, 0, "the message is larger than the limit", "send less in one message")       \
  X(ERR_TRUNCATED, 400, 0, "the data ends too early", "send the whole of it")                      \
  X(ERR_CORRUPT, 500, 0, "stored data fails its check",                                            \
    "restore the data folder from a backup, then run lq session verify")                           \
  X(ERR_VERSION, 409, 0, "the data was written by another version",                                \
    "use the version that wrote it, or migrate")                                                   \
  X(ERR_UNKNOWN_COMMAND, 400, 0, "the game declares no such command",                              \
    "use a command of game.yaml")                                                                  \
  X(ERR_UNKNOWN_TENANT, 404, 0, "no such tenant", "check the tenant's name")                       \
  X(ERR_UNKNOWN_GAME, 404, 0, "no such game",                                                      \
    "check the game's name; lq dev and lq serve print the games they serve")                       \
  X(ERR_UNKNOWN_SESSION, 404, 0, "no such session",                                                \
    "list the sessions, or join without naming one")                                               \
  X(ERR_NOT_OWNER, 403, 0, "that entity belongs to somebody else", "command an entity you own")    \
  X(ERR_FORBIDDEN, 403, 0, "not allowed", "ask whoever operates this server")                      \
  X(ERR_UNAUTHORIZED, 401, 0, "a valid token is needed", "send the token that lq serve printed")   \
  X(ERR_NOT_JOINED, 409, 0, "this connection has not joined a session",                            \
    "send a join message first")                                                                   \
  X(ERR_RATE, 429, 1, "too many messages", "slow down and try again")                              \
  X(ERR_BUSY, 503, 1, "the server is at its limit", "try again in a moment")                       \
  X(ERR_ENDED, 410, 0, "the session has ended", "join or create another session")                  \
  X(ERR_FENCED, 409, 1, "another worker owns the session now", "connect again")                    \
  X(ERR_CONFLICT, 409, 1, "somebody changed it first", "read it again and repeat")                 \
  X(ERR_IO, 500, 1, "reading or writing a file failed", "check the disk, then start again")        \
  X(ERR_DISK_FULL, 507, 1, "the disk is full", "free some space; nothing acknowledged was lost")   \
  X(ERR_LOCKED, 423, 1, "another process uses this data folder",                                   \
    "stop it, or choose another folder with LQ_DATA")                                              \
  X(ERR_MEMORY, 503, 1, "out of memory", "give the machine more memory or run fewer sessions")     \
  X(ERR_NET, 502, 1, "the network connection failed", "check the address and try again")           \
  X(ERR_PORT_IN_USE, 500, 0, "the port is in use", "choose another with LQ_PORT")                  \
  X(ERR_SLOW, 503, 1, "the connection reads too slowly",                                           \
    "connect again; a snapshot brings you up to date")                                             \
  X(ERR_IDLE, 408, 1, "nothing was heard for too long", "connect again with the resume token")     \
  X(ERR_MIGRATE, 409, 0, "the new release cannot take over the sessions of the old one",           \
    "declare the change under migrate: in game.yaml")                                              \
  X(ERR_BUILD, 422, 0, "the game does not build", "mend game.yaml or the sources as said")         \
  X(ERR_UNSUPPORTED, 415, 0, "not supported here", "use what the documentation lists")             \
  X(ERR_METHOD, 405, 0, "the method is not allowed on this address", "see /v1/openapi.json")       \
  X(ERR_IDEMPOTENCY, 422, 0, "this Idempotency-Key was used with another body", "use a new key")   \
  X(ERR_INTERNAL, 500, 0, "a fault inside the engine", "please report it with the log")            \
  X(ERR_GUEST, 502, 0, "the game's own code for this failed and was left out",                     \
    "mend the code as the session's log says; a new release starts it again")

typedef enum lq_err {
#define X(name, http, retry, cause, mend) LQ_##name,
  LQ_ERR_LIST(X)
#undef X
      LQ_ERR_COUNT
} lq_err;

/* Each takes any value; an unknown one reads as LQ_ERR_INTERNAL. */
const char *lq_err_name(lq_err err);  /* "LQ_ERR_STALE"; "LQ_OK" */
const char *lq_err_cause(lq_err err); /* one sentence, no full stop */
const char *lq_err_mend(lq_err err);
int lq_err_http(lq_err err);
bool lq_err_retry(lq_err err);

/* A cause in the caller's words, for people. Zero is "nothing to say". */
typedef struct lq_diag {
  lq_err code;
  uint32_t line;   /* from 1; 0 = not about a text */
  uint32_t column; /* from 1 */
  char message[256];
  char mend[160];
} lq_diag;

/* Fills diag (may be NULL) with code and a printf-formatted message; returns code. */
lq_err lq_diag_set(lq_diag *diag, lq_err code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Stops the process with a message, in release builds too: for programmer errors only. */
_Noreturn void lq_check_failed(const char *expression, const char *file, int line);
#define LQ_CHECK(expression)                                                                       \
  ((expression) ? (void)0 : lq_check_failed(#expression, __FILE__, __LINE__))

#endif
