/* `lq audit log|key|prove|verify|mutations`: a tenant's log, read beside a running server; bundles
 * are verified with no data folder at all. */
#include <stdlib.h>

#include "apps/lq/audit.h"

/* ---- reading ---- */

typedef struct asked {
  lq_audit_tool *tool;
  bool done;
  lq_err err;
  uint8_t *data;
  size_t bytes;
} asked;

static void item_got(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  asked *a = context;
  (void)sk, (void)version;
  a->err = err;
  if (!err && !(a->data = malloc(value.bytes + 1))) a->err = LQ_ERR_MEMORY;
  if (a->data && value.bytes) memcpy(a->data, value.data, value.bytes);
  a->bytes = value.bytes;
  a->done = true;
  lq_loop_stop(a->tool->place.loop);
}

lq_err lq_audit_item(lq_audit_tool *t, lq_store *store, const char *sk, uint8_t **data,
                     size_t *bytes) {
  asked a = {.tool = t};
  store->item(store, t->name.tenant, sk, item_got, &a);
  lq_place_wait(&t->place, &a.done);
  *data = a.data;
  *bytes = a.bytes;
  return a.err;
}

typedef struct walked {
  lq_audit_tool *tool;
  lq_audit_each each;
  void *context;
  bool done, stopped;
  lq_err err;
  uint64_t size;
} walked;

static void leaf_got(void *context, lq_err err, uint64_t index, lq_span leaf) {
  walked *w = context;
  if (!err) {
    if (!w->stopped) w->stopped = !w->each(w->context, index, leaf);
    return;
  }
  w->err = err == LQ_ERR_NOT_FOUND ? LQ_OK : err;
  w->size = index;
  w->done = true;
  lq_loop_stop(w->tool->place.loop);
}

lq_err lq_audit_walk(lq_audit_tool *t, uint64_t first, uint32_t limit, lq_audit_each each,
                     void *context, uint64_t *size) {
  lq_store *store = t->place.store;
  walked w = {.tool = t, .each = each, .context = context};
  store->log(store, t->name.tenant, first, limit, leaf_got, &w);
  lq_place_wait(&t->place, &w.done);
  if (size) *size = w.size;
  return w.err;
}

lq_err lq_audit_open(lq_audit_tool *t, bool needs_keys) {
  lq_err err = lq_place_open(t->cli->value[LQ_AUDIT_DATA], true, &t->place, &t->diag);
  if (err == LQ_ERR_NOT_FOUND)
    (void)snprintf(t->diag.mend, sizeof t->diag.mend,
                   "lq dev or lq serve make it; --data or LQ_DATA name another data folder");
  if (err) return err;
  err = lq_place_tenant_need(&t->place, t->name.tenant, false, &t->at, &t->diag);
  if (err && needs_keys) return err;
  t->diag = (lq_diag){0};
  err = lq_audit_item(t, t->place.store, LQ_AUDIT_HEAD_SK, &t->note, &t->note_bytes);
  if (err == LQ_ERR_NOT_FOUND) return LQ_OK;
  if (!err) err = lq_audit_head_read(lq_span_of(t->note, t->note_bytes), &t->head);
  if (err)
    return lq_diag_set(&t->diag, LQ_ERR_CORRUPT, "the checkpoint of %s's log cannot be read: %s",
                       t->name.tenant, lq_err_cause(err));
  return LQ_OK;
}

void lq_audit_close(lq_audit_tool *t) {
  free(t->note);
  if (t->place.loop) lq_place_close(&t->place);
}

void lq_audit_say(void *context, const char *sentence) {
  lq_audit_tool *t = context;
  t->status = LQ_EXIT_FINDING;
  (void)fprintf(stderr, "lq: %s\n", sentence);
}

/* ---- tiles ---- */

static bool leaf_hash(void *context, uint64_t index, lq_span leaf) {
  lq_sha256 *hash = context;
  hash[index % LQ_TILE_WIDTH] = lq_tree_leaf(leaf);
  return true;
}

static lq_err tile_read(void *context, uint32_t level, uint64_t index, uint32_t width,
                        const lq_sha256 **out);

/* Out of the level below: what was never stored, or not yet. */
static lq_err tile_make(lq_audit_tool *t, uint32_t level, uint64_t index, uint32_t width) {
  lq_sha256 *hash = t->tile[level].hash;
  if (level == 0) return lq_audit_walk(t, index * LQ_TILE_WIDTH, width, leaf_hash, hash, NULL);
  for (uint32_t i = 0; i < width; i++) {
    const lq_sha256 *below;
    lq_err err = tile_read(t, level - 1, index * LQ_TILE_WIDTH + i, LQ_TILE_WIDTH, &below);
    if (err) return err;
    hash[i] = lq_tile_node(below, LQ_TILE_WIDTH);
  }
  return LQ_OK;
}

static lq_err tile_read(void *context, uint32_t level, uint64_t index, uint32_t width,
                        const lq_sha256 **out) {
  lq_audit_tool *t = context;
  *out = t->tile[level].hash;
  if (t->tile[level].width >= width && t->tile[level].index == index) return LQ_OK;
  char sk[LQ_STORE_SK_BYTES];
  uint8_t *data;
  size_t bytes;
  lq_audit_tile_sk(level, index, sk);
  lq_err err = lq_audit_item(t, t->place.store, sk, &data, &bytes);
  if (!err && bytes <= LQ_TILE_BYTES && bytes >= width * sizeof(lq_sha256)) {
    memcpy(t->tile[level].hash, data, bytes);
    width = (uint32_t)(bytes / sizeof(lq_sha256));
  } else if (!err || err == LQ_ERR_NOT_FOUND) {
    err = tile_make(t, level, index, width);
  }
  free(data);
  t->tile[level].index = index;
  t->tile[level].width = err ? 0 : width;
  return err;
}

lq_tile_source lq_audit_tiles(lq_audit_tool *t) { return (lq_tile_source){t, tile_read}; }

/* ---- keys and witnesses ---- */

typedef struct keys {
  lq_audit_tool *tool;
  bool done, prints;
  uint32_t count;
  lq_err err;
  char signer[LQ_NOTE_KEY_TEXT_BYTES]; /* the key that signed the last checkpoint */
} keys;

static void key_got(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  keys *k = context;
  lq_note_key key;
  lq_audit_head head;
  (void)sk, (void)version;
  if (err) {
    k->err = err == LQ_ERR_NOT_FOUND ? LQ_OK : err;
    k->done = true;
    lq_loop_stop(k->tool->place.loop);
    return;
  }
  if (lq_note_key_read(value, &key)) return;
  k->count++;
  lq_span note = lq_span_of(k->tool->note, k->tool->note_bytes);
  bool signs = note.bytes && !lq_audit_head_open(note, &key, &head);
  if (signs) (void)lq_text_copy(k->signer, sizeof k->signer, value);
  if (k->prints && k->tool->cli->json)
    (void)printf("{\"key\":\"%.*s\",\"signs\":%s}\n", (int)value.bytes, (const char *)value.data,
                 signs ? "true" : "false");
  else if (k->prints)
    (void)printf("%.*s\n", (int)value.bytes, (const char *)value.data);
}

static lq_err keys_walk(lq_audit_tool *t, keys *k) {
  lq_store *store = t->place.store;
  *k = (keys){.tool = t, .prints = k->prints};
  store->items(store, t->name.tenant, LQ_AUDIT_KEY_PREFIX, NULL, 0, key_got, k);
  lq_place_wait(&t->place, &k->done);
  return k->err;
}

lq_err lq_audit_key_text(lq_audit_tool *t, bool may_be_own, char out[LQ_NOTE_KEY_TEXT_BYTES]) {
  const char *given = t->cli->value[LQ_AUDIT_PUBLIC_KEY];
  out[0] = 0;
  if (!given && !may_be_own)
    return lq_diag_set(&t->diag, LQ_ERR_NOT_FOUND,
                       "the log's public key is needed: --key, its text or a file with it");
  if (!given) {
    keys k = {0};
    lq_err err = keys_walk(t, &k);
    if (!err && !k.signer[0]) err = LQ_ERR_NOT_FOUND;
    if (err) return lq_diag_set(&t->diag, err, "no key in this folder signed its checkpoint");
    memcpy(out, k.signer, LQ_NOTE_KEY_TEXT_BYTES);
    return LQ_OK;
  }
  uint8_t *data = NULL;
  size_t bytes = strlen(given);
  lq_span text = lq_span_of(given, bytes);
  if (lq_file_exists(given)) {
    lq_err err = lq_file_read(given, 4096, &data, &bytes);
    if (err)
      return lq_diag_set(&t->diag, err, "%.160s cannot be read: %s", given, lq_err_cause(err));
    text = lq_span_of(data, bytes);
  }
  while (text.bytes && text.data[text.bytes - 1] <= ' ') text.bytes--;
  lq_note_key key;
  bool good = lq_text_copy(out, LQ_NOTE_KEY_TEXT_BYTES, text) && !lq_note_key_read(text, &key);
  if (data) lq_file_free(data);
  if (good) return LQ_OK;
  (void)snprintf(t->diag.mend, sizeof t->diag.mend,
                 "lq audit key prints it: server/tenant+8 hex digits+base64");
  return lq_diag_set(&t->diag, LQ_ERR_INVALID, "%.120s is no verifier key, and no file with one",
                     given);
}

lq_err lq_audit_witness_read(lq_audit_tool *t, uint8_t **note, size_t *bytes) {
  const char *file = t->cli->value[LQ_AUDIT_WITNESS];
  *note = NULL;
  *bytes = 0;
  if (!file || !lq_file_exists(file)) return LQ_OK;
  lq_err err = lq_file_read(file, LQ_NOTE_BYTES_MAX, note, bytes);
  if (err) return lq_diag_set(&t->diag, err, "%.160s cannot be read: %s", file, lq_err_cause(err));
  return LQ_OK;
}

static int run_key(lq_audit_tool *t) {
  keys k = {.prints = true};
  lq_err err = lq_audit_open(t, false);
  if (!err) err = keys_walk(t, &k);
  if (!err && !k.count)
    err = lq_diag_set(&t->diag, LQ_ERR_NOT_FOUND, "nothing of tenant %s was signed yet",
                      t->name.tenant);
  return err ? lq_cli_fail(t->cli, err, &t->diag) : LQ_EXIT_OK;
}

/* ---- log ---- */

static void detail_print(lq_audit_tool *t, const lq_audit_entry *e, lq_writer *w) {
  char sk[LQ_STORE_SK_BYTES];
  uint8_t *data = NULL;
  size_t bytes;
  lq_audit_detail detail;
  if (!t->at || !e->has_detail) return;
  lq_audit_detail_sk(e->detail, sk);
  if (!lq_audit_item(t, t->at->store, sk, &data, &bytes) &&
      !lq_audit_detail_decode(lq_span_of(data, bytes), &detail))
    lq_audit_detail_json(&detail, w);
  free(data);
}

static void what_of(const lq_audit_entry *e, char out[160]) {
  unsigned long long a = 0, b = 0, c = 0;
  out[0] = 0;
  if (e->kind == LQ_AUDIT_SLICE) {
    a = e->slice.slice, b = e->slice.tick_first, c = e->slice.tick_last;
    (void)snprintf(out, 160, "%llu, ticks %llu to %llu: %llu commands, %llu events, %llu changes",
                   a, b, c, (unsigned long long)e->slice.commands,
                   (unsigned long long)e->slice.events, (unsigned long long)e->slice.mutations);
  } else if (e->kind == LQ_AUDIT_CHECKPOINT) {
    a = e->checkpoint.tick;
    (void)snprintf(out, 160, "at tick %llu", a);
  } else if (e->kind == LQ_AUDIT_JOIN) {
    (void)snprintf(out, 160, "player in slot %u", e->join.slot);
  } else if (e->kind == LQ_AUDIT_ADMIN) {
    (void)snprintf(out, 160, "%s: %s", e->act.action, lq_err_name((lq_err)e->act.outcome));
  } else if (e->kind == LQ_AUDIT_KEY) {
    (void)snprintf(out, 160, "%s, version %u", e->act.action, e->act.key_version);
  } else {
    (void)snprintf(out, 160, "%s", e->act.action);
  }
}

static bool log_print(void *context, uint64_t index, lq_span leaf) {
  lq_audit_tool *t = context;
  lq_audit_entry e;
  static uint8_t memory[32 << 10];
  bool details = t->cli->value[LQ_AUDIT_DETAILS] != NULL;
  lq_writer w = lq_writer_of(memory, sizeof memory);
  if (lq_audit_entry_decode(leaf, &e)) {
    char sentence[64];
    (void)snprintf(sentence, sizeof sentence, "leaf %llu is no entry", (unsigned long long)index);
    lq_audit_say(t, sentence);
    return true;
  }
  if (t->cli->json) {
    lq_audit_entry_json(index, &e, &w);
    if (details && e.has_detail) {
      w.bytes--; /* its last brace comes after the detail */
      lq_write_text(&w, ",\"who\":");
      size_t before = w.bytes;
      detail_print(t, &e, &w);
      if (w.bytes == before) lq_write_text(&w, "null");
      lq_write_u8(&w, '}');
    }
    (void)printf("%.*s\n", (int)w.bytes, (const char *)w.data);
    return true;
  }
  char time[24], what[160], place[LQ_TENANT_BYTES + LQ_ID_BYTES + 2];
  lq_cli_time(e.time_ms, time);
  what_of(&e, what);
  (void)snprintf(place, sizeof place, "%s%s%s", e.name.game, e.name.session[0] ? "/" : "",
                 e.name.session);
  if (details) detail_print(t, &e, &w);
  (void)printf("%8llu  %-20s %-11s %-20s %s%s%.*s\n", (unsigned long long)index, time,
               lq_audit_kind_name(e.kind), place, what, w.bytes ? "  " : "", (int)w.bytes,
               (const char *)w.data);
  return true;
}

static int run_log(lq_audit_tool *t) {
  uint64_t leaf = 0, size = 0;
  const char *only = t->cli->value[LQ_AUDIT_LEAF];
  if (only && !lq_cli_number(only, &leaf))
    return lq_cli_usage("--leaf is a number from 0, not '%s'", only);
  lq_err err = lq_audit_open(t, false);
  if (!err) err = lq_audit_walk(t, leaf, only ? 1 : 0, log_print, t, &size);
  if (!err && only && leaf >= size)
    err = lq_diag_set(&t->diag, LQ_ERR_NOT_FOUND, "the log of %s has %llu leaves", t->name.tenant,
                      (unsigned long long)size);
  return err ? lq_cli_fail(t->cli, err, &t->diag) : t->status;
}

int lq_cmd_audit(const lq_cli *cli) {
  static const struct {
    const char *verb;
    int (*run)(lq_audit_tool *t);
    bool takes_word;
  } verbs[] = {{"log", run_log, false},
               {"key", run_key, false},
               {"prove", lq_audit_prove, true},
               {"verify", lq_audit_verify, true},
               {"mutations", lq_audit_mutations, true}};
  const char *verb = cli->word_count ? cli->word[0] : "";
  size_t at = 0;
  while (at < sizeof verbs / sizeof *verbs && strcmp(verbs[at].verb, verb) != 0) at++;
  if (at == sizeof verbs / sizeof *verbs)
    return lq_cli_usage("lq audit log, key, prove, verify or mutations, not '%s'", verb);
  if (cli->word_count > (verbs[at].takes_word ? 2 : 1))
    return lq_cli_usage(verbs[at].takes_word ? "one at a time" : "lq audit %s takes no name", verb);
  static lq_audit_tool tool; /* its tiles are too much for a stack */
  tool = (lq_audit_tool){.cli = cli};
  const char *const *value = cli->value;
  const char *name =
      cli->word_count > 1 && verbs[at].run != lq_audit_verify ? cli->word[1] : "main";
  if (!lq_text_copy(tool.name.tenant, sizeof tool.name.tenant,
                    lq_span_text(value[LQ_AUDIT_TENANT] ? value[LQ_AUDIT_TENANT] : "acme")) ||
      !lq_text_copy(tool.name.game, sizeof tool.name.game,
                    lq_span_text(value[LQ_AUDIT_GAME] ? value[LQ_AUDIT_GAME] : "demo")) ||
      !lq_text_copy(tool.name.session, sizeof tool.name.session, lq_span_text(name)))
    return lq_cli_usage("tenant, game and session names are at most 31 characters");
  int status = verbs[at].run(&tool);
  lq_audit_close(&tool);
  return status;
}
