/* What one client believes: a mirror fed with the texts a player receives (docs/protocol.md).
 *
 * Shape: a sorted list of (entity, component) with the component's canonical JSON, so that two
 * mirrors of the same state write the same bytes whatever came in which order. Canonical: members
 * of every object in byte order of their names, no spaces, strings escaped as the engine does,
 * numbers as they came. Strict: unknown or missing members, and deltas that cannot be (a component
 * or an entity goes that was not there, an entity is set and deleted at once, a tick does not rise)
 * are refused.
 * Limits: CLIENT_VIEW_ITEMS_MAX components of all entities, CLIENT_VIEW_TEXT_BYTES each. */
#ifndef LQ_APPS_LQSIM_MODEL_CLIENT_VIEW_H
#define LQ_APPS_LQSIM_MODEL_CLIENT_VIEW_H

#include "lq_engine/net/json.h"

#define CLIENT_VIEW_ITEMS_MAX 65536u  /* entities without components count as one */
#define CLIENT_VIEW_TEXT_BYTES 16384u /* a component of 1,024 bytes, written in JSON */

typedef enum client_message_kind {
  CLIENT_MESSAGE_JOINED = 1,
  CLIENT_MESSAGE_ACK,
  CLIENT_MESSAGE_STATE, /* a delta; with `snapshot` the whole */
  CLIENT_MESSAGE_EVENT,
  CLIENT_MESSAGE_ERROR,
  CLIENT_MESSAGE_OTHER, /* a pong */
} client_message_kind;

/* What is not in the message is "" or 0. */
typedef struct client_message {
  client_message_kind kind;
  bool snapshot;
  uint64_t tick;
  uint32_t seq;                /* event */
  uint32_t hz;                 /* joined */
  char id[LQ_CLIENT_ID_BYTES]; /* ack, error */
  char code[LQ_NAME_BYTES];    /* error: "LQ_ERR_BUSY" */
  char evt[LQ_NAME_BYTES];     /* "joined", or the event's name */
  char player[LQ_ID_BYTES];    /* joined */
  char session[LQ_ID_BYTES];   /* joined */
  char resume[256];            /* joined */
  lq_span text;                /* the whole message; borrowed from the caller */
} client_message;

typedef struct client_view client_view;

client_view *client_view_open(void); /* NULL: out of memory */
void client_view_close(client_view *view);
/* One text from the server; `joined` begins anew. False: it is no legal message of the protocol at
 * this point, and `why` says so; the mirror is of no use then until the next `joined`. */
bool client_view_text(client_view *view, const char *text, size_t bytes, client_message *out,
                      char *why, size_t why_bytes);
/* Has a joined come? */
bool client_view_joined(const client_view *view);
/* The tick of the newest joined, state or snapshot. */
uint64_t client_view_tick(const client_view *view);
/* The mirrored state as canonical JSON. */
void client_view_write(const client_view *view, lq_writer *out);
/* A state object (of a joined, of REST, of lq_message_state_object) in canonical form. False: it is
 * none, or out of memory. */
bool client_view_canonical(const char *state_json, size_t bytes, lq_writer *out);

#endif
