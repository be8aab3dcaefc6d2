/* What a session writes into its tenant's log: a leaf with each slice, and beside it who joined and
 * what was checkpointed. */
#include "lq_base/plant.h"
#include "lq_service/shard/shard_int.h"

static lq_audit_entry entry_of(const lqi_session *s, lq_audit_kind kind) {
  return (lq_audit_entry){.kind = kind, .time_ms = lq_clock_wall_ms(), .name = s->name};
}

static uint64_t mutation_count(const lqi_session *s, const lq_tick_result *result) {
  lq_reader in = lq_reader_of(result->mutations);
  uint64_t count = 0;
  const lq_game *game = lq_session_game(s->live.session);
  for (lq_mutation mutation; in.bytes && lq_mutation_read(&in, game, &mutation);) count++;
  return count;
}

lq_span lqi_slice_leaf(const lqi_session *s, const lq_slice_header *header,
                       const uint8_t chain_after[32], const lq_tick_result *result,
                       uint8_t out[LQ_AUDIT_ENTRY_BYTES]) {
  if (!s->served->at.audited) return (lq_span){0};
  lq_audit_entry entry = entry_of(s, LQ_AUDIT_SLICE);
  entry.slice.slice = header->slice;
  entry.slice.tick_first = header->tick_first;
  entry.slice.tick_last = header->tick_last;
  entry.slice.hash_before = header->hash_before;
  entry.slice.hash_after = header->hash_after;
  memcpy(entry.slice.release, header->release, 32);
  memcpy(entry.slice.chain_before, header->chain_before, 32);
  memcpy(entry.slice.chain_after, LQ_PLANTED(LEAF_CHAIN) ? header->chain_before : chain_after, 32);
  entry.slice.commands = result->applied_count;
  entry.slice.events = result->event_count;
  entry.slice.mutations = mutation_count(s, result);
  lq_writer w = lq_writer_of(out, LQ_AUDIT_ENTRY_BYTES);
  LQ_CHECK(lq_audit_entry_encode(&entry, &w) == LQ_OK);
  return lq_writer_span(&w);
}

/* What could not be written is missed by whoever compares journal and log (lq audit verify). */
static void told(void *context, lq_err err, uint64_t leaf) {
  lq_shard *shard = context;
  (void)leaf;
  shard->asks--;
  if (err) shard->stats.audit_failed++;
}

static void tell(lqi_session *s, const lq_store_change *change) {
  lq_store *store = s->served->at.store;
  s->shard->asks++; /* a stopping shard waits for it */
  store->change(store, change, told, s->shard);
}

/* Queued before the slice with the join, so it is durable no later. */
void lqi_join_tell(lqi_session *s, const lq_client *client) {
  if (!s->served->at.audited || (client->resumed && LQ_PLANTED(JOIN_UNTOLD))) return;
  char resource[LQ_TENANT_BYTES + 2 * LQ_ID_BYTES + 32];
  lq_writer w = lq_writer_of(resource, sizeof resource);
  lq_write_text(&w, "game/");
  lq_write_text(&w, s->name.game);
  lq_write_text(&w, "/session/");
  lq_write_text(&w, s->name.session);
  lq_write_text(&w, "/player/");
  lq_write_text(&w, client->player);
  lq_audit_entry entry = entry_of(s, LQ_AUDIT_JOIN);
  entry.join.slot = client->slot;
  lq_audit_detail detail = {.tenant = lq_span_text(s->name.tenant),
                            .user = lq_span_text(client->user),
                            .address = lq_span_text(client->address),
                            .resource = lq_writer_span(&w)};
  lq_audit_act act;
  lq_err err = lq_random_bytes(detail.salt, sizeof detail.salt);
  if (!err) err = lq_audit_act_make(&entry, &detail, &act);
  if (err) {
    s->shard->stats.audit_failed++;
    return;
  }
  tell(s, &(lq_store_change){s->name.tenant, &act.item, 1, &act.leaf, 1});
}

void lqi_receipt_send(lqi_session *s, uint64_t slice, uint64_t index, lq_span leaf) {
  const lq_shard_tenant *at = &s->served->at;
  if (!at->receipt) return;
  lq_writer w = lqi_text(s->shard);
  lq_write_text(&w, "{\"evt\":\"receipt\",\"slice\":");
  lq_write_decimal_u(&w, slice);
  lq_write_text(&w, ",\"receipt\":");
  at->receipt(at->receipt_context, index, leaf, &w);
  lq_write_u8(&w, '}');
  if (w.failed) return;
  lqi_pin(s);
  for (uint32_t slot = 1; slot < s->slot_count && !s->failed; slot++) {
    lq_client *client = s->by_slot[slot];
    if (client && client->receipts && client->joined_tick != UINT64_MAX)
      (void)lqi_client_send(client, lq_writer_span(&w), true);
  }
  lqi_unpin(s);
}

void lqi_checkpoint_tell(lqi_session *s, uint64_t tick, const uint8_t digest[32]) {
  if (!s->served->at.audited) return;
  lq_audit_entry entry = entry_of(s, LQ_AUDIT_CHECKPOINT);
  entry.checkpoint.tick = tick;
  memcpy(entry.checkpoint.digest, digest, 32);
  uint8_t bytes[LQ_AUDIT_ENTRY_BYTES];
  lq_writer w = lq_writer_of(bytes, sizeof bytes);
  LQ_CHECK(lq_audit_entry_encode(&entry, &w) == LQ_OK);
  lq_span leaf = lq_writer_span(&w);
  tell(s, &(lq_store_change){s->name.tenant, NULL, 0, &leaf, 1});
}
