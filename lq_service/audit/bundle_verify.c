/* Verifying bundles: one walk over the frames, then the tree. */
#include "lq_service/audit/bundle_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct frame {
  lqi_frame_kind kind;
  uint64_t at, end; /* in the file: first byte, last byte */
  lq_span body;
} frame;

typedef struct proven {
  uint64_t at, end;
  lq_sha256 told; /* the hash that stands beside the leaf */
} proven;

typedef struct carried {
  uint64_t at, end;
  uint8_t id[32];
  bool ran; /* a slice names it */
} carried;

typedef struct walk {
  const lq_bundle_check *check;
  lq_bundle_result *result;
  lq_note_key key;
  lq_reader in;
  lq_sha256 chain;
  uint64_t frames, sure; /* counted; the byte after what was surely found where it was written */
  lqi_frame_kind last;
  lq_err err;
  bool broken, signed_well, has_head; /* broken: the frames cannot be followed any further */
  frame proof, since;
  /* Leaves, side by side: number, hash, place. */
  uint64_t *index;
  lq_sha256 *hash;
  proven *place;
  size_t count, capacity;
  bool unordered;
  carried *release;
  size_t release_count;
  /* The leaf that records and details belong to; and the slice before. */
  lq_audit_entry entry, before;
  bool has_entry, wants_record, wants_detail, has_before;
} walk;

static void found(walk *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void found(walk *w, const char *format, ...) {
  char sentence[512];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(sentence, sizeof sentence, format, args);
  va_end(args);
  w->result->findings++;
  if (w->check->report) w->check->report(w->check->context, sentence);
}
#define N(v) ((unsigned long long)(v))

/* ---- frames ---- */

static bool may_follow(lqi_frame_kind last, lqi_frame_kind next) {
  switch (next) {
  case LQI_FRAME_NAME:
    return last == LQI_FRAME_NONE;
  case LQI_FRAME_NOTE:
    return last == LQI_FRAME_NAME;
  case LQI_FRAME_SINCE:
    return last == LQI_FRAME_NOTE;
  case LQI_FRAME_PROOF:
    return last == LQI_FRAME_NOTE || last == LQI_FRAME_SINCE;
  case LQI_FRAME_RELEASE:
    return last == LQI_FRAME_PROOF || last == LQI_FRAME_RELEASE;
  case LQI_FRAME_LEAF:
    return last >= LQI_FRAME_PROOF && last <= LQI_FRAME_DETAIL;
  case LQI_FRAME_RECORD:
    return last == LQI_FRAME_LEAF;
  case LQI_FRAME_DETAIL:
    return last == LQI_FRAME_LEAF || last == LQI_FRAME_RECORD;
  case LQI_FRAME_END:
    return last >= LQI_FRAME_LEAF && last <= LQI_FRAME_DETAIL;
  case LQI_FRAME_NONE:
    break;
  }
  return false;
}

static bool header_read(walk *w) {
  lq_span magic = lq_read_bytes(&w->in, 4);
  uint16_t version = lq_read_u16(&w->in), zero = lq_read_u16(&w->in);
  if (w->in.failed || memcmp(magic.data, LQI_BUNDLE_MAGIC, 4) != 0)
    found(w, "bytes 0 to 3 do not say that this is a bundle");
  else if (version != LQI_BUNDLE_VERSION || zero != 0)
    found(w, "bytes 4 to 7 name a version of bundles that is not known here");
  else
    w->chain = lq_sha256_of(lq_span_of(w->in.data, w->in.at));
  return !w->result->findings;
}

/* False at the end, and when the frames cannot be followed: then said. */
static bool frame_next(walk *w, frame *f) {
  *f = (frame){.at = w->in.at};
  if (w->last == LQI_FRAME_END) {
    if (w->in.at == w->in.bytes) return false;
    found(w, "bytes %llu to %llu follow the end", N(f->at), N(w->in.bytes - 1));
    w->broken = true;
    return false;
  }
  uint8_t kind = lq_read_u8(&w->in);
  lq_span body = lq_read_sized(&w->in);
  if (w->in.failed) {
    found(w,
          "what begins at byte %llu (frame %llu) does not end: the file is cut short, or a length "
          "was "
          "changed in bytes %llu to %llu",
          N(f->at), N(w->frames), N(w->sure), N(f->at + 10));
  } else if (kind > LQI_FRAME_END || !may_follow(w->last, (lqi_frame_kind)kind)) {
    found(
        w,
        "frame %llu (byte %llu) is of kind %u, which cannot stand there: parts are missing or out "
        "of order, or bytes %llu to %llu were changed",
        N(w->frames), N(f->at), kind, N(w->sure), N(f->at));
  } else {
    f->kind = (lqi_frame_kind)kind;
    f->body = body;
    f->end = w->in.at - 1;
    return true;
  }
  w->broken = true;
  return false;
}

/* ---- name, checkpoint ---- */

static bool name_part(lq_reader *in, char *out, size_t capacity) {
  lq_span text = lq_read_sized(in);
  return !in->failed && !memchr(text.data, 0, text.bytes) && lq_text_copy(out, capacity, text);
}

static void on_name(walk *w, const frame *f) {
  lq_session_name *name = &w->result->name;
  lq_reader in = lq_reader_of(f->body);
  bool good = name_part(&in, name->tenant, sizeof name->tenant) &&
              name_part(&in, name->game, sizeof name->game) &&
              name_part(&in, name->session, sizeof name->session);
  w->result->seed = lq_read_u64(&in);
  good = good && lq_reader_done(&in);
  good = good && lq_slug_valid(lq_span_text(name->tenant));
  good = good && (name->session[0] != 0) == (name->game[0] != 0);
  if (!good) {
    found(w, "bytes %llu to %llu name no session and no tenant", N(f->at), N(f->end));
    w->broken = true;
  }
}

static void on_note(walk *w, const frame *f) {
  lq_audit_head *head = &w->result->head;
  lq_err err = lq_audit_head_open(f->body, &w->key, head);
  w->signed_well = !err;
  if (!err) w->result->note = f->body;
  w->has_head = !err || lq_audit_head_read(f->body, head) == LQ_OK;
  if (err == LQ_ERR_UNAUTHORIZED)
    found(w, "the checkpoint (bytes %llu to %llu) is not signed by %.160s with the key given",
          N(f->at), N(f->end), w->key.name);
  else if (err)
    found(w, "the checkpoint (bytes %llu to %llu) is no signed note", N(f->at), N(f->end));
  /* "<server>/<tenant>" */
  const char *slash = w->has_head ? strrchr(head->origin, '/') : NULL;
  if (w->has_head && (!slash || strcmp(slash + 1, w->result->name.tenant) != 0))
    found(w, "the checkpoint is of %.160s, and the bundle of tenant %s", head->origin,
          w->result->name.tenant);
}

static void on_release(walk *w, const frame *f) {
  carried *grown = realloc(w->release, (w->release_count + 1) * sizeof *grown);
  if (!grown) {
    w->err = LQ_ERR_MEMORY;
    w->broken = true;
    return;
  }
  w->release = grown;
  carried *r = &w->release[w->release_count++];
  *r = (carried){.at = f->at, .end = f->end};
  lq_sha256 id = lq_sha256_of(f->body);
  memcpy(r->id, id.bytes, sizeof r->id);
  w->result->releases++;
  if (w->check->release) w->check->release(w->check->context, r->id, f->body);
}

/* ---- leaves ---- */

static bool leaf_room(walk *w) {
  if (w->count < w->capacity) return true;
  size_t wanted = w->capacity ? w->capacity * 2 : 64;
  void *index = realloc(w->index, wanted * sizeof *w->index);
  if (index) w->index = index;
  void *hash = realloc(w->hash, wanted * sizeof *w->hash);
  if (hash) w->hash = hash;
  void *place = realloc(w->place, wanted * sizeof *w->place);
  if (place) w->place = place;
  if (!index || !hash || !place) return false;
  w->capacity = wanted;
  return true;
}

/* What the leaf before was due and did not get. */
static void leaf_close(walk *w) {
  if (w->wants_record)
    found(w, "the record of slice %llu (leaf %llu) is missing", N(w->entry.slice.slice),
          N(w->index[w->count - 1]));
  if (w->wants_detail) w->result->withheld++;
  w->wants_record = w->wants_detail = false;
}

static void said(void *context, const char *sentence) { found(context, "%s", sentence); }

static void on_slice(walk *w, uint64_t index) {
  lq_bundle_result *r = w->result;
  const lq_audit_entry *e = &w->entry;
  (void)lq_audit_slice_check(w->has_before ? &w->before : NULL, index, e, said, w);
  if (!r->slices++) {
    r->slice_first = e->slice.slice;
    r->tick_first = e->slice.tick_first;
  }
  r->slice_last = e->slice.slice;
  r->tick_last = e->slice.tick_last;
  for (size_t i = 0; i < w->release_count; i++)
    w->release[i].ran |= !memcmp(w->release[i].id, e->slice.release, 32);
  w->wants_record = true;
  w->has_before = r->name.session[0] != 0; /* single leaves need not follow on each other */
  w->before = *e;
}

static void on_leaf(walk *w, const frame *f) {
  leaf_close(w);
  lq_reader in = lq_reader_of(f->body);
  uint64_t index = lq_read_varint(&in);
  lq_span told = lq_read_bytes(&in, 32), leaf = lq_read_bytes(&in, lq_reader_left(&in));
  w->has_entry = false;
  if (in.failed || leaf.bytes == 0 || leaf.bytes > LQ_STORE_LEAF_BYTES_MAX) {
    found(w, "bytes %llu to %llu hold no leaf", N(f->at), N(f->end));
    w->broken = true;
    return;
  }
  if (!leaf_room(w)) {
    w->err = LQ_ERR_MEMORY;
    w->broken = true;
    return;
  }
  if (w->count && index <= w->index[w->count - 1]) {
    uint64_t last = w->index[w->count - 1];
    w->unordered = true;
    const proven *p = &w->place[w->count - 1];
    if (index == last)
      found(w, "leaf %llu stands twice (bytes %llu to %llu)", N(index), N(p->at), N(f->end));
    else
      found(
          w,
          "leaf %llu (bytes %llu to %llu) stands behind leaf %llu (bytes %llu to %llu): reordered",
          N(index), N(f->at), N(f->end), N(last), N(p->at), N(p->end));
  }
  lq_bundle_result *r = w->result;
  w->index[w->count] = index;
  w->hash[w->count] = lq_tree_leaf(leaf);
  w->place[w->count] = (proven){.at = f->at, .end = f->end};
  memcpy(w->place[w->count++].told.bytes, told.data, 32);
  r->leaves++;
  if (lq_audit_entry_decode(leaf, &w->entry)) {
    found(w, "leaf %llu (bytes %llu to %llu) is no entry", N(index), N(f->at), N(f->end));
    return;
  }
  w->has_entry = true;
  const lq_session_name *name = &w->entry.name;
  if (strcmp(name->tenant, r->name.tenant) != 0 ||
      (r->name.session[0] &&
       (strcmp(name->game, r->name.game) != 0 || strcmp(name->session, r->name.session) != 0)))
    found(w, "leaf %llu (bytes %llu to %llu) is of %s/%s/%s, and the bundle of %s/%s/%s", N(index),
          N(f->at), N(f->end), name->tenant, name->game, name->session, r->name.tenant,
          r->name.game, r->name.session);
  if (r->leaves == 1) r->time_first_ms = w->entry.time_ms;
  r->time_last_ms = w->entry.time_ms;
  w->wants_detail = w->entry.has_detail;
  if (w->entry.kind == LQ_AUDIT_CHECKPOINT) r->checkpoints++;
  if (w->entry.kind == LQ_AUDIT_SLICE) on_slice(w, index);
}

static void on_record(walk *w, const frame *f) {
  uint64_t index = w->index[w->count - 1];
  if (!w->has_entry || w->entry.kind != LQ_AUDIT_SLICE) {
    found(w, "a record (bytes %llu to %llu) stands behind leaf %llu, which is of no slice",
          N(f->at), N(f->end), N(index));
    return;
  }
  w->wants_record = false;
  (void)lq_audit_record_check(index, &w->entry, f->body, f->end + 1 - f->body.bytes, said, w);
  if (w->check->record) w->check->record(w->check->context, index, &w->entry, f->body);
}

static void on_detail(walk *w, const frame *f) {
  uint64_t index = w->index[w->count - 1];
  lq_audit_detail detail;
  lq_sha256 digest = lq_sha256_of(f->body);
  w->wants_detail = false;
  w->result->details++;
  if (!w->has_entry || !w->entry.has_detail)
    found(w, "a detail (bytes %llu to %llu) stands behind leaf %llu, which has none", N(f->at),
          N(f->end), N(index));
  else if (memcmp(digest.bytes, w->entry.detail, 32) != 0)
    found(w, "the detail of leaf %llu (bytes %llu to %llu) is not the one that the leaf names",
          N(index), N(f->at), N(f->end));
  else if (lq_audit_detail_decode(f->body, &detail) ||
           !lq_span_is(detail.tenant, w->entry.name.tenant))
    found(w, "the detail of leaf %llu (bytes %llu to %llu) is of no form, or of another tenant",
          N(index), N(f->at), N(f->end));
}

static void on_end(walk *w, const frame *f) {
  lq_reader in = lq_reader_of(f->body);
  uint64_t frames = lq_read_varint(&in);
  lq_span digest = lq_read_bytes(&in, 32);
  leaf_close(w);
  for (size_t i = 0; i < w->release_count; i++)
    if (!w->release[i].ran)
      found(w, "the release in bytes %llu to %llu is none that a slice here ran under",
            N(w->release[i].at), N(w->release[i].end));
  if (!lq_reader_done(&in))
    found(w, "bytes %llu to %llu are no end", N(f->at), N(f->end));
  else if (frames != w->frames)
    found(w,
          "the file has %llu frames before its end, and says (bytes %llu to %llu) that it was "
          "written "
          "with %llu",
          N(w->frames), N(f->at), N(f->end), N(frames));
  else if (memcmp(digest.data, w->chain.bytes, 32) != 0)
    found(
        w,
        "the file is not as it was written: bytes 0 to %llu do not lead to the digest at its end, "
        "bytes %llu to %llu",
        N(f->at - 1), N(f->at), N(f->end));
}

/* ---- the tree ---- */

static bool leads_to_root(walk *w, const lq_sha256 *hash) {
  lq_tree_batch batch = {w->index, w->count, w->result->head.size};
  lq_sha256 root;
  return lq_tree_batch_root(&batch, hash, w->proof.body, &root) &&
         !memcmp(root.bytes, w->result->head.root.bytes, 32);
}

/* The hashes beside the leaves tell which of them was changed: two ways to the same root. */
static void tree_check(walk *w) {
  if (w->unordered || !w->count) return;
  if (w->index[w->count - 1] >= w->result->head.size) {
    const proven *p = &w->place[w->count - 1];
    found(w, "leaf %llu (bytes %llu to %llu) is not among the %llu leaves of the checkpoint",
          N(w->index[w->count - 1]), N(p->at), N(p->end), N(w->result->head.size));
    return;
  }
  lq_sha256 *told = malloc(w->count * sizeof *told);
  if (!told) {
    w->err = LQ_ERR_MEMORY;
    return;
  }
  for (size_t i = 0; i < w->count; i++) told[i] = w->place[i].told;
  bool leaves_lead = leads_to_root(w, w->hash), told_lead = leads_to_root(w, told);
  uint64_t differ = 0;
  for (size_t i = 0; i < w->count; i++) {
    if (!memcmp(w->hash[i].bytes, told[i].bytes, 32)) continue;
    differ++;
    if (leaves_lead)
      found(w,
            "the hash beside leaf %llu (bytes %llu to %llu) was changed; the leaf is in the tree",
            N(w->index[i]), N(w->place[i].at), N(w->place[i].end));
    else
      found(w, "leaf %llu (bytes %llu to %llu) was changed: it is not what %s", N(w->index[i]),
            N(w->place[i].at), N(w->place[i].end),
            told_lead ? "the tree holds" : "stands beside it");
  }
  if (!leaves_lead && !(told_lead && differ))
    found(w,
          "the leaves (bytes %llu to %llu) are not all in the checkpoint's tree: with the proof "
          "(bytes %llu to %llu) they do not lead to its root",
          N(w->place[0].at), N(w->place[w->count - 1].end), N(w->proof.at), N(w->proof.end));
  free(told);
}

static void witness_check(walk *w) {
  lq_audit_head seen;
  char sentence[512];
  if (!w->check->witness.bytes || !w->signed_well) return;
  if (lq_audit_head_open(w->check->witness, &w->key, &seen)) {
    found(w, "what the witness saw is no checkpoint that the key given signed");
    return;
  }
  lq_tree_proof proof = {0};
  bool has_proof = false;
  if (w->since.kind) {
    lq_reader in = lq_reader_of(w->since.body);
    uint64_t from = lq_read_varint(&in);
    size_t bytes = lq_reader_left(&in);
    if (!in.failed && from == seen.size && bytes % 32 == 0 && bytes <= sizeof proof.node) {
      proof.count = (uint32_t)(bytes / 32);
      if (bytes) memcpy(proof.node, lq_read_bytes(&in, bytes).data, bytes);
      has_proof = true;
    }
  }
  if (!lq_audit_witness_check(&seen, &w->result->head, has_proof ? &proof : NULL, sentence))
    found(w, "%s", sentence);
}

static void on_frame(walk *w, const frame *f) {
  uint64_t before = w->result->findings;
  if (f->kind == LQI_FRAME_NAME) on_name(w, f);
  if (f->kind == LQI_FRAME_NOTE) on_note(w, f);
  if (f->kind == LQI_FRAME_SINCE) w->since = *f;
  if (f->kind == LQI_FRAME_PROOF) w->proof = *f;
  if (f->kind == LQI_FRAME_RELEASE) on_release(w, f);
  if (f->kind == LQI_FRAME_LEAF) on_leaf(w, f);
  if (f->kind == LQI_FRAME_RECORD) on_record(w, f);
  if (f->kind == LQI_FRAME_DETAIL) on_detail(w, f);
  if (f->kind == LQI_FRAME_END) on_end(w, f);
  w->chain = lq_sha256_of2(lq_span_of(w->chain.bytes, 32),
                           lq_span_of(w->in.data + f->at, f->end + 1 - f->at));
  /* A leaf that fits the hash beside it, a record that fits its leaf: by chance they do not. */
  bool is_leaf = f->kind == LQI_FRAME_LEAF && w->count &&
                 !memcmp(w->hash[w->count - 1].bytes, w->place[w->count - 1].told.bytes, 32);
  if (is_leaf ||
      ((f->kind == LQI_FRAME_NOTE || f->kind == LQI_FRAME_RECORD) && before == w->result->findings))
    w->sure = f->end + 1;
  w->frames++;
  w->last = f->kind;
}

lq_err lq_bundle_verify(const lq_bundle_check *check, lq_bundle_result *result) {
  *result = (lq_bundle_result){0};
  walk w = {.check = check, .result = result, .in = lq_reader_of(check->bundle)};
  lq_err err = lq_note_key_read(check->key, &w.key);
  if (err) return err;
  frame f;
  if (header_read(&w)) {
    while (!w.broken && frame_next(&w, &f)) on_frame(&w, &f);
    if (w.broken) leaf_close(&w);
    /* The proof is of all leaves: where some cannot be read, it says nothing about the others. */
    if (!w.broken && w.has_head) tree_check(&w);
    witness_check(&w);
  }
  free(w.release);
  free(w.index);
  free(w.hash);
  free(w.place);
  return w.err;
}
