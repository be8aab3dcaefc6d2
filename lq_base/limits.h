/* Every fixed limit, with its unit and the reason for its size. Full is a clear error, for one
 * tenant only. */
#ifndef LQ_BASE_LIMITS_H
#define LQ_BASE_LIMITS_H

/* Names and ids. */
#define LQ_NAME_BYTES                                                                              \
  32u                   /* a name of a type, field, command, event, with its NUL: 31 characters    \
                         */
#define LQ_ID_BYTES 32u /* an entity's stable id ("p1") or a session's name, with its NUL */
#define LQ_CLIENT_ID_BYTES 48u /* a client's command id, with its NUL: holds a UUID */
#define LQ_TENANT_BYTES                                                                            \
  32u /* tenant and game names, with NUL; [a-z0-9-] so that keys need no escape */

/* A game. */
#define LQ_COMPONENTS_MAX 64u  /* component types of a game: a query is one 64-bit word */
#define LQ_FIELDS_MAX 32u      /* fields of one record type */
#define LQ_ROW_BYTES_MAX 1024u /* one component, command or event: fits a tick's stack frame */
#define LQ_COMMANDS_MAX 256u   /* command types of a game, built-in ones included */
#define LQ_EVENTS_MAX 256u     /* event types of a game */
#define LQ_SYSTEMS_MAX 128u    /* systems of a game */
#define LQ_CONSTANTS_MAX 256u  /* named integers of a game */
#define LQ_SCENE_ENTITIES_MAX 65536u
#define LQ_GAME_BYTES_MAX                                                                          \
  (8u << 20) /* game.yaml and an encoded release: the whole design fits in 8 MiB */
#define LQ_GAME_ASSETS_MAX 256u /* cooked shapes of a game, all within LQ_GAME_BYTES_MAX */

/* A session. */
#define LQ_ENTITIES_DEFAULT 1024u  /* when game.yaml says nothing */
#define LQ_ENTITIES_MAX (1u << 21) /* rows of one world */
#define LQ_PLAYERS_DEFAULT 64u
#define LQ_PLAYERS_MAX                                                                             \
  1024u                   /* players of one session: fifty people in a room, twenty times over     \
                           */
#define LQ_DEDUPE_IDS 64u /* last command ids remembered per player, for exactly-once commands */
#define LQ_TICK_COMMANDS_MAX 4096u        /* commands one tick takes; the rest is refused as busy */
#define LQ_TICK_EVENTS_BYTES (256u << 10) /* events one tick may emit */
#define LQ_TICK_MUTATIONS_BYTES (256u << 10) /* audited changes one tick may record */
#define LQ_DEFER_BYTES (256u << 10)          /* structural changes one system may defer */
#define LQ_TICK_SENT_MAX                                                                           \
  256u /* commands that a tick's own code may send: each may be a guest's call, some 30 us */
#define LQ_HZ_MAX 60u
#define LQ_HZ_DEFAULT 20u
#define LQ_MONEY_MAX 1000000000000000ll /* minor units; sums of 9,000 of them still fit an i64 */

/* Guests: code of a game's author, in a process of its own. */
#define LQ_GUEST_CALL_BYTES_MAX                                                                    \
  (12u << 20) /* the columns one call sees: 100,000 rows of some types */
#define LQ_GUEST_REPLY_BYTES_MAX (4u << 20) /* far more changes than a tick may make */
#define LQ_GUEST_STATE_BYTES_MAX                                                                   \
  4096u /* what a system of a guest keeps between ticks: saved and hashed each tick */
#define LQ_GUEST_STRIKES_MAX 3u       /* so many failures suspend it for the session */
#define LQ_GUEST_TEXT_BYTES_MAX 4096u /* words of an error, its stack included */
#define LQ_GUEST_DRAWS_MAX                                                                         \
  1000000u /* random numbers one call may draw: the engine draws them too */

/* The wire. */
#define LQ_JSON_DEPTH_MAX 16u /* nesting of a message: ours need 5 */
#define LQ_WS_MESSAGE_BYTES_MAX                                                                    \
  (64u << 10) /* one message of a client; a command is about 100 bytes */
#define LQ_HTTP_HEADER_BYTES_MAX (16u << 10)
#define LQ_HTTP_BODY_BYTES_MAX (1u << 20)
#define LQ_HTTP_HEADERS_MAX 64u
#define LQ_CONNECTIONS_MAX 65536u /* open sockets of one process */
#define LQ_CONN_OUT_BYTES_MAX                                                                      \
  (256u << 10) /* unsent bytes before a slow reader is resynchronised                              \
                */
#define LQ_CONN_MESSAGES_PER_S                                                                     \
  100u                         /* token bucket of one connection: refill, and burst of twice this */
#define LQ_CONN_IDLE_MS 60000u /* no byte for this long: pinged at half of it, then closed */
#define LQ_CONN_HEADER_MS 10000u /* a whole HTTP request must arrive within this */

/* Durable things. */
#define LQ_SLICE_BYTES_MAX (1u << 20)   /* one slice record */
#define LQ_COMMIT_BYTES_MAX (16u << 20) /* one group commit */
#define LQ_CHECKPOINT_TICKS                                                                        \
  6000u /* a checkpoint at least every so many ticks: 100 s at 60 Hz ... */
#define LQ_CHECKPOINT_BYTES                                                                        \
  (256u << 10)                /* ... or so many journal bytes, so that waking is bounded */
#define LQ_HIBERNATE_MS 5000u /* a session without connections and timers sleeps after this */

/* Physics. Single floats place a body to half a millimetre at the reach. */
#define LQ_PHYSICS_BODIES_MAX 65536u
#define LQ_PHYSICS_CONTACTS_MAX (1u << 20)
#define LQ_PHYSICS_ASSETS_MAX 65536u        /* cooked shapes a world: 1 MiB of registry */
#define LQ_PHYSICS_HULL_POINTS_MAX 65536u   /* that one hull may be cooked from */
#define LQ_PHYSICS_CHILDREN_MAX 64u         /* of a compound */
#define LQ_PHYSICS_TRIANGLES_MAX (1u << 22) /* a mesh: 400 MB cooked */
#define LQ_PHYSICS_SAMPLES_MAX 4097u        /* a field, along each side: 68 MB cooked */
#define LQ_PHYSICS_JOINTS_MAX 65536u
#define LQ_PHYSICS_REACH_M 4096u        /* farther out a body freezes */
#define LQ_PHYSICS_SPEED_MAX_M_S 400u   /* faster ones are slowed to it */
#define LQ_PHYSICS_TURN_MAX_RAD 0.7854f /* in a step */
#define LQ_PHYSICS_SIZE_MIN_M 0.005f    /* a radius or half extent: the slop */
#define LQ_PHYSICS_SIZE_MAX_M 2000.0f

#endif
