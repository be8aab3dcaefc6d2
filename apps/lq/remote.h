/* What `lq token`, `tenant`, `user` and `key` share: a call to a server's REST, and its answer.
 *
 * Shape: to a running server, with a key or a token; or, with --data, to the folder itself, through
 * a gateway that this process opens for itself on a free port of this machine. So there is one
 * implementation of each command, the server's. Whoever has the folder and its keys in hand may do
 * there what an operator, or the tenant's admin, may do (lq_access_console). */
#ifndef LQ_APPS_LQ_REMOTE_H
#define LQ_APPS_LQ_REMOTE_H

#include "apps/lq/server.h"
#include "lq_engine/net/json.h"
#include "lq_host/fetch.h"

/* The options of each such command, first in its list, and their numbers. */
enum { LQ_REMOTE_SERVER, LQ_REMOTE_KEY, LQ_REMOTE_TOKEN, LQ_REMOTE_DATA, LQ_REMOTE_COUNT };
#define LQ_REMOTE_OPTIONS                                                                          \
  {"server", "URL", "server to ask (LQ_SERVER, http://127.0.0.1:LQ_PORT)"},                        \
      {"key", "KEY", "API key (LQ_KEY)"}, {"token", "TOKEN", "token instead of a key (LQ_TOKEN)"}, \
  {                                                                                                \
    "data", "PATH", "no server: this data folder itself"                                           \
  }

typedef struct lq_remote {
  lq_loop *loop;
  lq_fetch *fetch;
  char base[512];
  char token[LQ_TOKEN_BYTES];
  uint8_t *answer; /* of the last call */
  size_t answer_bytes;
  /* of --data */
  lq_place place;
  lq_shard *shard;
  lq_gateway *gateway;
  lq_access *access;
} lq_remote;

/* as: whose admin the console is, with --data and no key; LQ_STORE_PLATFORM: the operator. about:
 * the tenant it is about, opened if it can be; NULL: none. Both and the folder must be there,
 * unless `make`. */
LQ_MUST lq_err lq_remote_open(const lq_cli *cli, const char *as, const char *about, bool make,
                              lq_remote *out, lq_diag *diag);
void lq_remote_close(lq_remote *remote);
/* Waits for the answer: a JSON value, borrowed until the next call. An error of the server is ours,
 * with its words. body: JSON, or empty. */
LQ_MUST lq_err lq_remote_call(lq_remote *remote, const char *method, const char *path, lq_span body,
                              lq_json *out, lq_diag *diag);

#endif
