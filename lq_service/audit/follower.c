/* The follower: loading, and one checkpoint after the other. */
#include "lq_service/audit/follower_int.h"

#include <stdio.h>

void lq_audit_tile_sk(uint32_t level, uint64_t index, char out[LQ_STORE_SK_BYTES]) {
  (void)snprintf(out, LQ_STORE_SK_BYTES, "AUDITTILE#%u#%020llu", level, (unsigned long long)index);
}

static void key_sk(const lq_note_key *key, char out[LQ_STORE_SK_BYTES]) {
  memcpy(out, LQ_AUDIT_KEY_PREFIX, sizeof LQ_AUDIT_KEY_PREFIX);
  lq_hex(key->id, sizeof key->id, out + sizeof LQ_AUDIT_KEY_PREFIX - 1);
}

/* ---- open and close ---- */

lq_err lq_follower_open(const lq_follower_options *options, lq_follower **out) {
  *out = NULL;
  lq_follower *f = calloc(1, sizeof *f);
  if (!f) return LQ_ERR_MEMORY;
  uint8_t public_key[32] = {0};
  if (options->signer) lq_signer_public(options->signer, public_key);
  lq_err err = lq_note_key_make(options->origin, public_key, &f->key);
  if (!err && !lq_text_copy(f->tenant, sizeof f->tenant, lq_span_text(options->tenant)))
    err = LQ_ERR_INVALID;
  if (err) {
    free(f);
    return err;
  }
  memcpy(f->origin, f->key.name, sizeof f->origin);
  f->store = options->store;
  f->signer = options->signer;
  f->context = options->context;
  f->published = options->published;
  *out = f;
  return LQ_OK;
}

static void step_free(lqi_step *step) {
  if (!step) return;
  lqi_edge_free(&step->edge);
  for (uint32_t i = 0; i < LQI_STEP_ITEMS_MAX; i++) free(step->memory[i]);
  free(step);
}

static void follower_free(lq_follower *f) {
  step_free(f->step);
  lqi_edge_free(&f->edge);
  free(f->note);
  free(f);
}

bool lqi_follower_leave(lq_follower *f) {
  if (--f->calls || !f->closing) return false;
  follower_free(f);
  return true;
}

void lq_follower_close(lq_follower *f) {
  if (!f) return;
  f->closing = true;
  f->calls++;
  (void)lqi_follower_leave(f);
}

/* ---- the edge ---- */

static lq_sha256 *tile_need(lqi_edge *edge, uint32_t level) {
  if (!edge->level[level]) edge->level[level] = malloc(LQ_TILE_BYTES);
  return edge->level[level];
}

static bool edge_copy(lqi_edge *to, const lqi_edge *from) {
  to->tree = from->tree;
  for (uint32_t i = 0; i < LQ_TILE_LEVELS; i++) {
    uint32_t width = lqi_edge_width(from->tree.size, i);
    if (!width) continue;
    if (!tile_need(to, i)) return false;
    memcpy(to->level[i], from->level[i], width * sizeof(lq_sha256));
  }
  return true;
}

/* The frontier out of the last tiles, from the highest down. */
static void edge_frontier(lqi_edge *edge, uint64_t size) {
  edge->tree = (lq_tree){0};
  for (uint32_t level = LQ_TILE_LEVELS; level-- > 0;)
    for (uint32_t i = 0; i < lqi_edge_width(size, level); i++)
      lq_tree_append_node(&edge->tree, 8 * level, &edge->level[level][i]);
}

/* ---- loading ---- */

static void load_level(lq_follower *f);

static void load_end(lq_follower *f, lq_err err) {
  f->working = false;
  f->loaded = !err;
  if (err == LQ_ERR_CORRUPT || err == LQ_ERR_VERSION) f->broken = err;
}

/* Log and items differ: what was signed is not what is there. */
static void load_differs(lq_follower *f) {
  unsigned long long signed_size = f->head.size, there = f->load_size;
  if (there < signed_size)
    (void)lq_diag_set(&f->diag, LQ_ERR_CORRUPT,
                      "the audit log of %s was rolled back: its checkpoint is of %llu leaves, and "
                      "it has %llu",
                      f->tenant, signed_size, there);
  else
    (void)lq_diag_set(
        &f->diag, LQ_ERR_CORRUPT,
        "the audit log of %s is not what was signed: its first %llu of %llu leaves do "
        "not lead to the checkpoint's root",
        f->tenant, signed_size, there);
  load_end(f, LQ_ERR_CORRUPT);
}

static void loaded_leaf(void *context, lq_err err, uint64_t index, lq_span leaf) {
  lq_follower *f = context;
  uint64_t first = f->head.size - lqi_edge_width(f->head.size, 0);
  if (!err) {
    if (index >= first && index < f->head.size)
      f->edge.level[0][index - first] = lq_tree_leaf(leaf);
    return;
  }
  if (lqi_follower_leave(f)) return;
  if (err != LQ_ERR_NOT_FOUND) {
    load_end(f, err);
    return;
  }
  f->load_size = index;
  if (f->known < index) f->known = index;
  if (index >= f->head.size) {
    edge_frontier(&f->edge, f->head.size);
    lq_sha256 root = lq_tree_root(&f->edge.tree);
    if (!memcmp(root.bytes, f->head.root.bytes, sizeof root.bytes)) {
      load_end(f, LQ_OK);
      return;
    }
  }
  load_differs(f);
}

static void load_log(lq_follower *f) {
  uint32_t width = lqi_edge_width(f->head.size, 0);
  if (!tile_need(&f->edge, 0)) {
    load_end(f, LQ_ERR_MEMORY);
    return;
  }
  memset(f->edge.level[0], 0, LQ_TILE_BYTES);
  f->calls++;
  f->store->log(f->store, f->tenant, f->head.size - width, width ? width : 1, loaded_leaf, f);
}

static void loaded_tile(void *context, lq_err err, const char *sk, uint64_t version,
                        lq_span value) {
  lq_follower *f = context;
  uint32_t level = f->load_level, width = lqi_edge_width(f->head.size, level);
  (void)version;
  bool fits = !err && value.bytes == width * sizeof(lq_sha256);
  if (fits) memcpy(f->edge.level[level], value.data, value.bytes);
  if (lqi_follower_leave(f)) return;
  if (err && err != LQ_ERR_NOT_FOUND) {
    load_end(f, err);
  } else if (!fits) {
    char name[LQ_STORE_SK_BYTES];
    lq_audit_tile_sk(level, lqi_edge_index(f->head.size, level), name);
    load_end(f, lq_diag_set(&f->diag, LQ_ERR_CORRUPT,
                            "item %.60s of %s is missing or not of the checkpoint's %llu leaves",
                            sk ? sk : name, f->tenant, (unsigned long long)f->head.size));
  } else {
    f->load_level++;
    load_level(f);
  }
}

static void load_level(lq_follower *f) {
  uint64_t size = f->head.size;
  while (f->load_level < LQ_TILE_LEVELS && !lqi_edge_width(size, f->load_level)) f->load_level++;
  if (f->load_level == LQ_TILE_LEVELS) {
    load_log(f);
    return;
  }
  if (!tile_need(&f->edge, f->load_level)) {
    load_end(f, LQ_ERR_MEMORY);
    return;
  }
  char sk[LQ_STORE_SK_BYTES];
  lq_audit_tile_sk(f->load_level, lqi_edge_index(size, f->load_level), sk);
  f->calls++;
  f->store->item(f->store, f->tenant, sk, loaded_tile, f);
}

static void loaded_key(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  lq_follower *f = context;
  (void)sk, (void)version, (void)value;
  if (lqi_follower_leave(f)) return;
  if (err && err != LQ_ERR_NOT_FOUND) {
    load_end(f, err);
    return;
  }
  f->has_key = !err;
  f->load_level = 1;
  load_level(f);
}

static lq_err note_keep(lq_follower *f, lq_span note) {
  uint8_t *copy = malloc(note.bytes + 1);
  if (!copy) return LQ_ERR_MEMORY;
  if (note.bytes) memcpy(copy, note.data, note.bytes);
  free(f->note);
  f->note = copy;
  f->note_bytes = note.bytes;
  return LQ_OK;
}

static void loaded_head(void *context, lq_err err, const char *sk, uint64_t version,
                        lq_span value) {
  lq_follower *f = context;
  (void)sk;
  f->head = (lq_audit_head){.root = lq_tree_root(&(lq_tree){0})};
  memcpy(f->head.origin, f->origin, sizeof f->head.origin);
  f->head_version = err ? LQ_ITEM_ABSENT : version;
  f->note_bytes = 0;
  if (err == LQ_ERR_NOT_FOUND) err = LQ_OK;
  if (!err && value.bytes) {
    /* Any key's signature: keys are rotated, and what counts is that the log leads to this root. */
    if (lq_audit_head_read(value, &f->head))
      err = lq_diag_set(&f->diag, LQ_ERR_CORRUPT,
                        "item " LQ_AUDIT_HEAD_SK " of %s is no checkpoint", f->tenant);
    if (!err) err = note_keep(f, value);
  }
  if (lqi_follower_leave(f)) return;
  if (err) {
    load_end(f, err);
    return;
  }
  char name[LQ_STORE_SK_BYTES];
  key_sk(&f->key, name);
  f->calls++;
  f->store->item(f->store, f->tenant, name, loaded_key, f);
}

static void load(lq_follower *f) {
  f->working = true;
  f->diag = (lq_diag){0};
  f->calls++;
  f->store->item(f->store, f->tenant, LQ_AUDIT_HEAD_SK, loaded_head, f);
}

/* ---- one checkpoint ---- */

static void step_end(lq_follower *f) {
  step_free(f->step);
  f->step = NULL;
  f->working = false;
}

static bool step_due(const lq_follower *f) {
  uint64_t pending = f->known > f->head.size ? f->known - f->head.size : 0;
  if (!f->signer || pending == 0) return false;
  return pending >= LQ_FOLLOWER_LEAVES || f->now_ms - f->signed_ms >= LQ_FOLLOWER_MS;
}

static void step_begin(lq_follower *f);

static void step_changed(void *context, lq_err err, uint64_t first_leaf) {
  lq_follower *f = context;
  lqi_step *step = f->step;
  (void)first_leaf;
  if (lqi_follower_leave(f)) return;
  if (!err) err = note_keep(f, step->note_span);
  if (err) {
    f->loaded = false; /* what is stored says where to go on */
    step_end(f);
    return;
  }
  lqi_edge old = f->edge;
  f->edge = step->edge;
  step->edge = old;
  f->head = step->head;
  f->head_version++;
  f->has_key = true;
  f->signed_ms = f->now_ms;
  step_end(f);
  f->calls++; /* it may be closed inside */
  if (f->published) f->published(f->context, &f->head, lq_span_of(f->note, f->note_bytes));
  if (lqi_follower_leave(f)) return;
  if (!f->closing && f->known - f->head.size >= LQ_FOLLOWER_LEAVES) step_begin(f);
}

static void item_add(lqi_step *step, const char *sk, lq_span value, uint64_t expect) {
  LQ_CHECK(step->item_count < LQI_STEP_ITEMS_MAX);
  lq_store_item *item = &step->item[step->item_count++];
  *item = (lq_store_item){.value = value, .expect = expect};
  (void)lq_text_copy(item->sk, sizeof item->sk, lq_span_text(sk));
}

static void tile_add(lqi_step *step, uint32_t level, uint64_t index, const void *data,
                     uint32_t width) {
  char sk[LQ_STORE_SK_BYTES];
  lq_audit_tile_sk(level, index, sk);
  item_add(step, sk, lq_span_of(data, width * sizeof(lq_sha256)), LQ_ITEM_ANY);
}

static void step_write(lq_follower *f) {
  lqi_step *step = f->step;
  uint64_t size = step->edge.tree.size;
  for (uint32_t level = 1; level < LQ_TILE_LEVELS; level++)
    if (step->dirty[level] && lqi_edge_width(size, level))
      tile_add(step, level, lqi_edge_index(size, level), step->edge.level[level],
               lqi_edge_width(size, level));
  step->head.size = size;
  step->head.root = lq_tree_root(&step->edge.tree);
  memcpy(step->head.origin, f->origin, sizeof f->origin);
  lq_writer w = lq_writer_of(step->note, sizeof step->note);
  lq_err err = lq_audit_head_sign(&step->head, &f->key, f->signer, &w);
  LQ_CHECK(!err); /* the origin was a name when the follower was opened */
  step->note_span = lq_writer_span(&w);
  item_add(step, LQ_AUDIT_HEAD_SK, step->note_span, f->head_version);
  if (!f->has_key) {
    char sk[LQ_STORE_SK_BYTES];
    lq_writer k = lq_writer_of(step->key, sizeof step->key);
    lq_note_key_write(&f->key, &k);
    key_sk(&f->key, sk);
    item_add(step, sk, lq_writer_span(&k), LQ_ITEM_ANY);
  }
  lq_store_change change = {
      .tenant = f->tenant, .items = step->item, .item_count = step->item_count};
  f->calls++;
  f->store->change(f->store, &change, step_changed, f);
}

/* A hash at the right of a level; a tile that it fills is written and carried up. */
static lq_err step_push(lqi_step *step, uint32_t level, uint64_t at, lq_sha256 hash) {
  for (; level < LQ_TILE_LEVELS; level++, at >>= 8) {
    if (!tile_need(&step->edge, level)) return LQ_ERR_MEMORY;
    uint32_t width = (uint32_t)(at & (LQ_TILE_WIDTH - 1));
    lq_sha256 *tile = step->edge.level[level];
    tile[width] = hash;
    step->dirty[level] = true;
    if (width + 1 < LQ_TILE_WIDTH) return LQ_OK;
    uint8_t *copy = malloc(LQ_TILE_BYTES);
    if (!copy) return LQ_ERR_MEMORY;
    memcpy(copy, tile, LQ_TILE_BYTES);
    step->memory[step->item_count] = copy;
    tile_add(step, level, at >> 8, copy, LQ_TILE_WIDTH);
    hash = lq_tile_node(tile, LQ_TILE_WIDTH);
  }
  return LQ_ERR_TOO_BIG;
}

static void step_leaf(void *context, lq_err err, uint64_t index, lq_span leaf) {
  lq_follower *f = context;
  lqi_step *step = f->step;
  if (!err) {
    if (step->err) return;
    if (index != step->edge.tree.size) {
      step->err = LQ_ERR_CORRUPT;
      return;
    }
    lq_sha256 hash = lq_tree_leaf(leaf);
    lq_tree_append(&step->edge.tree, &hash);
    step->err = step_push(step, 0, index, hash);
    return;
  }
  if (lqi_follower_leave(f)) return;
  if (err == LQ_ERR_NOT_FOUND) err = step->err;
  if (f->known < index) f->known = index;
  if (err || step->edge.tree.size == f->head.size) {
    f->loaded = false;
    step_end(f);
    return;
  }
  step_write(f);
}

static void step_begin(lq_follower *f) {
  f->step = calloc(1, sizeof *f->step);
  if (!f->step) return; /* the next turn tries again */
  f->working = true;
  if (!edge_copy(&f->step->edge, &f->edge)) {
    step_end(f);
    return;
  }
  f->calls++;
  f->store->log(f->store, f->tenant, f->head.size, LQ_FOLLOWER_LEAVES_MAX, step_leaf, f);
}

/* ---- from outside ---- */

void lq_follower_told(lq_follower *f, uint64_t leaf) {
  if (leaf != LQ_LEAF_NONE && f->known <= leaf) f->known = leaf + 1;
}

void lq_follower_turn(lq_follower *f, uint64_t now_ms) {
  f->now_ms = now_ms;
  if (f->working || f->broken || f->closing) return;
  if (!f->loaded) load(f);
  if (f->loaded && step_due(f)) step_begin(f);
}

lq_err lq_follower_state(const lq_follower *f, lq_diag *diag) {
  if (diag) *diag = f->diag;
  if (f->broken) return f->broken;
  return f->loaded ? LQ_OK : LQ_ERR_BUSY;
}

const lq_audit_head *lq_follower_head(const lq_follower *f) { return &f->head; }
lq_span lq_follower_note(const lq_follower *f) { return lq_span_of(f->note, f->note_bytes); }
const lq_note_key *lq_follower_key(const lq_follower *f) { return &f->key; }
