/* What an engine and a guest's process say to each other: bytes in shared memory, small messages
 * beside them.
 *
 * A call holds a copy of the columns that the guest may see, made for this call alone: what the
 * guest writes into it, its later calls and everybody else never see. A reply is an ordered list of
 * changes. All integers are little-endian; offsets count from the start of the call.
 *
 * call:  lq_guest_call, then 8-aligned: live bits (a word for 64 rows), lq_guest_entity each row,
 *        32 bytes id each row, lq_guest_column each column, each column's bits and rows, the state,
 *        the command's row (as the record lies in memory; entities as handles)
 * reply: lq_guest_reply, then `changes_bytes` of changes, `state_bytes` of state, `text_bytes` text
 * change: u8 lq_guest_op, then as said there; integers are varints, handles u64
 * text:  of an error: "file:line: what is wrong" and a line for each place on the stack, the newest
 *        first; of a refusal: its reason
 *
 * Messages are lq_guest_message datagrams on one SOCK_SEQPACKET socket; the bytes they speak of lie
 * in slot `slot` of the mapping: what goes to the guest at its start, what comes from it at
 * LQ_GUEST_CALL_BYTES_MAX. */
#ifndef LQ_ENGINE_GUEST_WIRE_H
#define LQ_ENGINE_GUEST_WIRE_H

#include "lq_base/bytes.h"
#include "lq_base/limits.h"
#include "lq_base/random.h"

#define LQ_GUEST_CALL_MAGIC 0x43475151u  /* "QQGC" */
#define LQ_GUEST_REPLY_MAGIC 0x52475151u /* "QQGR" */
#define LQ_GUEST_WIRE 1u                 /* version of all this */

typedef enum lq_guest_kind { LQ_GUEST_SYSTEM = 1, LQ_GUEST_COMMAND } lq_guest_kind;

typedef struct lq_guest_call {
  uint32_t magic, version;
  uint32_t bytes; /* of the whole call */
  uint32_t kind;  /* lq_guest_kind */
  uint32_t index; /* of the system in game->system, or of the command in game->command */
  uint32_t actor; /* LQ_GUEST_COMMAND: the player's slot; 0 = the host */
  uint64_t tick;
  uint32_t tick_us; /* length of a tick; 0 for on_command */
  uint32_t row_count;
  lq_prng prng; /* the session's: draws are told in the reply */
  uint32_t live_at, entity_at, id_at, column_at;
  uint32_t column_count;
  uint32_t state_at, state_bytes;
  uint32_t body_at, body_bytes;
  uint32_t zero;
} lq_guest_call;
_Static_assert(sizeof(lq_guest_call) == 112, "no padding");

/* Handle of row r: (uint64_t)generation << 32 | (r + 1). */
typedef struct lq_guest_entity {
  uint32_t generation;
  uint16_t owner, zero;
} lq_guest_entity;

typedef struct lq_guest_column {
  uint32_t type, row_bytes; /* index in the schema */
  uint32_t has_at, rows_at; /* bits as of live; rows 0..row_count-1; rows_at 0 for a tag */
} lq_guest_column;

typedef enum lq_guest_status {
  LQ_GUEST_DONE = 0,
  LQ_GUEST_REFUSED, /* of a command: as lq_sys_api.refuse; the changes are not looked at */
  LQ_GUEST_RAISED,  /* the guest's own mistake: an exception, a trap */
  LQ_GUEST_SPENT,   /* its budget of instructions or memory */
} lq_guest_status;

typedef struct lq_guest_reply {
  uint32_t magic, version;
  uint32_t bytes; /* of the whole reply */
  uint32_t status;
  uint32_t draws; /* how often lq_prng_next was called */
  uint32_t changes_bytes, state_bytes, text_bytes;
} lq_guest_reply;
_Static_assert(sizeof(lq_guest_reply) == 32, "no padding");

typedef enum lq_guest_op {
  LQ_GUEST_SET = 1, /* handle, type, field, first element, count, the elements as in memory */
  LQ_GUEST_ADD,     /* handle, type, u8 1 and the row, or u8 0: defaults */
  LQ_GUEST_REMOVE,  /* handle, type */
  LQ_GUEST_CREATE,  /* sized id ("" is made up), owner: its handle is LQ_GUEST_NEW | n, n from 0 */
  LQ_GUEST_DELETE,  /* handle; one that is deleted in this reply already is let be */
  LQ_GUEST_EMIT,    /* event, its row as in memory */
  LQ_GUEST_WAKE,    /* u64 tick: as lq_sys_api.wake_at */
  LQ_GUEST_SEND,    /* command, its row as in memory: as lq_sys_api.command */
} lq_guest_op;      /* grows at its end; the version stays while the rest is as it was */
/* In entity fields of rows, too. */
#define LQ_GUEST_NEW 0x8000000000000000ull

/* ---- messages ---- */
typedef enum lq_guest_say {
  LQ_GUEST_READY = 1, /* from the guest: its process is up and shut in */
  LQ_GUEST_LOAD, /* once: sized encoded game (empty: only describe), varint count, each: sized name,
                    sized text */
  LQ_GUEST_LOADED, /* JSON, see docs/guests.md: what there is, or {"error": ...} */
  LQ_GUEST_ASK,    /* a call */
  LQ_GUEST_ANSWER, /* a reply */
} lq_guest_say;
typedef struct lq_guest_message {
  uint32_t say, slot, bytes, zero;
} lq_guest_message;

#define LQ_GUEST_SLOTS 8u /* calls a process may hold at a time */
#define LQ_GUEST_SLOT_BYTES (LQ_GUEST_CALL_BYTES_MAX + LQ_GUEST_REPLY_BYTES_MAX)
#define LQ_GUEST_SOCKET 3 /* file descriptors of a guest's process */
#define LQ_GUEST_MAPPING 4

#endif
