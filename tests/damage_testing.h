/* A data folder made by real play, what is known to be true of it, and a judge: the folder is
 * opened again after damage, and everything it serves is compared with the truth. */
#ifndef LQ_TESTS_DAMAGE_TESTING_H
#define LQ_TESTS_DAMAGE_TESTING_H

#include "lq_engine/session/session_testing.h"
#include "lq_local/store_testing.h"
#include "lq_service/ledger/ledger.h"

#define LAB_LEAF "a leaf of the log"
enum { PLAYED = 3, NAMED = 40, ARENA = 1 << 20, BLOB_BYTES = 20000, SLICES_BYTES = 1 << 18 };

/* ---- the truth ---- */
typedef struct truth_session {
  lq_store_head head;
  uint8_t slices[SLICES_BYTES]; /* every record, one behind the other */
  size_t slices_bytes;
  lq_verify_result verified;
} truth_session;
typedef struct truth {
  truth_session session[PLAYED];
  uint32_t names;
} truth;

/* The three files, as they lie. */
typedef struct files {
  uint8_t *data[3];
  size_t bytes[3]; /* SIZE_MAX: there is none */
} files;
static const char *const file_names[3] = {"lq.db", "lq.db-wal", "lq.db-shm"};

typedef struct lab {
  folder_under_test t;
  fixture fx;
  uint8_t arena[ARENA];
  lq_release_source releases;
  lq_store *store;
  uint64_t seed; /* of session s0; the next one's is one more */
  uint8_t blob[BLOB_BYTES];
  lq_sha256 digest;
  lq_ledger_session live[PLAYED];
  lq_store_head head[PLAYED];
  uint8_t record[LQ_SLICE_BYTES_MAX];
  waited w;
  char said[600]; /* the first thing that was wrong, or named */
} lab;

static inline lq_err lab_game(void *context, const uint8_t release[32], const lq_game **out,
                              lq_diag *diag) {
  lab *l = context;
  *out = release[0] == 0x11 ? &l->fx.game : NULL;
  return *out ? LQ_OK : lq_diag_set(diag, LQ_ERR_NOT_FOUND, "no such release");
}
static inline lab *lab_begin(uint64_t seed) {
  lab *l = calloc(1, sizeof *l);
  LQ_CHECK(l != NULL);
  l->seed = seed;
  l->t = (folder_under_test){.path = "/dev/shm/lq_damage_XXXXXX"};
  if (!mkdtemp(l->t.path)) {
    memcpy(l->t.path, "/tmp/lq_damage_XXXXXX", 22);
    LQ_CHECK(mkdtemp(l->t.path) != NULL);
  }
  assert_ok(lq_loop_open(&l->t.loop));
  fixture_fill(&l->fx);
  lq_arena arena = lq_arena_of(l->arena, sizeof l->arena);
  fixture_ready(&l->fx, &arena);
  l->releases = (lq_release_source){.context = l, .game = lab_game};
  for (uint32_t i = 0, x = 7; i < BLOB_BYTES; i++)
    l->blob[i] = (uint8_t)((x = x * 1664525u + 1013904223u) >> 24);
  l->digest = lq_sha256_of(lq_span_of(l->blob, BLOB_BYTES));
  return l;
}
static inline lq_err lab_open(lab *l, bool read_only, lq_diag *diag) {
  *diag = (lq_diag){0};
  return store_open(&l->t, read_only, &l->store, diag);
}
static inline void lab_close(lab *l) {
  for (uint32_t s = 0; s < PLAYED; s++) lq_ledger_session_free(&l->live[s]);
  if (l->store) l->store->close(l->store);
  l->store = NULL;
}
static inline void lab_end(lab *l) {
  lab_close(l);
  folder_end(&l->t);
  free(l);
}

/* ---- play ---- */

static inline void lab_woken(void *context, lq_err err, const lq_diag *diag,
                             lq_ledger_session *session) {
  lab *l = context;
  uint32_t s = (uint32_t)l->w.items;
  if (err) (void)snprintf(l->said, sizeof l->said, "s%u: %s", (unsigned)s, diag->message);
  if (!err) l->live[s] = *session;
  if (!err) l->head[s] = session->head;
  waited_called(&l->w, err);
}
static inline lq_err lab_wake(lab *l, uint32_t s) {
  lq_session_name name = session_named(s);
  lq_ledger_session_free(&l->live[s]);
  l->w = (waited){.t = &l->t, .items = s};
  lq_ledger_wake(l->store, &l->releases, &name, lab_woken, l);
  wait_calls(&l->w, 1);
  return l->w.err;
}
/* Ticks into one slice, with moves, and commits it. */
static inline lq_err lab_slice(lab *l, uint32_t s, uint32_t ticks) {
  lq_session *session = l->live[s].session;
  lq_store_head *head = &l->head[s];
  lq_slice_header header = {.slice = head->slice + 1,
                            .epoch = head->epoch,
                            .tick_first = head->tick + 1,
                            .hash_before = lq_session_hash(session)};
  memcpy(header.chain_before, head->chain, 32);
  memset(header.release, 0x11, 32);
  lq_slice_builder builder;
  lq_slice_begin(&builder, l->record, sizeof l->record, &header);
  lq_tick_result result = {0};
  for (uint32_t i = 0; i < ticks; i++) {
    uint64_t tick = lq_session_tick_number(session) + 1;
    char id[32];
    (void)snprintf(id, sizeof id, "s%u-%llu", (unsigned)s, (unsigned long long)tick);
    if (tick == 1) assert_ok(fx_join(session, "p1", "", 0));
    if (tick > 2 && tick % 2)
      assert_ok(fx_do_move(session, 1, "p1", tick % 4 == 1 ? 1 : -1, 0, id));
    lq_session_tick(session, NULL, &result);
    LQ_CHECK(lq_slice_add(&builder, &result));
  }
  lq_store_slice slice = {.name = session_named(s), .epoch = head->epoch, .slice = header.slice};
  assert_ok(lq_slice_end(&builder, result.hash, &slice.body, head->chain));
  head->slice = header.slice;
  head->tick = result.tick;
  head->hash = result.hash;
  head->state = LQ_HEAD_LIVE;
  slice.head = *head;
  l->w = (waited){.t = &l->t};
  lq_err err = l->store->commit(l->store, &slice, 1, waited_committed, &l->w);
  if (err) return err;
  wait_calls(&l->w, 1);
  return l->w.err;
}
static inline lq_err lab_checkpoint(lab *l, uint32_t s, lq_head_state state) {
  size_t bytes = lq_session_save_bytes(l->live[s].session) + 256;
  uint8_t *memory = malloc(bytes), release[32];
  LQ_CHECK(memory != NULL);
  lq_writer w = lq_writer_of(memory, bytes);
  memset(release, 0x11, 32);
  assert_ok(lq_checkpoint_write(l->live[s].session, release, &w));
  lq_store_head head = l->head[s];
  head.checkpoint_tick = head.tick;
  head.checkpoint_slice = head.slice;
  head.state = (uint8_t)state;
  lq_session_name name = session_named(s);
  l->w = (waited){.t = &l->t};
  l->store->checkpoint(l->store, &name, &head, lq_writer_span(&w), waited_done, &l->w);
  wait_calls(&l->w, 1);
  if (!l->w.err) l->head[s] = head;
  free(memory);
  return l->w.err;
}
static inline void lab_create(lab *l, uint32_t number) {
  lq_session_name name = session_named(number);
  lq_store_head head = {
      .checkpoint_tick = UINT64_MAX, .seed = number + l->seed, .state = LQ_HEAD_HIBERNATED};
  memset(head.release, 0x11, 32);
  memset(head.first_release, 0x11, 32);
  l->w = (waited){.t = &l->t};
  l->store->create(l->store, &name, &head, waited_done, &l->w);
  wait_calls(&l->w, 1);
  assert_ok(l->w.err);
}

/* ---- what the store serves, collected ---- */

typedef struct served {
  lab *l;
  lq_err err;
  uint32_t names;
  bool bad_name;
  uint8_t slices[SLICES_BYTES];
  size_t bytes;
  bool done, same;
  lq_verify_result verified;
} served;

static inline void got_name(void *context, lq_err err, const lq_session_name *name,
                            const lq_store_head *head) {
  served *g = context;
  if (err) {
    g->err = err;
    return;
  }
  g->bad_name |= strcmp(name->tenant, "acme") != 0 || strcmp(name->game, "demo") != 0 ||
                 name->session[0] != 's' ||
                 head->seed != strtoull(name->session + 1, NULL, 10) + g->l->seed;
  g->names++;
}
static inline void got_slice(void *context, lq_err err, const char *sk, lq_span body) {
  served *g = context;
  (void)sk;
  if (err) {
    g->err = err;
    return;
  }
  LQ_CHECK(g->bytes + body.bytes <= sizeof g->slices);
  memcpy(g->slices + g->bytes, body.data, body.bytes);
  g->bytes += body.bytes;
}
static inline void got_body(void *context, lq_err err, const char *sk, lq_span body) {
  served *g = context;
  (void)sk;
  g->err = err;
  if (!err && body.bytes <= sizeof g->slices) memcpy(g->slices, body.data, g->bytes = body.bytes);
}
static inline void got_verified(void *context, lq_err err, const lq_verify_result *result) {
  served *g = context;
  g->err = err;
  g->verified = *result;
  g->done = true;
  lq_loop_stop(g->l->t.loop);
}

static inline void serve_slices(lab *l, uint32_t s, served *g) {
  lq_session_name name = session_named(s);
  g->bytes = 0;
  l->store->slices(l->store, &name, 1, UINT64_MAX, 0, got_slice, g);
}
static inline void serve_verify(lab *l, uint32_t s, served *g) {
  lq_session_name name = session_named(s);
  g->done = false;
  lq_ledger_verify(l->store, &l->releases, &name, NULL, got_verified, g);
  while (!g->done) lq_loop_run(l->t.loop);
}

static inline truth *truth_of(lab *l) {
  truth *out = calloc(1, sizeof *out);
  served *g = calloc(1, sizeof *g);
  LQ_CHECK(out && g);
  g->l = l;
  out->names = PLAYED + NAMED;
  for (uint32_t s = 0; s < PLAYED; s++) {
    truth_session *t = &out->session[s];
    lq_session_name name = session_named(s);
    assert_ok(session_head(&l->t, l->store, &name, &t->head));
    serve_slices(l, s, g);
    memcpy(t->slices, g->slices, t->slices_bytes = g->bytes);
    serve_verify(l, s, g);
    assert_ok(g->err);
    assert_int_equal(g->verified.findings, 0);
    t->verified = g->verified;
  }
  free(g);
  return out;
}

/* ---- files ---- */

static inline files files_take(lab *l) {
  files f = {0};
  for (int i = 0; i < 3; i++)
    if (lq_file_read(folder_file(&l->t, file_names[i]), 64 << 20, &f.data[i], &f.bytes[i]))
      f.bytes[i] = SIZE_MAX;
  return f;
}
static inline void files_put(lab *l, const files *f) {
  for (int i = 0; i < 3; i++) {
    const char *path = folder_file(&l->t, file_names[i]);
    (void)unlink(path);
    if (f->bytes[i] == SIZE_MAX) continue;
    FILE *out = fopen(path, "wb");
    LQ_CHECK(out && fwrite(f->data[i], 1, f->bytes[i], out) == f->bytes[i] && fclose(out) == 0);
  }
}
static inline void files_free(files *f) {
  for (int i = 0; i < 3; i++) lq_file_free(f->data[i]);
}

/* ---- the judge ---- */

typedef enum verdict { HARMLESS, NAMED_DAMAGE, SERVED_WRONG } verdict;

typedef struct judging {
  lab *l;
  const truth *want;
  served *g;
  verdict verdict;
} judging;

static inline void wrong(judging *j, const char *what, uint32_t s) {
  if (j->verdict != SERVED_WRONG)
    (void)snprintf(j->l->said, sizeof j->l->said, "%s, session s%u", what, (unsigned)s);
  j->verdict = SERVED_WRONG;
}
static inline void named(judging *j) {
  if (j->verdict == HARMLESS) j->verdict = NAMED_DAMAGE;
}

/* Epoch and state are the only things that waking may change. */
static inline bool head_same(lq_store_head a, lq_store_head b) {
  return a.slice == b.slice && a.tick == b.tick && a.checkpoint_tick == b.checkpoint_tick &&
         a.checkpoint_slice == b.checkpoint_slice && a.hash == b.hash && a.seed == b.seed &&
         a.players == b.players && memcmp(a.chain, b.chain, 32) == 0 && a.state == b.state &&
         memcmp(a.release, b.release, 32) == 0 && memcmp(a.first_release, b.first_release, 32) == 0;
}

static inline void judge_session(judging *j, uint32_t s) {
  lab *l = j->l;
  served *g = j->g;
  const truth_session *want = &j->want->session[s];
  lq_session_name name = session_named(s);
  lq_store_head head;
  lq_err err = session_head(&l->t, l->store, &name, &head);
  if (err == LQ_ERR_NOT_FOUND)
    wrong(j, "the session is not there any more", s);
  else if (err)
    named(j);
  else if (!head_same(head, want->head))
    wrong(j, "another HEAD", s);
  if (err) return;
  serve_slices(l, s, g);
  if (memcmp(g->slices, want->slices,
             g->bytes < want->slices_bytes ? g->bytes : want->slices_bytes) != 0 ||
      g->bytes > want->slices_bytes) {
    /* The readers of slices check each record's digest and chain. */
    serve_verify(l, s, g);
    if (!g->err && !g->verified.findings) wrong(j, "other slices, and nobody notices", s);
    named(j);
  } else if (g->err != LQ_ERR_NOT_FOUND) {
    named(j);
  } else if (g->bytes < want->slices_bytes) {
    wrong(j, "slices end early without an error", s);
  }
  serve_verify(l, s, g);
  if (g->err || g->verified.findings)
    named(j);
  else if (g->verified.hash != want->verified.hash ||
           g->verified.commands != want->verified.commands ||
           g->verified.events != want->verified.events ||
           g->verified.slices != want->verified.slices ||
           g->verified.checkpoints != want->verified.checkpoints)
    wrong(j, "verified, with another result", s);
}

static inline void judge_wake(judging *j, uint32_t s) {
  lab *l = j->l;
  const truth_session *want = &j->want->session[s];
  if (lab_wake(l, s))
    named(j);
  else if (lq_session_tick_number(l->live[s].session) != want->head.tick ||
           lq_session_hash(l->live[s].session) != want->verified.hash)
    wrong(j, "woken with another state", s);
}

static inline void got_entry(void *context, lq_err err, const char *sk, uint64_t version,
                             lq_span value) {
  (void)version;
  got_body(context, err, sk, value);
}
static inline void got_leaf(void *context, lq_err err, uint64_t index, lq_span leaf) {
  served *g = context;
  (void)index;
  g->err = err;
  if (!err) got_body(context, err, "", leaf);
}

static inline void judge_rest(judging *j) {
  lab *l = j->l;
  served *g = j->g;
  g->names = 0;
  g->bad_name = false;
  l->store->sessions(l->store, "acme", "demo", NULL, 0, got_name, g);
  if (g->err != LQ_ERR_NOT_FOUND)
    named(j);
  else if (g->bad_name || g->names != j->want->names)
    wrong(j, "another list of sessions", g->names);
  l->store->item(l->store, "acme", "COLOUR", got_entry, g);
  if (g->err && g->err != LQ_ERR_NOT_FOUND)
    named(j);
  else if (g->err || !lq_span_is(lq_span_of(g->slices, g->bytes), "blue"))
    wrong(j, "another item", 0);
  g->bytes = 0;
  l->store->log(l->store, "acme", 0, 0, got_leaf, g);
  if (g->err != LQ_ERR_NOT_FOUND)
    named(j);
  else if (!lq_span_is(lq_span_of(g->slices, g->bytes), LAB_LEAF))
    wrong(j, "another log", 0);
  l->store->blob_get(l->store, "acme", l->digest.bytes, got_body, g);
  lq_sha256 digest = lq_sha256_of(lq_span_of(g->slices, g->err ? 0 : g->bytes));
  /* Who asks for a blob compares its digest, and names one that is missing (apps/lq/place.c). */
  if (g->err || memcmp(digest.bytes, l->digest.bytes, 32) != 0) named(j);
}

/* Goes on playing with what woke, and looks again after an orderly end. */
static inline void judge_play_on(judging *j) {
  lab *l = j->l;
  bool went_on[PLAYED] = {false};
  for (uint32_t s = 0; s < PLAYED; s++)
    if (l->live[s].session)
      went_on[s] = !lab_slice(l, s, 4) && !lab_checkpoint(l, s, LQ_HEAD_HIBERNATED);
  uint64_t hash[PLAYED] = {0};
  for (uint32_t s = 0; s < PLAYED; s++)
    if (went_on[s]) hash[s] = lq_session_hash(l->live[s].session);
  lab_close(l);
  lq_diag diag;
  if (lab_open(l, false, &diag)) {
    named(j);
    return;
  }
  for (uint32_t s = 0; s < PLAYED; s++) {
    if (!went_on[s]) continue;
    if (lab_wake(l, s))
      named(j);
    else if (lq_session_hash(l->live[s].session) != hash[s])
      wrong(j, "what was played on is not there", s);
  }
}

/* The files as they lie in the folder, against the truth. */
static inline verdict judge(lab *l, const truth *want, bool read_only, bool play_on) {
  static served collected;
  judging j = {.l = l, .want = want, .g = &collected, .verdict = HARMLESS};
  collected.l = l;
  l->said[0] = 0;
  lq_diag diag;
  if (lab_open(l, read_only, &diag)) {
    (void)snprintf(l->said, sizeof l->said, "%s", diag.message);
    bool says = strstr(diag.message, "lq.db") && lq_err_mend(diag.code)[0];
    return says ? NAMED_DAMAGE : SERVED_WRONG;
  }
  judge_rest(&j);
  for (uint32_t s = 0; s < PLAYED; s++) judge_session(&j, s);
  for (uint32_t s = 0; s < PLAYED && !read_only; s++) judge_wake(&j, s);
  if (play_on && !read_only) judge_play_on(&j);
  lab_close(l);
  return j.verdict;
}

#endif
