/* `lq audit prove`: a session, or a leaf, as a bundle. */
#include <stdlib.h>

#include "apps/lq/audit.h"

typedef struct leaves {
  lq_audit_tool *tool;
  uint64_t only; /* UINT64_MAX: those of the session */
  uint64_t *index;
  size_t count, capacity;
  uint8_t *bytes; /* each leaf behind its length, a byte pair */
  size_t used, room;
  bool failed;
} leaves;

static bool leaf_is_wanted(const leaves *l, uint64_t index, const lq_audit_entry *e) {
  const lq_session_name *name = &l->tool->name;
  if (l->only != UINT64_MAX) return index == l->only;
  return !strcmp(e->name.session, name->session) && !strcmp(e->name.game, name->game);
}

static bool leaf_take(void *context, uint64_t index, lq_span leaf) {
  leaves *l = context;
  lq_audit_entry e;
  if (index >= l->tool->head.size) return false;
  if (lq_audit_entry_decode(leaf, &e) || !leaf_is_wanted(l, index, &e)) return true;
  if (l->count == l->capacity) {
    size_t wanted = l->capacity ? l->capacity * 2 : 256;
    void *grown = realloc(l->index, wanted * sizeof *l->index);
    l->failed |= !grown;
    if (!grown) return false;
    l->index = grown;
    l->capacity = wanted;
  }
  if (l->used + leaf.bytes + 2 > l->room) {
    size_t wanted = (l->used + leaf.bytes) * 2 + 4096;
    void *grown = realloc(l->bytes, wanted);
    l->failed |= !grown;
    if (!grown) return false;
    l->bytes = grown;
    l->room = wanted;
  }
  l->index[l->count++] = index;
  l->bytes[l->used++] = (uint8_t)leaf.bytes;
  l->bytes[l->used++] = (uint8_t)(leaf.bytes >> 8);
  memcpy(l->bytes + l->used, leaf.data, leaf.bytes);
  l->used += leaf.bytes;
  return true;
}

/* ---- what stands beside the leaves ---- */

typedef struct read_back {
  lq_audit_tool *tool;
  lq_bundle_writer *bundle;
  bool done, release;
  uint32_t count;
  lq_err err;
  lq_store_head head;
} read_back;

static void got_body(void *context, lq_err err, const char *sk, lq_span body) {
  read_back *r = context;
  (void)sk;
  if (!err) {
    r->count++;
    if (r->release)
      lq_bundle_release(r->bundle, body);
    else
      lq_bundle_record(r->bundle, body);
  }
  if (!err && !r->release) return; /* the end of the range follows */
  r->err = r->count ? LQ_OK : err;
  r->done = true;
  lq_loop_stop(r->tool->place.loop);
}

static void got_head(void *context, lq_err err, const lq_store_head *head) {
  read_back *r = context;
  r->err = err;
  if (!err) r->head = *head;
  r->done = true;
  lq_loop_stop(r->tool->place.loop);
}

static lq_err record_add(lq_audit_tool *t, const lq_audit_entry *e, lq_bundle_writer *b) {
  read_back r = {.tool = t, .bundle = b};
  uint64_t slice = e->slice.slice;
  t->at->store->slices(t->at->store, &e->name, slice, slice, 1, got_body, &r);
  lq_place_wait(&t->place, &r.done);
  if (r.err)
    return lq_diag_set(&t->diag, r.err, "the record of slice %llu of %s/%s is not there: %s",
                       (unsigned long long)slice, e->name.game, e->name.session,
                       lq_err_cause(r.err));
  return LQ_OK;
}

/* A release that the store has no more is left out: it is only for running again. */
static void release_add(lq_audit_tool *t, const uint8_t id[32], lq_bundle_writer *b) {
  read_back r = {.tool = t, .bundle = b, .release = true};
  t->at->store->blob_get(t->at->store, t->name.tenant, id, got_body, &r);
  lq_place_wait(&t->place, &r.done);
}

static lq_err leaf_add(lq_audit_tool *t, uint64_t index, lq_span leaf, lq_bundle_writer *b) {
  lq_audit_entry e;
  lq_err err = lq_audit_entry_decode(leaf, &e);
  if (err) return err;
  lq_bundle_leaf(b, index, leaf);
  if (e.kind == LQ_AUDIT_SLICE) err = record_add(t, &e, b);
  if (err || !e.has_detail || !t->cli->value[LQ_AUDIT_DETAILS]) return err;
  char sk[LQ_STORE_SK_BYTES];
  uint8_t *data = NULL;
  size_t bytes = 0;
  lq_audit_detail_sk(e.detail, sk);
  if (!lq_audit_item(t, t->at->store, sk, &data, &bytes))
    lq_bundle_detail(b, lq_span_of(data, bytes));
  free(data);
  return LQ_OK;
}

/* ---- the bundle ---- */

static lq_err proof_add(lq_audit_tool *t, const leaves *l, lq_bundle_writer *b) {
  lq_tile_source tiles = lq_audit_tiles(t);
  lq_tree_batch batch = {l->index, l->count, t->head.size};
  size_t room = (l->count + 64) * 64;
  for (;; room *= 2) {
    uint8_t *memory = malloc(room);
    if (!memory) return LQ_ERR_MEMORY;
    lq_writer w = lq_writer_of(memory, room);
    lq_err err = lq_tree_batch_prove(&tiles, &batch, &w);
    if (!err) lq_bundle_proof(b, lq_writer_span(&w));
    free(memory);
    if (err != LQ_ERR_FULL) return err;
  }
}

/* Calls fn for each leaf that was taken. */
static lq_err leaves_each(lq_audit_tool *t, const leaves *l, lq_bundle_writer *b,
                          lq_err (*fn)(lq_audit_tool *t, uint64_t index, lq_span leaf,
                                       lq_bundle_writer *b)) {
  size_t at = 0;
  for (size_t i = 0; i < l->count; i++) {
    size_t bytes = l->bytes[at] | (size_t)l->bytes[at + 1] << 8;
    lq_err err = fn(t, l->index[i], lq_span_of(l->bytes + at + 2, bytes), b);
    if (err) return err;
    at += bytes + 2;
  }
  return LQ_OK;
}

static lq_err releases_add(lq_audit_tool *t, const leaves *l, lq_bundle_writer *b) {
  uint8_t known[64][32];
  size_t count = 0, at = 0;
  for (size_t i = 0; i < l->count; i++) {
    size_t bytes = l->bytes[at] | (size_t)l->bytes[at + 1] << 8, k = 0;
    lq_audit_entry e;
    lq_err err = lq_audit_entry_decode(lq_span_of(l->bytes + at + 2, bytes), &e);
    at += bytes + 2;
    if (err || e.kind != LQ_AUDIT_SLICE) continue;
    while (k < count && memcmp(known[k], e.slice.release, 32) != 0) k++;
    if (k < count || count == 64) continue;
    memcpy(known[count++], e.slice.release, 32);
    release_add(t, e.slice.release, b);
  }
  return LQ_OK;
}

lq_err lq_audit_bundle(lq_audit_tool *t, uint64_t leaf, uint64_t since, lq_bundle_writer *b) {
  leaves l = {.tool = t, .only = leaf};
  read_back head = {.tool = t};
  lq_session_name name = t->name;
  lq_tile_source tiles = lq_audit_tiles(t);
  *b = (lq_bundle_writer){0};
  if (leaf != UINT64_MAX)
    name.game[0] = name.session[0] = 0;
  else
    t->at->store->head(t->at->store, &t->name, got_head, &head);
  if (leaf == UINT64_MAX) lq_place_wait(&t->place, &head.done);
  lq_err err = lq_audit_walk(t, leaf == UINT64_MAX ? 0 : leaf, leaf == UINT64_MAX ? 0 : 1,
                             leaf_take, &l, NULL);
  if (!err && l.failed) err = LQ_ERR_MEMORY;
  if (!err && !l.count)
    err = leaf == UINT64_MAX
              ? lq_diag_set(&t->diag, LQ_ERR_NOT_FOUND,
                            "the signed log of %s has nothing of session %s/%s", t->name.tenant,
                            t->name.game, t->name.session)
              : lq_diag_set(&t->diag, LQ_ERR_NOT_FOUND,
                            "leaf %llu is not among the %llu that are signed",
                            (unsigned long long)leaf, (unsigned long long)t->head.size);
  if (!err) {
    lq_tree_proof way;
    lq_bundle_begin(b, &name, head.head.seed);
    lq_bundle_note(b, lq_span_of(t->note, t->note_bytes));
    if (since && since < t->head.size) err = lq_tree_consistency(&tiles, since, t->head.size, &way);
    if (!err && since && since < t->head.size) lq_bundle_since(b, since, &way);
    if (!err) err = proof_add(t, &l, b);
    if (!err && leaf == UINT64_MAX) err = releases_add(t, &l, b);
    if (!err) err = leaves_each(t, &l, b, leaf_add);
    if (!err) err = lq_bundle_end(b);
  }
  free(l.index);
  free(l.bytes);
  if (err) lq_bundle_free(b);
  return err;
}

/* What was written is verified before it is given out, with the key that signed the checkpoint. */
static lq_err bundle_hold(lq_audit_tool *t, const lq_bundle_writer *b, lq_bundle_result *result) {
  char key[LQ_NOTE_KEY_TEXT_BYTES];
  lq_err err = lq_audit_key_text(t, true, key);
  if (err) return err;
  lq_bundle_check check = {.bundle = lq_span_of(b->data, b->bytes),
                           .key = lq_span_text(key),
                           .context = t,
                           .report = lq_audit_say};
  err = lq_bundle_verify(&check, result);
  if (!err && result->findings)
    err = lq_diag_set(&t->diag, LQ_ERR_CORRUPT,
                      "log, tree and journal of %s do not agree: there is no proof of it",
                      t->name.tenant);
  return err;
}

static lq_err since_of(lq_audit_tool *t, uint64_t *out) {
  uint8_t *note;
  size_t bytes;
  lq_audit_head seen;
  *out = 0;
  lq_err err = lq_audit_witness_read(t, &note, &bytes);
  if (err || !note) return err;
  err = lq_audit_head_read(lq_span_of(note, bytes), &seen);
  lq_file_free(note);
  if (err)
    return lq_diag_set(&t->diag, err, "%.160s holds no checkpoint",
                       t->cli->value[LQ_AUDIT_WITNESS]);
  *out = seen.size;
  return LQ_OK;
}

int lq_audit_prove(lq_audit_tool *t) {
  const char *leaf_text = t->cli->value[LQ_AUDIT_LEAF], *out = t->cli->value[LQ_AUDIT_OUT];
  uint64_t leaf = UINT64_MAX, since = 0;
  char file[64];
  if (leaf_text && (!lq_cli_number(leaf_text, &leaf) || leaf == UINT64_MAX))
    return lq_cli_usage("--leaf is a number from 0, not '%s'", leaf_text);
  if (leaf_text && t->cli->word_count > 1) return lq_cli_usage("a session or --leaf N, not both");
  (void)snprintf(file, sizeof file, leaf_text ? "%s.lqa" : "%.40s.lqa",
                 leaf_text ? "leaf" : t->name.session);
  if (!out) out = file;
  lq_bundle_writer b = {0};
  lq_bundle_result result = {0};
  lq_err err = lq_audit_open(t, true);
  if (!err && !t->head.size) {
    (void)snprintf(t->diag.mend, sizeof t->diag.mend,
                   "a running server signs it within a second: lq serve, lq dev");
    err = lq_diag_set(&t->diag, LQ_ERR_NOT_FOUND, "there is no signed checkpoint of %s yet",
                      t->name.tenant);
  }
  if (!err) err = since_of(t, &since);
  if (!err) err = lq_audit_bundle(t, leaf, since, &b);
  if (!err) err = bundle_hold(t, &b, &result);
  if (!err && (err = lq_file_write(out, lq_span_of(b.data, b.bytes))))
    (void)lq_diag_set(&t->diag, err, "%.160s cannot be written: %s", out, lq_err_cause(err));
  if (err) {
    lq_bundle_free(&b);
    return lq_cli_fail(t->cli, err, &t->diag);
  }
  if (t->cli->json) {
    lq_writer w = lq_out_begin();
    lq_write_text(&w, "{\"file\":");
    lq_json_write_text(&w, lq_span_text(out));
    lq_write_text(&w, ",\"bytes\":");
    lq_write_decimal_u(&w, b.bytes);
    lq_write_text(&w, ",\"leaves\":");
    lq_write_decimal_u(&w, result.leaves);
    lq_write_text(&w, ",\"slices\":");
    lq_write_decimal_u(&w, result.slices);
    lq_write_text(&w, ",\"size\":");
    lq_write_decimal_u(&w, result.head.size);
    lq_write_text(&w, "}");
    lq_out_end(&w);
  } else {
    (void)printf("%s: %zu bytes, %llu leaves, %llu slices, in a log of %llu leaves\n", out, b.bytes,
                 (unsigned long long)result.leaves, (unsigned long long)result.slices,
                 (unsigned long long)result.head.size);
  }
  lq_bundle_free(&b);
  return LQ_EXIT_OK;
}
