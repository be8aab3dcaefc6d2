/* Planted bugs, for the proof that the simulator finds such slips (docs/proof/planted.md). Each is
 * one small deviation at the place where it would happen by mistake. Only a build with the CMake
 * option LQ_PLANT has them, and only lqsim may be linked then: it defines the variable. Without the
 * option LQ_PLANTED is a constant, and no code and no symbol is left. */
#ifndef LQ_BASE_PLANT_H
#define LQ_BASE_PLANT_H

/* Name, file, what is wrong there. */
#define LQ_PLANTS(X)                                                                               \
  /* lq_engine */                                                                                  \
  X(HASH_SKIPS_COLUMN, "ecs_frame.c", "the state hash leaves out the last component type")         \
  X(HASH_SKIPS_OWNER, "ecs_frame.c", "the state hash leaves out who owns an entity")               \
  X(STALE_HANDLE, "ecs_int.h", "a handle is good for whatever lives in its row now")               \
  X(ENTITY_ID_REUSED, "ecs.c", "a made-up id is given again once its entity is gone")              \
  X(UNDO_TYPE, "session_api.c", "a refused handler's second component of an entity stays")         \
  X(REFUSED_WRITES, "session_command.c", "what a refused handler wrote stays")                     \
  X(REFUSED_ENTITIES, "session_command.c", "what a refused handler created stays")                 \
  X(REFUSED_EVENTS, "session_command.c", "what a refused handler emitted goes out")                \
  X(EVENT_SEQ, "session_api.c", "a tick's second event has the first one's number")                \
  X(RESENT_IN_QUEUE, "session_command.c", "a command sent twice before its tick is queued twice")  \
  X(DEDUPE_SHORT, "session_player.c", "the newest remembered command id is not looked at")         \
  X(DEDUPE_NOT_SAVED, "session_save.c", "a checkpoint has no remembered command ids")              \
  X(SWAP_LOSES_IDS, "session_save.c", "a release swap forgets the command ids")                    \
  X(NEXT_PLAYER, "session_save.c", "a checkpoint forgets which player number is next")             \
  X(ORDER_ARRIVAL, "session_command.c", "commands run in order of arrival, not of slot")           \
  X(ORDER_UNSTABLE, "session_command.c", "sorting by slot turns a player's commands around")       \
  X(SENT_REFUSED, "session_command.c", "what a refused handler sent runs")                         \
  X(SENT_CAUSE, "session_api.c", "the audit trail names a player for what the game sent")          \
  X(CAUSE_OLDEST, "session_mutation.c", "the audit trail names who changed a row first")           \
  X(GUEST_HALF, "session.c", "what a tick did before its guest failed stays")                      \
  X(GUEST_BEHIND, "session_command.c", "what is sent while a tick waits for a guest is lost")      \
  X(GUEST_UNDO, "session_guest.c", "a guest's state is not undone with its tick")                  \
  X(GUEST_UNSAVED, "session_guest.c", "a checkpoint has no guest's state")                         \
  X(STRIKES_UNSAVED, "session_guest.c", "a checkpoint forgets how often a guest failed")           \
  X(SKIP_STAYS, "session_guest.c", "a guest that failed once is left out of the next ticks")       \
  X(GUEST_DRAWS, "session_guest.c", "a handler's draws are not taken from the session")            \
  X(DELTA_GONE, "message_out.c", "a delta tells of removed entities by its last change only")      \
  X(DELTA_REMOVED, "message_out.c", "a delta does not tell of a removed component")                \
  /* lq_service */                                                                                 \
  X(EPOCH_UNCHECKED, "store.c", "a commit of an owner who lost the session is taken")              \
  X(EPOCH_NOT_RAISED, "store_memory.c", "taking a session over does not raise its epoch")          \
  X(SAME_NUMBER, "store_memory.c", "another slice under a committed number counts as a repeat")    \
  X(CHECKPOINT_AHEAD, "store.c", "a checkpoint is taken before the slices it stands on")           \
  X(ACK_EARLY, "shard_out.c", "an acknowledgement does not wait for its commit")                   \
  X(EVENT_EARLY, "shard_out.c", "an event does not wait for its commit")                           \
  X(DELTA_EARLY, "shard_out.c", "a delta does not wait for its commit")                            \
  X(JOINED_EARLY, "shard_out.c", "a join is confirmed before its commit")                          \
  X(AGAIN_TICK, "shard_client.c", "a repeated command is confirmed for the tick of now")           \
  X(AGAIN_OUTCOME, "shard_client.c", "a refused command, repeated, is acknowledged")               \
  X(REFUSAL_IGNORED, "shard_tick.c", "a commit that was refused counts as durable")                \
  X(EVENT_TO_ALL, "shard_tick.c", "an event for its owner is sent to everybody")                   \
  X(MISSED_TO_ALL, "shard_resume.c", "who resumes is told what was for other owners")              \
  X(VIEWER_STALE, "shard_tick.c", "all clients get the delta that the first may see")              \
  X(JOIN_TICK_EVENT, "shard_out.c", "events of the tick of joining are not sent")                  \
  X(RESUME_OFF_BY_ONE, "shard_resume.c", "who resumes misses the tick after the last seen")        \
  X(TOKEN_PLAYER, "shard_resume.c", "a resume token is good for any player of its session")        \
  X(NAME_TAKEN, "shard_client.c", "joining under a taken name gives that player")                  \
  X(TENANT_UNCHECKED, "shard.c", "a live session is found by game and name, of any tenant")        \
  X(SLOW_DELTAS, "shard_out.c", "a client that was slow gets deltas again without a snapshot")     \
  X(SETTLE_QUIET, "shard_tick.c", "a checkpoint is made of quiet ticks that no slice has")         \
  X(QUIET_TWICE, "shard_tick.c", "a slice begins with the last tick of the one before")            \
  X(JOIN_BEHIND, "shard_client.c", "who joins while a tick waits is looked for in that tick")      \
  X(GUEST_OLD_ANSWER, "guests.c", "a seat keeps its answers for the next tick")                    \
  X(GUEST_OTHERS, "process.c", "an answer goes to whoever asked last")                             \
  X(GUEST_INNOCENT, "process.c", "after a process's end nobody asks again who was behind")         \
  X(SEAT_LEAK, "guests.c", "a seat that closes leaks its answers")                                 \
  X(SWAP_SEAT, "shard_tick.c", "after a swap the old release's guests are asked")                  \
  X(JOIN_LEAK, "shard_client.c", "a refused resume token leaks the client")                        \
  X(GUARD_OPEN, "tenant_store.c", "a tenant's store answers any tenant's name")                    \
  X(DETAIL_PLAIN, "tenant_store.c", "details of the log are not sealed")                           \
  X(SEAL_PLACE, "tenant_store.c", "what is sealed is not bound to its place")                      \
  X(RETIRE_EARLY, "tenants.c", "a rotation forgets the old key before it wraps again")             \
  X(ROTATE_TWICE, "tenants.c", "two rotations of one tenant's keys run at once")                   \
  X(MAKING_MISSED, "tenant_keys.c", "a rotation misses a key that is being made")                  \
  X(SHRED_FILE, "keyring.c", "a shred leaves the tenant's key file")                               \
  X(SHRED_BESIDE, "keyring.c", "a shred leaves what a crash left beside the key file")             \
  X(SHRED_MEMORY, "shred.c", "a shred leaves the tenant's keys in memory")                         \
  X(LEAF_CHAIN, "shard_audit.c", "a slice's leaf has the chain before it twice")                   \
  X(JOIN_UNTOLD, "shard_audit.c", "who comes back is not told to the log")                         \
  X(LEAF_TWICE, "store_memory.c", "a repeated commit appends its leaf again")                      \
  X(METER_BACK, "meter_flush.c", "an owner that was overtaken takes usage back")                   \
  X(METER_MISSED, "meter_flush.c", "slices of before a crash are not counted")                     \
  X(REST_EARLY, "shard_out.c", "a REST read answers before what it says is durable")               \
  X(WS_PART_LOST, "ws.c", "a fragmented message that comes in two reads loses its start")          \
  X(WS_LENGTH, "ws.c", "a text of 126 bytes gets the short header")                                \
  X(FRAME_REST, "gateway.c", "the bytes of an unfinished frame are not kept")                      \
  X(CONN_LEAK, "gateway.c", "a closed WebSocket connection leaks its record")                      \
  /* lq_local */                                                                                   \
  X(LEAF_LOST, "store_tenant.c", "a leaf that is not a transaction's first is lost")               \
  X(LEAF_UNDONE, "store_tenant.c", "leaves of a transaction that was undone are counted")          \
  X(EXPECT_IGNORED, "store_tenant.c", "a change does not look at the versions it expects")         \
  X(CHANGE_HALF, "store_tenant.c", "a change that has leaves loses its items")                     \
  X(SYNC_NORMAL, "store_open.c", "SQLite is told not to sync each commit")                         \
  X(SYNC_SWALLOWED, "store_sql.c", "a failed sync counts as done")                                 \
  X(WAL_UNSETTLED, "store_open.c", "a WAL whose sync failed is built on as it looks")              \
  X(LOCK_IGNORED, "store_open.c", "a second server opens the data folder")                         \
  X(GATHER_ROW, "store_gather.c", "compaction drops a group row one slice too early")              \
  X(GATHER_PENDING, "store_gather.c", "compaction forgets the slices of its own transaction")      \
  X(GATHERED_UNSAVED, "store_gather.c", "compaction does not save how far it came")                \
  X(UNDO_LEAVING, "store_write.c", "a transaction that was undone still counts rows as left")      \
  X(THIN_NEWEST, "store_gather.c", "thinning drops the newest checkpoint")                         \
  X(TAIL_SHORT, "store_read.c", "reads do not find a session's last slice")                        \
  X(WRITER_ASLEEP, "store_write.c", "the writer waits although work came while it wrote")          \
  X(POST_ASSUMED, "store_sqlite.c", "answers whose post failed are taken for posted")

typedef enum lq_plant {
  LQ_PLANT_NONE,
#define X(name, file, what) LQ_PLANT_##name,
  LQ_PLANTS(X)
#undef X
      LQ_PLANT_COUNT
} lq_plant;

#ifdef LQ_PLANT
extern lq_plant lq_plant_on;
#define LQ_PLANTED(name) (lq_plant_on == LQ_PLANT_##name)
#else
#define LQ_PLANTED(name) (LQ_PLANT_##name == LQ_PLANT_NONE) /* false */
#endif

#endif
