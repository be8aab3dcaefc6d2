/* `lq audit verify`: a bundle, with nothing but the public key; or a data folder's whole log, its
 * tree, and every slice record against its leaf. */
#include <stdlib.h>

#include "apps/lq/audit.h"
#include "lq_base/hash.h"

typedef unsigned long long ull;
enum { BUNDLE_BYTES_MAX = 1 << 30 };

/* ---- answers ---- */

static void member(lq_writer *w, const char *name, uint64_t v) {
  lq_write_text(w, ",\"");
  lq_write_text(w, name);
  lq_write_text(w, "\":");
  lq_write_decimal_u(w, v);
}

static void member_text(lq_writer *w, const char *name, const char *text) {
  lq_write_text(w, ",\"");
  lq_write_text(w, name);
  lq_write_text(w, "\":");
  lq_json_write_text(w, lq_span_text(text));
}

static void bundle_told(lq_audit_tool *t, const char *file, const lq_bundle_result *r,
                        const lq_verify_result *run) {
  bool good = t->status == LQ_EXIT_OK;
  if (!t->cli->json) {
    (void)printf("%s: %s: %s%s%s%s%s, ", file, good ? "verified" : "DIFFERS", r->name.tenant,
                 r->name.game[0] ? "/" : "", r->name.game, r->name.session[0] ? "/" : "",
                 r->name.session);
    if (r->slices)
      (void)printf("slices %llu to %llu, ticks %llu to %llu, ", (ull)r->slice_first,
                   (ull)r->slice_last, (ull)r->tick_first, (ull)r->tick_last);
    (void)printf("%llu of the %llu leaves of %s\n", (ull)r->leaves, (ull)r->head.size,
                 r->head.origin);
    if (run)
      (void)printf("%s: run again: %llu ticks, %llu commands, %llu events, hash %016llx\n", file,
                   (ull)run->ticks, (ull)run->commands, (ull)run->events, (ull)run->hash);
    return;
  }
  lq_writer w = lq_out_begin();
  lq_write_text(&w, good ? "{\"ok\":true" : "{\"ok\":false");
  member_text(&w, "tenant", r->name.tenant);
  if (r->name.session[0]) member_text(&w, "game", r->name.game);
  if (r->name.session[0]) member_text(&w, "session", r->name.session);
  member(&w, "leaves", r->leaves);
  member(&w, "slices", r->slices);
  member(&w, "slice_first", r->slice_first);
  member(&w, "slice_last", r->slice_last);
  member(&w, "tick_first", r->tick_first);
  member(&w, "tick_last", r->tick_last);
  member(&w, "details", r->details);
  member(&w, "withheld", r->withheld);
  member_text(&w, "origin", r->head.origin);
  member(&w, "size", r->head.size);
  member(&w, "findings", r->findings + (run ? run->findings : 0));
  if (run) {
    member(&w, "ticks_run", run->ticks);
    lq_write_text(&w, ",\"hash\":\"");
    lq_write_hex64(&w, run->hash);
    lq_write_text(&w, "\"");
  }
  lq_write_text(&w, "}");
  lq_out_end(&w);
}

/* The checkpoint is what the witness saw last: kept only when all was well. */
static lq_err witness_keep(lq_audit_tool *t, lq_span note) {
  const char *file = t->cli->value[LQ_AUDIT_WITNESS];
  if (!file || t->status != LQ_EXIT_OK || !note.bytes) return LQ_OK;
  lq_err err = lq_file_write(file, note);
  if (err)
    return lq_diag_set(&t->diag, err, "%.160s cannot be written: %s", file, lq_err_cause(err));
  return LQ_OK;
}

/* ---- a bundle ---- */

static int verify_file(lq_audit_tool *t, const char *file) {
  char key[LQ_NOTE_KEY_TEXT_BYTES];
  uint8_t *data = NULL, *seen = NULL;
  size_t bytes = 0, seen_bytes = 0;
  bool runs = t->cli->value[LQ_AUDIT_RUN] != NULL;
  lq_bundle_result result = {0};
  lq_verify_result run = {0};
  lq_err err = lq_audit_key_text(t, false, key);
  if (!err && (err = lq_file_read(file, BUNDLE_BYTES_MAX, &data, &bytes)))
    (void)lq_diag_set(&t->diag, err, "%.160s cannot be read: %s", file, lq_err_cause(err));
  if (!err) err = lq_audit_witness_read(t, &seen, &seen_bytes);
  lq_bundle_check check = {.bundle = lq_span_of(data, bytes),
                           .key = lq_span_text(key),
                           .witness = lq_span_of(seen, seen_bytes),
                           .context = t,
                           .report = lq_audit_say};
  if (!err) err = lq_bundle_verify(&check, &result);
  /* Running executes the game's code: never out of a bundle that does not hold. */
  runs = runs && !err && !result.findings;
  if (runs) err = lq_audit_rerun(t, check.bundle, key, &run);
  if (!err) err = witness_keep(t, result.note);
  if (!err) bundle_told(t, file, &result, runs ? &run : NULL);
  if (data) lq_file_free(data);
  if (seen) lq_file_free(seen);
  return err ? lq_cli_fail(t->cli, err, &t->diag) : t->status;
}

/* ---- a data folder ---- */

typedef struct seen_session {
  lq_session_name name;          /* "" : free */
  lq_audit_entry last;           /* its last slice's leaf */
  uint64_t head_slice, slice_at; /* HEAD's; the last slice of the first walk */
  uint8_t head_chain[32];
} seen_session;

typedef struct folder {
  lq_audit_tool *tool;
  lq_tree tree;
  seen_session *session; /* by a hash of the name; at most half full */
  size_t count, capacity;
  uint64_t slices, checkpoints, findings;
  bool failed, done;
  uint64_t index; /* of the record that is read */
  const lq_audit_entry *entry;
  seen_session *asked;
  lq_progress progress;
} folder;

static void tell(void *context, const char *sentence) {
  folder *f = context;
  f->findings++;
  lq_progress_end(&f->progress);
  lq_audit_say(f->tool, sentence);
}

static seen_session *session_find(folder *f, const lq_session_name *name) {
  uint64_t at = lq_hash_bytes(1, name, sizeof *name);
  for (;; at++) {
    seen_session *s = &f->session[at & (f->capacity - 1)];
    if (!s->name.session[0] || !memcmp(&s->name, name, sizeof *name)) return s;
  }
}

static bool sessions_room(folder *f) {
  if (f->count * 2 < f->capacity) return true;
  folder grown = *f;
  grown.capacity = f->capacity ? f->capacity * 2 : 256;
  grown.session = calloc(grown.capacity, sizeof *grown.session);
  if (!grown.session) return false;
  for (size_t i = 0; i < f->capacity; i++)
    if (f->session[i].name.session[0]) *session_find(&grown, &f->session[i].name) = f->session[i];
  free(f->session);
  f->session = grown.session;
  f->capacity = grown.capacity;
  return true;
}

static void record_got(void *context, lq_err err, const char *sk, lq_span body) {
  folder *f = context;
  (void)sk;
  if (!err) {
    (void)lq_audit_record_check(f->index, f->entry, body, 0, tell, f);
    f->entry = NULL;
    return;
  }
  if (f->entry) {
    char text[256];
    (void)snprintf(text, sizeof text,
                   "the record of slice %llu of %s/%s (leaf %llu) is missing: %s",
                   (ull)f->entry->slice.slice, f->entry->name.game, f->entry->name.session,
                   (ull)f->index, lq_err_cause(err));
    tell(f, text);
  }
  f->done = true;
  lq_loop_stop(f->tool->place.loop);
}

static void on_slice(folder *f, uint64_t index, const lq_audit_entry *e) {
  lq_audit_tool *t = f->tool;
  if (!sessions_room(f)) {
    f->failed = true;
    return;
  }
  seen_session *s = session_find(f, &e->name);
  bool known = s->name.session[0] != 0;
  uint64_t differ = lq_audit_slice_check(known ? &s->last : NULL, index, e, tell, f);
  if (differ) {
    char text[128];
    (void)snprintf(text, sizeof text, "... of session %s/%s", e->name.game, e->name.session);
    lq_audit_say(t, text);
  }
  if (!known) f->count++;
  s->name = e->name;
  s->last = *e;
  f->slices++;
  if (!t->at) return;
  f->index = index;
  f->entry = e;
  f->done = false;
  t->at->store->slices(t->at->store, &e->name, e->slice.slice, e->slice.slice, 1, record_got, f);
  lq_place_wait(&t->place, &f->done);
}

static void root_check(folder *f) {
  lq_sha256 root = lq_tree_root(&f->tree);
  if (f->tree.size != f->tool->head.size || !memcmp(root.bytes, f->tool->head.root.bytes, 32))
    return;
  char text[256];
  (void)snprintf(text, sizeof text,
                 "the log is not what was signed: its first %llu leaves do not lead to the "
                 "checkpoint's root",
                 (ull)f->tree.size);
  tell(f, text);
}

static bool folder_leaf(void *context, uint64_t index, lq_span leaf) {
  folder *f = context;
  lq_audit_entry e;
  if (index != f->tree.size) return false;
  lq_sha256 hash = lq_tree_leaf(leaf);
  lq_tree_append(&f->tree, &hash);
  lq_progress_at(&f->progress, f->tree.size);
  root_check(f);
  if (lq_audit_entry_decode(leaf, &e) || strcmp(e.name.tenant, f->tool->name.tenant) != 0) {
    char text[128];
    (void)snprintf(text, sizeof text, "leaf %llu is no entry of this tenant", (ull)index);
    tell(f, text);
  } else if (e.kind == LQ_AUDIT_SLICE) {
    on_slice(f, index, &e);
  } else if (e.kind == LQ_AUDIT_CHECKPOINT) {
    f->checkpoints++;
  }
  return !f->failed;
}

static void head_got(void *context, lq_err err, const lq_store_head *head) {
  folder *f = context;
  seen_session *s = f->asked;
  s->slice_at = s->last.slice.slice;
  if (!err) {
    s->head_slice = head->slice;
    memcpy(s->head_chain, head->chain, 32);
  }
  f->done = true;
  lq_loop_stop(f->tool->place.loop);
}

/* HEAD was read before the second walk: whatever it counts has a leaf by now. */
static void heads_check(folder *f) {
  char text[256];
  for (size_t i = 0; i < f->capacity; i++) {
    const seen_session *s = &f->session[i];
    ull last = s->last.slice.slice, head = s->head_slice;
    if (!s->name.session[0]) continue;
    text[0] = 0;
    if (head < s->slice_at)
      (void)snprintf(
          text, sizeof text,
          "session %s/%s was rolled back: it stands at slice %llu, the log tells of %llu",
          s->name.game, s->name.session, head, (ull)s->slice_at);
    else if (head > last)
      (void)snprintf(text, sizeof text, "slices %llu to %llu of session %s/%s have no leaf",
                     last + 1, head, s->name.game, s->name.session);
    else if (head == last && memcmp(s->head_chain, s->last.slice.chain_after, 32) != 0)
      (void)snprintf(text, sizeof text,
                     "session %s/%s: the chain of its HEAD is not that of slice %llu", s->name.game,
                     s->name.session, last);
    if (text[0]) tell(f, text);
  }
}

static lq_err folder_walk(folder *f) {
  lq_audit_tool *t = f->tool;
  uint64_t size = 0;
  if (!sessions_room(f)) return LQ_ERR_MEMORY;
  lq_progress_begin(&f->progress, "leaves verified", t->head.size);
  lq_err err = lq_audit_walk(t, 0, 0, folder_leaf, f, &size);
  if (!err && f->failed) err = LQ_ERR_MEMORY;
  if (err) return err;
  if (size < t->head.size) {
    char text[160];
    (void)snprintf(text, sizeof text,
                   "the log was rolled back: its checkpoint is of %llu leaves, and it has %llu",
                   (ull)t->head.size, (ull)size);
    tell(f, text);
  }
  for (size_t i = 0; i < f->capacity && t->at; i++) {
    f->asked = &f->session[i];
    f->done = false;
    if (!f->asked->name.session[0]) continue;
    t->at->store->head(t->at->store, &f->asked->name, head_got, f);
    lq_place_wait(&t->place, &f->done);
  }
  if (t->at) err = lq_audit_walk(t, f->tree.size, 0, folder_leaf, f, NULL);
  if (!err && t->at) heads_check(f);
  lq_progress_end(&f->progress);
  return !err && f->failed ? LQ_ERR_MEMORY : err;
}

static lq_err folder_witness(folder *f, const char *key_text) {
  lq_audit_tool *t = f->tool;
  uint8_t *note;
  size_t bytes;
  lq_note_key key;
  lq_audit_head seen;
  lq_tree_proof way;
  char sentence[512];
  lq_err err = lq_audit_witness_read(t, &note, &bytes);
  if (err || !note) return err;
  bool good = !lq_note_key_read(lq_span_text(key_text), &key) &&
              !lq_audit_head_open(lq_span_of(note, bytes), &key, &seen);
  lq_file_free(note);
  if (!good) {
    tell(f, "what the witness saw is no checkpoint that the key given signed");
    return LQ_OK;
  }
  lq_tile_source tiles = lq_audit_tiles(t);
  bool grown = seen.size < t->head.size && f->tree.size >= t->head.size;
  if (grown) err = lq_tree_consistency(&tiles, seen.size, t->head.size, &way);
  if (!err && !lq_audit_witness_check(&seen, &t->head, grown ? &way : NULL, sentence))
    tell(f, sentence);
  return err;
}

static void folder_told(const folder *f) {
  const lq_audit_tool *t = f->tool;
  bool good = t->status == LQ_EXIT_OK;
  if (!t->cli->json) {
    (void)printf("%s: %s: %llu leaves, %llu of them signed, %zu sessions, %llu slices%s\n",
                 t->name.tenant, good ? "verified" : "DIFFERS", (ull)f->tree.size,
                 (ull)t->head.size, f->count, (ull)f->slices,
                 t->at ? "" : ", without their records: the tenant's keys are not here");
    return;
  }
  lq_writer w = lq_out_begin();
  lq_write_text(&w, good ? "{\"ok\":true" : "{\"ok\":false");
  member_text(&w, "tenant", t->name.tenant);
  member(&w, "leaves", f->tree.size);
  member(&w, "size", t->head.size);
  member(&w, "sessions", f->count);
  member(&w, "slices", f->slices);
  lq_write_text(&w, t->at ? ",\"records\":true" : ",\"records\":false");
  member(&w, "findings", f->findings);
  lq_write_text(&w, "}");
  lq_out_end(&w);
}

static int verify_folder(lq_audit_tool *t) {
  folder f = {.tool = t};
  char key_text[LQ_NOTE_KEY_TEXT_BYTES] = "";
  lq_note_key key;
  lq_audit_head head;
  lq_span note = {0};
  lq_err err = lq_audit_open(t, false);
  if (!err && !t->head.size) {
    (void)snprintf(t->diag.mend, sizeof t->diag.mend,
                   "a running server signs it within a second: lq serve, lq dev");
    err = lq_diag_set(&t->diag, LQ_ERR_NOT_FOUND, "there is no signed checkpoint of %s yet",
                      t->name.tenant);
  }
  if (!err) err = lq_audit_key_text(t, true, key_text);
  if (!err) {
    note = lq_span_of(t->note, t->note_bytes);
    if (lq_note_key_read(lq_span_text(key_text), &key) || lq_audit_head_open(note, &key, &head))
      tell(&f, "the checkpoint is not signed with the key given");
    err = folder_walk(&f);
  }
  if (!err) err = folder_witness(&f, key_text);
  if (!err) err = witness_keep(t, note);
  if (!err) folder_told(&f);
  free(f.session);
  return err ? lq_cli_fail(t->cli, err, &t->diag) : t->status;
}

int lq_audit_verify(lq_audit_tool *t) {
  if (t->cli->word_count > 1) return verify_file(t, t->cli->word[1]);
  if (t->cli->value[LQ_AUDIT_RUN])
    return lq_cli_usage("--run is for a bundle; lq session verify runs a session of the folder");
  return verify_folder(t);
}
