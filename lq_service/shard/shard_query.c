/* What REST and tools ask: lists, states, hashes, journals. */
#include <stdlib.h>

#include "lq_service/ledger/journal_json.h"
#include "lq_service/shard/shard_int.h"

static void fail(lq_shard_answer answer, void *context, lq_err err, const char *message) {
  lq_diag diag = {.code = err};
  if (message) lq_diag_set(&diag, err, "%s", message);
  answer(context, err, &diag, (lq_span){0});
}

static void member_text(lq_writer *w, const char *name, const char *text) {
  lq_json_write_text(w, lq_span_text(name));
  lq_write_u8(w, ':');
  lq_json_write_text(w, lq_span_text(text));
}

static void member_number(lq_writer *w, const char *name, uint64_t value) {
  lq_write_u8(w, ',');
  lq_json_write_text(w, lq_span_text(name));
  lq_write_u8(w, ':');
  lq_write_decimal_u(w, value);
}

static void member_hash(lq_writer *w, uint64_t hash) {
  lq_write_text(w, ",\"hash\":\"");
  lq_write_hex64(w, hash);
  lq_write_u8(w, '"');
}

static const lqi_session *live_one(const lq_shard *shard, const lq_session_name *name) {
  const lqi_session *s = lqi_session_find(shard, name);
  return s && s->live.session && !s->failed ? s : NULL;
}

/* One session as JSON; `s` is NULL when it sleeps. */
static void info_write(const lq_session_name *name, const lq_store_head *head, const lqi_session *s,
                       lq_writer *w) {
  static const char *const states[] = {"new", "live", "hibernated", "ended"};
  char hex[65];
  lq_hex(s ? s->live.release : head->release, 32, hex);
  lq_write_u8(w, '{');
  member_text(w, "session", name->session);
  lq_write_u8(w, ',');
  member_text(w, "tenant", name->tenant);
  lq_write_u8(w, ',');
  member_text(w, "game", name->game);
  lq_write_u8(w, ',');
  uint8_t state = head->state == LQ_HEAD_ENDED ? LQ_HEAD_ENDED
                  : s                          ? LQ_HEAD_LIVE
                                               : LQ_HEAD_HIBERNATED;
  member_text(w, "state", states[state]);
  lq_write_u8(w, ',');
  member_text(w, "release", hex);
  member_number(w, "tick", head->tick);
  member_hash(w, head->hash);
  member_number(w, "slice", head->slice);
  member_number(w, "epoch", head->epoch);
  member_number(w, "players", head->players);
  member_number(w, "connected", s ? s->client_count : 0);
  member_number(w, "created_ms", head->created_ms);
  member_number(w, "changed_ms", head->changed_ms);
  lq_write_u8(w, '}');
}

/* ---- lists and one session ---- */

typedef struct listing {
  lq_shard *shard;
  lq_shard_answer answer;
  void *context;
  lq_session_name last;
  uint32_t count, limit;
  uint8_t *text;
  lq_writer w;
} listing;

static void listed(void *context, lq_err err, const lq_session_name *name,
                   const lq_store_head *head) {
  listing *list = context;
  if (!err) {
    if (list->count++) lq_write_u8(&list->w, ',');
    info_write(name, head, live_one(list->shard, name), &list->w);
    list->last = *name;
    return;
  }
  if (err == LQ_ERR_NOT_FOUND) {
    lq_write_u8(&list->w, ']');
    if (list->count == list->limit) {
      lq_write_u8(&list->w, ',');
      member_text(&list->w, "next", list->last.session);
    }
    lq_write_u8(&list->w, '}');
    list->answer(list->context, list->w.failed ? LQ_ERR_TOO_BIG : LQ_OK, NULL,
                 lq_writer_span(&list->w));
  } else {
    fail(list->answer, list->context, err, NULL);
  }
  lq_shard *shard = list->shard;
  free(list->text);
  free(list);
  shard->asks--; /* a stopping shard waits for it */
}

void lq_shard_sessions(lq_shard *shard, const char *tenant, const char *game, const char *after,
                       uint32_t limit, lq_shard_answer answer, void *context) {
  lq_err err = lq_shard_check(shard, tenant, game);
  if (err) {
    fail(answer, context, err, NULL);
    return;
  }
  if (limit == 0 || limit > 1000) limit = 100;
  enum { ROW_BYTES = 640 };
  size_t bytes = (size_t)limit * ROW_BYTES + 256;
  listing *list = calloc(1, sizeof *list);
  uint8_t *text = malloc(bytes);
  if (!list || !text) {
    free(list);
    free(text);
    fail(answer, context, LQ_ERR_MEMORY, NULL);
    return;
  }
  *list = (listing){.shard = shard,
                    .answer = answer,
                    .context = context,
                    .limit = limit,
                    .text = text,
                    .w = lq_writer_of(text, bytes)};
  lq_write_text(&list->w, "{\"sessions\":[");
  lq_store *store = lqi_served_find(shard, tenant, game)->at.store;
  shard->asks++;
  store->sessions(store, tenant, game, after, limit, listed, list);
}

typedef enum look_at { LOOK_AT_HASH, LOOK_AT_STATE, LOOK_AT_CONTACTS } look_at;

typedef struct asking {
  lq_shard *shard;
  lq_shard_tenant *at; /* where the session is kept */
  lq_shard_answer answer;
  void *context;
  lq_session_name name;
  lq_shard_who who;
  lq_store_head head; /* create: the new one */
  uint64_t tick, from;
  uint32_t limit;
  bool has_tick;
  look_at what;
} asking;

static asking *ask(lq_shard *shard, const lq_session_name *name, lq_shard_answer answer,
                   void *context) {
  lq_err err = lq_shard_check(shard, name->tenant, name->game);
  asking *a = err ? NULL : calloc(1, sizeof *a);
  if (!a) {
    fail(answer, context, err ? err : LQ_ERR_MEMORY, NULL);
    return NULL;
  }
  *a = (asking){.shard = shard,
                .at = &lqi_served_find(shard, name->tenant, name->game)->at,
                .answer = answer,
                .context = context,
                .name = *name};
  shard->asks++;
  return a;
}

static void ask_free(asking *a) {
  lq_shard *shard = a->shard;
  free(a);
  shard->asks--; /* a stopping shard waits for it */
}

static void told(void *context, lq_err err, const lq_store_head *head) {
  asking *a = context;
  if (err) {
    fail(a->answer, a->context, err == LQ_ERR_NOT_FOUND ? LQ_ERR_UNKNOWN_SESSION : err, NULL);
  } else {
    lq_writer w = lqi_text(a->shard);
    info_write(&a->name, head, live_one(a->shard, &a->name), &w);
    a->answer(a->context, LQ_OK, NULL, lq_writer_span(&w));
  }
  ask_free(a);
}

void lq_shard_info(lq_shard *shard, const lq_session_name *name, lq_shard_answer answer,
                   void *context) {
  asking *a = ask(shard, name, answer, context);
  if (!a) return;
  lqi_session *s = lqi_session_find(shard, name);
  if (s && s->live.session) { /* what is not durable yet is not told yet */
    lq_writer w = lqi_text(shard);
    info_write(name, &s->live.head, s, &w);
    lqi_out_answer(s, answer, context, LQ_OK, lq_writer_span(&w));
    ask_free(a);
  } else {
    a->at->store->head(a->at->store, name, told, a);
  }
}

/* ---- create ---- */

static void created(void *context, lq_err err) {
  asking *a = context;
  told(a, err, &a->head);
}

void lq_shard_create(lq_shard *shard, const lq_session_name *name, const uint64_t *seed,
                     lq_shard_answer answer, void *context) {
  lq_session_name chosen = *name;
  uint8_t dice[16];
  lq_err err = lq_random_bytes(dice, sizeof dice);
  if (!err && !chosen.session[0]) {
    (void)lq_text_copy(chosen.session, 3, lq_span_text("s-"));
    lq_hex(dice, 6, chosen.session + 2);
  }
  if (!err && !lq_id_valid(lq_span_text(chosen.session), sizeof chosen.session))
    err = LQ_ERR_INVALID;
  if (err) {
    fail(answer, context, err, "a session's name is 1 to 31 of A-Z a-z 0-9 _ . : -");
    return;
  }
  asking *a = ask(shard, &chosen, answer, context);
  if (!a) return;
  a->head = (lq_store_head){
      .checkpoint_tick = UINT64_MAX, .created_ms = lq_clock_wall_ms(), .state = LQ_HEAD_HIBERNATED};
  a->head.changed_ms = a->head.created_ms;
  if (seed)
    a->head.seed = *seed;
  else
    memcpy(&a->head.seed, dice + 8, sizeof a->head.seed);
  const lqi_served *served = lqi_served_find(shard, chosen.tenant, chosen.game);
  lq_diag diag = {0};
  if ((err = lqi_tenant_may_make(served->of, &diag))) {
    answer(context, err, &diag, (lq_span){0});
    ask_free(a);
    return;
  }
  memcpy(a->head.release, served->release, 32);
  memcpy(a->head.first_release, served->release, 32);
  a->at->store->create(a->at->store, &chosen, &a->head, created, a);
}

/* ---- state and hash ---- */

static bool is_known(const lq_session *session, const lq_shard_who *who) {
  return who->all || !who->player[0] ||
         lq_session_player_find(session, lq_span_text(who->player)).slot;
}

static void state_write(lq_session *session, const lq_shard_who *who, look_at what, lq_writer *w) {
  lq_write_text(w, "{\"tick\":");
  lq_write_decimal_u(w, lq_session_tick_number(session));
  member_hash(w, lq_session_hash(session));
  if (what != LOOK_AT_HASH) {
    lq_viewer viewer = {.all = who->all};
    if (!who->all && who->player[0]) {
      lq_player player = lq_session_player_find(session, lq_span_text(who->player));
      if (player.slot) viewer = lq_session_viewer(session, player.slot);
    }
    lq_write_text(w, what == LOOK_AT_STATE ? ",\"state\":" : ",\"contacts\":");
    if (what == LOOK_AT_STATE)
      lq_message_state_object(session, &viewer, w);
    else
      lq_message_contacts(session, &viewer, w);
  }
  lq_write_u8(w, '}');
}

static void rebuilt(void *context, lq_err err, const lq_diag *diag, lq_ledger_session *session) {
  asking *a = context;
  if (err) {
    a->answer(a->context, err == LQ_ERR_NOT_FOUND ? LQ_ERR_UNKNOWN_SESSION : err, diag,
              (lq_span){0});
  } else if (!is_known(session->session, &a->who)) {
    fail(a->answer, a->context, LQ_ERR_NOT_FOUND, "the session has no such player at this tick");
    lq_ledger_session_free(session);
  } else {
    lq_writer w = lqi_text(a->shard);
    state_write(session->session, &a->who, a->what, &w);
    a->answer(a->context, w.failed ? LQ_ERR_TOO_BIG : LQ_OK, NULL, lq_writer_span(&w));
    lq_ledger_session_free(session);
  }
  ask_free(a);
}

static void replay_head(void *context, lq_err err, const lq_store_head *head) {
  asking *a = context;
  if (err) {
    rebuilt(a, err, NULL, NULL);
    return;
  }
  uint64_t tick = a->has_tick ? a->tick : head->tick;
  lq_ledger_replay(a->at->store, &a->at->releases, &a->name, tick, false, NULL, NULL, rebuilt, a);
}

static void look(lq_shard *shard, const lq_session_name *name, const uint64_t *tick,
                 const lq_shard_who *who, look_at what, lq_shard_answer answer, void *context) {
  lqi_session *s = lqi_session_find(shard, name);
  bool live = s && s->state == LQI_LIVE && !s->failed;
  if (live && (!tick || *tick >= lq_session_tick_number(s->live.session))) {
    if (tick && *tick > lq_session_tick_number(s->live.session)) {
      fail(answer, context, LQ_ERR_RANGE, "the session has not reached this tick");
      return;
    }
    if (!is_known(s->live.session, who)) {
      fail(answer, context, LQ_ERR_NOT_FOUND, "the session has no such player");
      return;
    }
    /* What is true now may follow from commands that are not durable yet: the answer waits. */
    lq_writer w = lqi_text(shard);
    state_write(s->live.session, who, what, &w);
    lqi_out_answer(s, answer, context, w.failed ? LQ_ERR_TOO_BIG : LQ_OK,
                   w.failed ? (lq_span){0} : lq_writer_span(&w));
    return;
  }
  asking *a = ask(shard, name, answer, context);
  if (!a) return;
  a->who = *who;
  a->what = what;
  a->has_tick = tick != NULL;
  a->tick = tick ? *tick : 0;
  a->at->store->head(a->at->store, name, replay_head, a);
}

void lq_shard_state(lq_shard *shard, const lq_session_name *name, const uint64_t *tick,
                    const lq_shard_who *who, lq_shard_answer answer, void *context) {
  look(shard, name, tick, who, LOOK_AT_STATE, answer, context);
}

void lq_shard_hash(lq_shard *shard, const lq_session_name *name, const uint64_t *tick,
                   lq_shard_answer answer, void *context) {
  lq_shard_who nobody = {0};
  look(shard, name, tick, &nobody, LOOK_AT_HASH, answer, context);
}

void lq_shard_contacts(lq_shard *shard, const lq_session_name *name, const uint64_t *tick,
                       const lq_shard_who *who, lq_shard_answer answer, void *context) {
  look(shard, name, tick, who, LOOK_AT_CONTACTS, answer, context);
}

/* ---- journal ---- */

typedef struct journal {
  asking *ask;
  lq_writer w;
  uint32_t count;
  uint64_t next;
  lq_err err;
} journal;

static void journaled(void *context, lq_err err, const char *sk, lq_span body) {
  journal *j = context;
  (void)sk;
  if (err || j->err || j->next) {
    if (err && err != LQ_ERR_NOT_FOUND) j->err = err;
    return;
  }
  lq_slice_reader reader;
  const lq_game *game = NULL;
  const lq_release_source *source = &j->ask->at->releases;
  j->err = lq_slice_open(body, &reader);
  if (!j->err) j->err = source->game(source->context, reader.header.release, &game, NULL);
  if (j->err) return;
  lq_writer before = j->w;
  if (j->count) lq_write_u8(&j->w, ',');
  j->err = lq_journal_json(game, body, &j->w);
  /* Room for the end is always left; what does not fit is the next page's. */
  bool full = j->w.failed || j->w.bytes + 64 > j->w.capacity;
  if (full && !j->count) j->err = LQ_ERR_TOO_BIG; /* no page would ever hold it */
  if (full)
    j->w = before;
  else
    j->count++;
  if (full || j->count == j->ask->limit) j->next = reader.header.slice + (full ? 0 : 1);
}

static void journal_head(void *context, lq_err err, const lq_store_head *head) {
  asking *a = context;
  if (err) {
    rebuilt(a, err, NULL, NULL);
    return;
  }
  uint8_t *text = malloc(LQI_TEXT_BYTES);
  journal j = {.ask = a, .w = lq_writer_of(text, text ? LQI_TEXT_BYTES : 0)};
  lq_store *store = a->at->store;
  lq_write_text(&j.w, "{\"records\":[");
  if (text)
    store->slices(store, &a->name, a->from, UINT64_MAX, a->limit, journaled, &j);
  else
    j.err = LQ_ERR_MEMORY;
  lq_write_u8(&j.w, ']');
  if (j.next && j.next <= head->slice) member_number(&j.w, "next", j.next);
  lq_write_u8(&j.w, '}');
  if (j.err)
    fail(a->answer, a->context, j.err, NULL);
  else
    a->answer(a->context, LQ_OK, NULL, lq_writer_span(&j.w));
  free(text);
  ask_free(a);
}

void lq_shard_journal(lq_shard *shard, const lq_session_name *name, uint64_t from, uint32_t limit,
                      lq_shard_answer answer, void *context) {
  asking *a = ask(shard, name, answer, context);
  if (!a) return;
  a->from = from ? from : 1;
  a->limit = limit && limit <= 1000 ? limit : 100;
  a->at->store->head(a->at->store, name, journal_head, a);
}
