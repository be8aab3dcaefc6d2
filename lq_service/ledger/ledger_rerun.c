/* A session that runs again what its journal says. */
#include "lq_service/ledger/ledger_int.h"

typedef unsigned long long ull;

static lq_err memory_take(lq_ledger_session *live, const lq_game *game) {
  live->bytes = lq_session_bytes(game);
  live->memory = lq_pages_take(live->bytes);
  return live->memory ? LQ_OK : LQ_ERR_MEMORY;
}

lq_err lq_ledger_session_new(const lq_game *game, const uint8_t release[32], uint64_t seed,
                             lq_ledger_session *out) {
  *out = (lq_ledger_session){0};
  lq_err err = memory_take(out, game);
  if (!err) err = lq_session_init(out->memory, out->bytes, game, seed, &out->session);
  if (err)
    lq_ledger_session_free(out);
  else
    memcpy(out->release, release, 32);
  return err;
}

void lq_ledger_session_free(lq_ledger_session *session) {
  if (session->memory) lq_pages_give(session->memory, session->bytes);
  *session = (lq_ledger_session){0};
}

void lqi_rerun_unseat(lqi_rerun *rerun) {
  lq_guest_seat_close(rerun->seat);
  rerun->seat = NULL;
}

void lqi_rerun_close(lqi_rerun *rerun) { lq_ledger_session_free(&rerun->live); }

/* The release's game, or an error that says which release is missing. */
static lq_err find_game(lqi_rerun *rerun, const uint8_t release[32], const lq_game **out) {
  *out = NULL;
  lq_err err = rerun->releases.game(rerun->releases.context, release, out, &rerun->diag);
  if (!err) return LQ_OK;
  char hex[65];
  lq_hex(release, 32, hex);
  if (!rerun->diag.message[0])
    (void)lq_diag_set(&rerun->diag, err, "release %s cannot be loaded: %s", hex, lq_err_cause(err));
  return err;
}

/* After its release is set. */
static lq_err ask_guests(lqi_rerun *rerun) {
  const lq_release_source *from = &rerun->releases;
  lq_session *session = rerun->live.session;
  lqi_rerun_unseat(rerun);
  lq_session_guests(session, NULL);
  if (!lq_game_has_guests(lq_session_game(session))) return LQ_OK;
  if (!from->seats || !rerun->ready) {
    if (from->guests) lq_session_guests(session, from->guests(from->context, rerun->live.release));
    return LQ_OK;
  }
  lq_err err = lq_guest_seat_open(from->seats, rerun->tenant, rerun->live.release, rerun->ready,
                                  rerun->ready_context, &rerun->seat);
  if (err) return lq_diag_set(&rerun->diag, err, "no memory to ask the session's guests");
  lq_guest_seat_patient(rerun->seat);
  lq_session_guests(session, lq_guest_seat_port(rerun->seat));
  return LQ_OK;
}

lq_err lqi_rerun_start(lqi_rerun *rerun, const uint8_t release[32], uint64_t seed) {
  const lq_game *game;
  lq_err err = find_game(rerun, release, &game);
  if (err) return err;
  err = lq_ledger_session_new(game, release, seed, &rerun->live);
  if (err)
    return lq_diag_set(&rerun->diag, err, "the session cannot be made: %s", lq_err_cause(err));
  rerun->has_chain = true; /* 32 zeroes before the first slice */
  return ask_guests(rerun);
}

lq_err lqi_rerun_load(lqi_rerun *rerun, lq_span body) {
  lq_checkpoint checkpoint;
  const lq_game *game;
  lq_err err = lq_checkpoint_read(body, &checkpoint);
  if (err)
    return lq_diag_set(&rerun->diag, err, "the checkpoint fails its check: %s", lq_err_cause(err));
  if ((err = find_game(rerun, checkpoint.release, &game))) return err;
  lq_ledger_session *live = &rerun->live;
  err = memory_take(live, game);
  if (!err)
    err = lq_session_load(live->memory, live->bytes, game, checkpoint.state, &live->session);
  if (!err && (lq_session_tick_number(live->session) != checkpoint.tick ||
               lq_session_hash(live->session) != checkpoint.hash))
    err = LQ_ERR_CORRUPT;
  if (err) {
    lq_ledger_session_free(live);
    return lq_diag_set(&rerun->diag, err, "the checkpoint at tick %llu cannot be loaded: %s",
                       (ull)checkpoint.tick, lq_err_cause(err));
  }
  memcpy(live->release, checkpoint.release, 32);
  return ask_guests(rerun);
}

lq_err lqi_rerun_check(lqi_rerun *rerun, uint64_t number, const lq_slice_reader *slice) {
  const lq_slice_header *header = &slice->header;
  if (header->slice != number)
    return lq_diag_set(&rerun->diag, LQ_ERR_CORRUPT, "slice %llu holds the record of slice %llu",
                       (ull)number, (ull)header->slice);
  if (rerun->has_chain && memcmp(header->chain_before, rerun->chain, 32) != 0)
    return lq_diag_set(&rerun->diag, LQ_ERR_CORRUPT,
                       "slice %llu does not follow on the one before it (SHA-256 chain)",
                       (ull)number);
  return LQ_OK;
}

lq_err lqi_rerun_swap(lqi_rerun *rerun) {
  const lq_game *game;
  if (!rerun->has_release_next) return LQ_OK;
  rerun->has_release_next = false;
  lq_err err = find_game(rerun, rerun->release_next, &game);
  if (err) return err;
  lq_ledger_session next = rerun->live;
  if ((err = memory_take(&next, game)))
    return lq_diag_set(&rerun->diag, err, "no memory for the next release's session");
  err = lq_session_swap(rerun->live.session, next.memory, next.bytes, game, &next.session,
                        &rerun->diag);
  if (err) {
    lq_pages_give(next.memory, next.bytes);
    return err;
  }
  memcpy(next.release, rerun->release_next, 32);
  lq_pages_give(rerun->live.memory, rerun->live.bytes);
  rerun->live = next;
  return ask_guests(rerun);
}

/* Remembers the release that the tick's last accepted release command names. */
static void note_release(lqi_rerun *rerun, const lq_tick_result *result) {
  bool accepted = false;
  for (uint32_t i = 0; i < result->applied_count; i++)
    accepted |= result->applied[i].type == LQ_CMD_RELEASE && result->applied[i].outcome == LQ_OK;
  rerun->has_release_next = false;
  if (!accepted) return;
  lq_reader in = lq_reader_of(result->commands);
  const lq_game *game = lq_session_game(rerun->live.session);
  for (lq_command command; lq_command_read(&in, game, &command);) {
    if (command.type != LQ_CMD_RELEASE) continue;
    lq_reader body = lq_reader_of(command.body);
    lq_span hex = lq_read_sized(&body);
    rerun->has_release_next = hex.bytes == 64 && lq_unhex(hex, rerun->release_next, 32);
  }
}

/* What the journal says of the tick, against what came out. */
static lq_err compare(lqi_rerun *rerun, uint64_t slice, const lq_tick_result *result,
                      const lq_slice_tick *journal, bool pinned, uint64_t journal_hash) {
  const char *what = NULL;
  if (!lq_span_equal(result->events, journal->events))
    what = "events";
  else if (!lq_span_equal(result->mutations, journal->mutations))
    what = "audited changes";
  else if (!lq_span_equal(result->commands, journal->commands))
    what = "commands";
  if (pinned && result->hash != journal_hash)
    return lq_diag_set(&rerun->diag, LQ_ERR_CORRUPT,
                       "slice %llu, tick %llu: the state's hash is %016llx, the journal says "
                       "%016llx",
                       (ull)slice, (ull)result->tick, (ull)result->hash, (ull)journal_hash);
  if (!what) return LQ_OK;
  return lq_diag_set(&rerun->diag, LQ_ERR_CORRUPT,
                     "slice %llu, tick %llu: other %s came out than the journal says", (ull)slice,
                     (ull)result->tick, what);
}

static uint64_t count_commands(const lq_game *game, lq_span commands) {
  uint64_t count = 0;
  lq_reader in = lq_reader_of(commands);
  for (lq_command command; lq_command_read(&in, game, &command);) count++;
  return count;
}

static lq_err run_tick(lqi_rerun *rerun, const lq_slice_header *header,
                       const lq_slice_tick *journal, bool pinned) {
  lq_session *session = rerun->live.session;
  uint64_t tick = lq_session_tick_number(session) + 1;
  uint64_t journal_hash = journal->tick ? journal->hash : pinned ? header->hash_after : 0;
  bool again = rerun->waits;
  rerun->waits = false;
  lq_err err = LQ_OK;
  if (!again && journal->commands.bytes) err = lq_session_replay_tick(session, journal->commands);
  if (err)
    return lq_diag_set(&rerun->diag, err, "slice %llu, tick %llu: the commands cannot be read",
                       (ull)header->slice, (ull)tick);
  lq_tick_result result;
  if (rerun->each) lq_session_watch(session, &rerun->causes);
  lq_session_tick(session, NULL, &result);
  rerun->waits = result.state == LQ_TICK_WAITS && rerun->seat;
  if (rerun->waits) return LQ_OK;
  if (result.state != LQ_TICK_DONE)
    return lq_diag_set(&rerun->diag, LQ_ERR_GUEST,
                       "slice %llu, tick %llu: a guest that answered then does not now: %.100s",
                       (ull)header->slice, (ull)tick, result.guest_why);
  rerun->ticks++;
  rerun->events += result.event_count;
  rerun->commands += count_commands(lq_session_game(session), result.commands);
  note_release(rerun, &result);
  if (rerun->each && !rerun->each(rerun->each_context, session, &result, pinned, journal_hash))
    rerun->stopped = true;
  err = compare(rerun, header->slice, &result, journal, pinned, journal_hash);
  if (!err && tick == header->tick_last && result.hash != header->hash_after)
    err = lq_diag_set(&rerun->diag, LQ_ERR_CORRUPT, "slice %llu, tick %llu: its two hashes differ",
                      (ull)header->slice, (ull)tick);
  return err;
}

/* Before the first tick of a slice: the right release, the right tick, the right state. */
static lq_err enter(lqi_rerun *rerun, const lq_slice_header *header) {
  bool other = memcmp(header->release, rerun->live.release, 32) != 0;
  if (other && rerun->has_release_next && memcmp(header->release, rerun->release_next, 32) == 0) {
    lq_err err = lqi_rerun_swap(rerun);
    if (err) return err;
  } else if (other) {
    return lq_diag_set(&rerun->diag, LQ_ERR_CORRUPT,
                       "slice %llu ran under a release that no command named", (ull)header->slice);
  }
  rerun->has_release_next = false;
  uint64_t tick = lq_session_tick_number(rerun->live.session);
  if (header->tick_first > tick + 1)
    return lq_diag_set(&rerun->diag, LQ_ERR_CORRUPT, "slice %llu begins at tick %llu, not %llu",
                       (ull)header->slice, (ull)header->tick_first, (ull)(tick + 1));
  if (header->tick_first == tick + 1 && header->hash_before != lq_session_hash(rerun->live.session))
    return lq_diag_set(&rerun->diag, LQ_ERR_CORRUPT,
                       "slice %llu, before tick %llu: the state's hash is not the journal's",
                       (ull)header->slice, (ull)header->tick_first);
  return LQ_OK;
}

lq_err lqi_rerun_slice(lqi_rerun *rerun, const lq_slice_reader *slice) {
  const lq_slice_header *header = &slice->header;
  if (header->tick_last <= lq_session_tick_number(rerun->live.session)) return LQ_OK;
  lq_err err = enter(rerun, header);
  lq_slice_reader walk = *slice;
  lq_slice_tick entry = {0};
  bool more = lq_slice_next(&walk, &entry);
  for (uint64_t tick = lq_session_tick_number(rerun->live.session) + 1;
       !err && !rerun->stopped && tick <= header->tick_last && tick <= rerun->tick_target; tick++) {
    while (more && entry.tick < tick) more = lq_slice_next(&walk, &entry);
    bool here = more && entry.tick == tick;
    lq_slice_tick journal = here ? entry : (lq_slice_tick){0};
    err = run_tick(rerun, header, &journal, here || tick == header->tick_last);
    if (!err && rerun->waits) return LQ_OK;
  }
  if (!err) {
    rerun->slice = header->slice;
    memcpy(rerun->chain, slice->chain_after, 32);
    rerun->has_chain = true;
  }
  return err;
}
