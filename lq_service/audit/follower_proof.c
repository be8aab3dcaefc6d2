/* Proofs that the follower answers: which tiles, then those tiles, then the proof. */
#include "lq_engine/net/json.h"
#include "lq_service/audit/follower_int.h"

enum { TILES_MAX = 64 }; /* two a level and some: the path's and the right edge's */

typedef struct wanted {
  uint32_t level, width;
  uint64_t index;
  lq_sha256 *data; /* NULL: not here yet */
} wanted;

typedef struct request {
  lq_follower *follower;
  bool inclusion;
  lq_audit_proof proof;
  lq_follower_proved proved;
  void *context;
  lq_err err;
  uint32_t tile_count, tile_at;
  wanted tile[TILES_MAX];
} request;

static void request_end(request *r, lq_err err) {
  lq_follower *f = r->follower;
  r->proved(r->context, err, err ? NULL : &r->proof);
  for (uint32_t i = 0; i < r->tile_count; i++) free(r->tile[i].data);
  free((void *)(uintptr_t)r->proof.note.data);
  free(r);
  (void)lqi_follower_leave(f);
}

static wanted *tile_find(request *r, uint32_t level, uint64_t index) {
  for (uint32_t i = 0; i < r->tile_count; i++)
    if (r->tile[i].level == level && r->tile[i].index == index) return &r->tile[i];
  return NULL;
}

/* The first time, every tile is a blank one, and written down. */
static lq_err tile_note(void *context, uint32_t level, uint64_t index, uint32_t width,
                        const lq_sha256 **out) {
  static const lq_sha256 blank[LQ_TILE_WIDTH];
  request *r = context;
  wanted *tile = tile_find(r, level, index);
  if (!tile) {
    if (r->tile_count == TILES_MAX) return LQ_ERR_FULL;
    tile = &r->tile[r->tile_count++];
    *tile = (wanted){.level = level, .index = index};
  }
  if (tile->width < width) tile->width = width;
  *out = blank;
  return LQ_OK;
}

static lq_err tile_give(void *context, uint32_t level, uint64_t index, uint32_t width,
                        const lq_sha256 **out) {
  const wanted *tile = tile_find(context, level, index);
  if (!tile || !tile->data || tile->width < width) return LQ_ERR_CORRUPT;
  *out = tile->data;
  return LQ_OK;
}

static lq_err prove(request *r, lq_tile_source *tiles) {
  lq_audit_proof *p = &r->proof;
  const lq_sha256 *tile = NULL;
  if (!r->inclusion) {
    lq_err err = lq_tree_root_at(tiles, p->index, &p->leaf);
    return err ? err : lq_tree_consistency(tiles, p->index, p->head.size, &p->tree);
  }
  lq_err err = lq_tree_inclusion(tiles, p->index, p->head.size, &p->tree);
  uint32_t at = (uint32_t)(p->index % LQ_TILE_WIDTH);
  if (!err) err = tiles->tile(tiles->context, 0, p->index / LQ_TILE_WIDTH, at + 1, &tile);
  if (!err) p->leaf = tile[at];
  return err;
}

static void finish(request *r) {
  lq_audit_proof *p = &r->proof;
  lq_tile_source tiles = {r, tile_give};
  lq_err err = prove(r, &tiles);
  if (!err && r->inclusion &&
      !lq_tree_inclusion_verify(p->index, p->head.size, &p->leaf, &p->tree, &p->head.root))
    err = LQ_ERR_CORRUPT;
  if (!err && !r->inclusion &&
      !lq_tree_consistency_verify(p->index, p->head.size, &p->leaf, &p->head.root, &p->tree))
    err = LQ_ERR_CORRUPT;
  request_end(r, err);
}

static void fetch(request *r);

static void fetched(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  request *r = context;
  wanted *tile = &r->tile[r->tile_at];
  (void)sk, (void)version;
  if (err == LQ_ERR_NOT_FOUND || (!err && value.bytes < tile->width * sizeof(lq_sha256)))
    err = LQ_ERR_CORRUPT;
  if (!err && !(tile->data = malloc(tile->width * sizeof(lq_sha256)))) err = LQ_ERR_MEMORY;
  if (err) {
    request_end(r, err);
    return;
  }
  memcpy(tile->data, value.data, tile->width * sizeof(lq_sha256));
  r->tile_at++;
  fetch(r);
}

static void fetch(request *r) {
  lq_follower *f = r->follower;
  while (r->tile_at < r->tile_count && r->tile[r->tile_at].data) r->tile_at++;
  if (r->tile_at == r->tile_count) {
    finish(r);
    return;
  }
  char sk[LQ_STORE_SK_BYTES];
  lq_audit_tile_sk(r->tile[r->tile_at].level, r->tile[r->tile_at].index, sk);
  f->store->item(f->store, f->tenant, sk, fetched, r);
}

/* What lies in the edge is copied now: it moves on while the rest is fetched. */
static lq_err edge_take(request *r) {
  const lqi_edge *edge = &r->follower->edge;
  for (uint32_t i = 0; i < r->tile_count; i++) {
    wanted *tile = &r->tile[i];
    if (tile->index != lqi_edge_index(edge->tree.size, tile->level)) continue;
    if (lqi_edge_width(edge->tree.size, tile->level) < tile->width) return LQ_ERR_CORRUPT;
    tile->data = malloc(tile->width * sizeof(lq_sha256));
    if (!tile->data) return LQ_ERR_MEMORY;
    memcpy(tile->data, edge->level[tile->level], tile->width * sizeof(lq_sha256));
  }
  return LQ_OK;
}

static void ask(lq_follower *f, bool inclusion, uint64_t index, lq_follower_proved proved,
                void *context) {
  lq_err err = lq_follower_state(f, NULL);
  uint64_t end = inclusion ? f->head.size : f->head.size + 1;
  if (!err && index >= end) err = LQ_ERR_RANGE;
  request *r = err ? NULL : calloc(1, sizeof *r);
  uint8_t *note = r ? malloc(f->note_bytes + 1) : NULL;
  if (!note) {
    free(r);
    proved(context, err ? err : LQ_ERR_MEMORY, NULL);
    return;
  }
  if (f->note_bytes) memcpy(note, f->note, f->note_bytes);
  r->follower = f;
  r->inclusion = inclusion;
  r->proved = proved;
  r->context = context;
  r->proof.head = f->head;
  r->proof.note = lq_span_of(note, f->note_bytes);
  r->proof.index = index;
  f->calls++;
  lq_tile_source tiles = {r, tile_note};
  err = prove(r, &tiles);
  if (!err) err = edge_take(r);
  if (err)
    request_end(r, err);
  else
    fetch(r);
}

void lq_follower_inclusion(lq_follower *f, uint64_t index, lq_follower_proved proved,
                           void *context) {
  ask(f, true, index, proved, context);
}

void lq_follower_consistency(lq_follower *f, uint64_t from, lq_follower_proved proved,
                             void *context) {
  ask(f, false, from, proved, context);
}

static void write_base64(lq_writer *w, const lq_sha256 *hash) {
  char text[48];
  size_t bytes = lq_base64(hash->bytes, sizeof hash->bytes, text, sizeof text);
  lq_write_u8(w, '"');
  lq_write_bytes(w, text, bytes);
  lq_write_u8(w, '"');
}

void lq_audit_proof_json(const lq_audit_proof *p, bool inclusion, lq_writer *w) {
  lq_write_text(w, inclusion ? "{\"index\":" : "{\"from\":");
  lq_write_decimal_u(w, p->index);
  lq_write_text(w, inclusion ? ",\"leaf\":" : ",\"root\":");
  write_base64(w, &p->leaf);
  lq_write_text(w, ",\"size\":");
  lq_write_decimal_u(w, p->head.size);
  lq_write_text(w, ",\"proof\":[");
  for (uint32_t i = 0; i < p->tree.count; i++) {
    if (i) lq_write_u8(w, ',');
    write_base64(w, &p->tree.node[i]);
  }
  lq_write_text(w, "],\"checkpoint\":");
  lq_json_write_text(w, p->note);
  lq_write_text(w, "}");
}
