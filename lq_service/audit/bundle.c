/* Writing bundles: bytes in docs/audit.md. */
#include "lq_service/audit/bundle_int.h"

#include <stdlib.h>

/* Room for `bytes` more, not yet counted; NULL (and failed) when memory is out. */
static uint8_t *room(lq_bundle_writer *w, size_t bytes) {
  if (w->failed) return NULL;
  if (bytes > w->capacity - w->bytes) {
    size_t wanted = (w->bytes + bytes) * 2 + 4096;
    uint8_t *grown = realloc(w->data, wanted);
    if (!grown) {
      w->failed = true;
      return NULL;
    }
    w->data = grown;
    w->capacity = wanted;
  }
  return w->data + w->bytes;
}

static void frame(lq_bundle_writer *w, lqi_frame_kind kind, lq_span head, lq_span body) {
  size_t most = head.bytes + body.bytes + 11;
  uint8_t *at = room(w, most);
  if (!at) return;
  lq_writer out = lq_writer_of(at, most);
  lq_write_u8(&out, (uint8_t)kind);
  lq_write_varint(&out, head.bytes + body.bytes);
  lq_write_span(&out, head);
  lq_write_span(&out, body);
  LQ_CHECK(!out.failed);
  w->chain = lq_sha256_of2(lq_span_of(w->chain.bytes, sizeof w->chain.bytes), lq_writer_span(&out));
  w->bytes += out.bytes;
  w->frames++;
}

void lq_bundle_begin(lq_bundle_writer *w, const lq_session_name *name, uint64_t seed) {
  *w = (lq_bundle_writer){0};
  uint8_t *at = room(w, LQI_BUNDLE_HEADER_BYTES), memory[sizeof *name + 16];
  if (!at) return;
  lq_writer out = lq_writer_of(at, LQI_BUNDLE_HEADER_BYTES);
  lq_write_bytes(&out, LQI_BUNDLE_MAGIC, 4);
  lq_write_u16(&out, LQI_BUNDLE_VERSION);
  lq_write_u16(&out, 0);
  w->bytes = out.bytes;
  w->chain = lq_sha256_of(lq_writer_span(&out));
  lq_writer n = lq_writer_of(memory, sizeof memory);
  lq_write_sized(&n, name->tenant, strlen(name->tenant));
  lq_write_sized(&n, name->game, strlen(name->game));
  lq_write_sized(&n, name->session, strlen(name->session));
  lq_write_u64(&n, seed);
  frame(w, LQI_FRAME_NAME, lq_writer_span(&n), (lq_span){0});
}

void lq_bundle_note(lq_bundle_writer *w, lq_span note) {
  frame(w, LQI_FRAME_NOTE, (lq_span){0}, note);
}

void lq_bundle_since(lq_bundle_writer *w, uint64_t from, const lq_tree_proof *proof) {
  uint8_t memory[16];
  lq_writer n = lq_writer_of(memory, sizeof memory);
  lq_write_varint(&n, from);
  frame(w, LQI_FRAME_SINCE, lq_writer_span(&n),
        lq_span_of(proof->node, proof->count * sizeof *proof->node));
}

void lq_bundle_proof(lq_bundle_writer *w, lq_span hashes) {
  frame(w, LQI_FRAME_PROOF, (lq_span){0}, hashes);
}

void lq_bundle_release(lq_bundle_writer *w, lq_span blob) {
  frame(w, LQI_FRAME_RELEASE, (lq_span){0}, blob);
}

void lq_bundle_leaf(lq_bundle_writer *w, uint64_t index, lq_span leaf) {
  uint8_t memory[48];
  lq_sha256 hash = lq_tree_leaf(leaf);
  lq_writer n = lq_writer_of(memory, sizeof memory);
  lq_write_varint(&n, index);
  lq_write_bytes(&n, hash.bytes, sizeof hash.bytes);
  frame(w, LQI_FRAME_LEAF, lq_writer_span(&n), leaf);
}

void lq_bundle_record(lq_bundle_writer *w, lq_span record) {
  frame(w, LQI_FRAME_RECORD, (lq_span){0}, record);
}

void lq_bundle_detail(lq_bundle_writer *w, lq_span detail) {
  frame(w, LQI_FRAME_DETAIL, (lq_span){0}, detail);
}

lq_err lq_bundle_end(lq_bundle_writer *w) {
  uint8_t memory[48];
  lq_writer n = lq_writer_of(memory, sizeof memory);
  lq_write_varint(&n, w->frames);
  lq_write_bytes(&n, w->chain.bytes, sizeof w->chain.bytes);
  frame(w, LQI_FRAME_END, lq_writer_span(&n), (lq_span){0});
  return w->failed ? LQ_ERR_MEMORY : LQ_OK;
}

void lq_bundle_free(lq_bundle_writer *w) {
  free(w->data);
  *w = (lq_bundle_writer){0};
}
