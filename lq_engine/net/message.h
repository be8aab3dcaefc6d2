/* The JSON protocol: messages of clients to commands, results to messages. No sockets here.
 *
 * In:  {"action":"join",...} and {"cmd":"move","entity":"p1","vec":[0,1,0],"id":"c1"}
 * Out: joined, state, snapshot, ack, events, error; see docs/protocol.md.
 * Every way out takes a viewer and obeys lq_session_may_see: an entity is shown when one of its
 * components is visible to the viewer, or when it has none. */
#ifndef LQ_ENGINE_NET_MESSAGE_H
#define LQ_ENGINE_NET_MESSAGE_H

#include "lq_engine/net/json.h"
#include "lq_engine/session/session.h"

#define LQ_MESSAGE_TRACE_BYTES 56u /* a traceparent, with its NUL */

typedef enum lq_message_kind {
  LQ_MESSAGE_JOIN = 1,
  LQ_MESSAGE_COMMAND,
  LQ_MESSAGE_LEAVE,
  LQ_MESSAGE_PING
} lq_message_kind;

typedef struct lq_message {
  lq_message_kind kind;
  lq_json json;                /* the whole object, borrowed */
  char id[LQ_CLIENT_ID_BYTES]; /* "" when absent */
  /* command: W3C Trace Context, as it came; "" when absent */
  char traceparent[LQ_MESSAGE_TRACE_BYTES];
  /* join: "" when absent */
  char tenant[LQ_TENANT_BYTES], game[LQ_TENANT_BYTES], session[LQ_ID_BYTES], player[LQ_ID_BYTES],
      team[LQ_ID_BYTES];
  bool receipts; /* join: a signed receipt is wanted for each slice */
  /* join: "seen":{"tick":131,"seq":0}, the last event a resuming client has; both are needed when
   * given */
  bool has_seen;
  uint64_t seen_tick, seen_seq;
  /* Last, for lq_message_read does not clear them: texts. */
  char resume[128], token[1024];
} lq_message;

/* Reads the envelope. On an error `out->id` is set when it could be read, so that the answer can
 * name it. Unknown and repeated members of a join, leave or ping are refused (LQ_ERR_INVALID names
 * them): a misspelt one must not be lost in silence. A join names its tenant and game. */
LQ_MUST lq_err lq_message_read(lq_span text, lq_message *out, lq_diag *diag);
/* The command of a COMMAND message in journal form: body is written to `body`, out->body borrows
 * it; slot and seq are the caller's and are left as they were. Every field is required. Unknown or
 * missing members, wrong types and ranges: LQ_ERR_INVALID or LQ_ERR_RANGE naming the field;
 * LQ_ERR_UNKNOWN_COMMAND. Built-ins cannot be sent by a client: LQ_ERR_FORBIDDEN. */
LQ_MUST lq_err lq_message_command(const lq_game *game, const lq_message *message, lq_writer *body,
                                  lq_command *out, lq_diag *diag);
/* A JSON object of a record's fields to its row encoding (used above, by REST and by game.yaml's
 * scenes through JSON). `skip` names members of the envelope to pass over ("cmd", "id", ...; at
 * most 32), NULL-terminated; NULL = none. Every field is required, no other member is taken. Errors
 * as of lq_message_command, LQ_ERR_TOO_BIG when `out` has no room; then nothing is written. */
LQ_MUST lq_err lq_record_from_json(const lq_record *record, lq_json object, const char *const *skip,
                                   lq_writer *out, lq_diag *diag);
/* Fields of an encoded record as JSON members: "x":3,"y":4 (no braces, leading comma when `comma`).
 * False when the bytes are malformed. */
bool lq_record_to_json(const lq_record *record, lq_reader *body, bool comma, lq_writer *out);
/* Fields of a row as JSON members. */
void lq_row_to_json(const lq_record *record, const void *row, const lq_entity_names *names,
                    lq_writer *out);

/* ---- out; each writes one JSON text; a writer that is too small turns failed ---- */
/* {"evt":"joined","session":..,"player":..,"tick":..,"hz":..,"resume":..,"state":{..}} */
void lq_message_joined(lq_session *session, const lq_viewer *viewer, const char *session_name,
                       const char *player, const char *resume, lq_writer *out);
/* {"evt":"snapshot","tick":..,"state":{..}}: to resynchronise a slow reader. */
void lq_message_snapshot(lq_session *session, const lq_viewer *viewer, lq_writer *out);
/* Only the {...} of all visible entities. */
void lq_message_state_object(lq_session *session, const lq_viewer *viewer, lq_writer *out);
/* Only the [...] of what touches, of bodies whose Place and Shape the viewer sees, at most
 * LQ_MESSAGE_CONTACTS_MAX: [{"a":"box","b":"floor","normal":[0,-1,0],"points":[[1,0,2]]}]; a
 * sensor's have no normal. For those who draw it. Between a tick and the next. */
#define LQ_MESSAGE_CONTACTS_MAX 4096u
void lq_message_contacts(lq_session *session, const lq_viewer *viewer, lq_writer *out);
/* {"evt":"state","tick":..,"set":{..},"del":[..]}; a removed component is null inside set. False
 * (nothing written) when the viewer sees no change. Between a tick and the next. */
bool lq_message_delta(lq_session *session, const lq_viewer *viewer, lq_writer *out);
/* True when every viewer gets the same delta this tick: it can be encoded once. */
bool lq_message_delta_uniform(lq_session *session);
/* {"evt":"treasure.collected","player":"p1","value":100,"tick":131,"seq":0}. False when malformed.
 */
bool lq_message_event(const lq_game *game, uint64_t tick, const lq_event *event, lq_writer *out);
void lq_message_ack(const char *id, uint64_t tick, lq_writer *out);
/* {"evt":"error","code":..,"message":..,"mend":..,"id":..}; NULL message or mend: the error's own;
 * "" id: left out. */
void lq_message_error(lq_err code, const char *message, const char *mend, const char *id,
                      lq_writer *out);
/* A journaled command as JSON: {"id":"c1","player":"p1","cmd":"move",...}; player is the caller's
 * text for the slot. */
bool lq_command_to_json(const lq_game *game, const lq_command *command, const char *player,
                        lq_writer *out);
/* The release as clients and tools read it: name, version, hz, constants, components, commands,
 * events (fields, kinds, who sees). */
void lq_game_to_json(const lq_game *game, const char *release_id, lq_writer *out);

#endif
