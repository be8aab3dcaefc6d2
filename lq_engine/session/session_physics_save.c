/* What physics keeps between ticks: memory and hash; saved, loaded, handed to a next release. */
#include "lq_base/hash.h"
#include "lq_engine/session/session_physics_int.h"

void lqi_physics_set_digest(lq_session *s) {
  const lqi_kept_contacts *k = &s->physics->kept[s->physics->now];
  uint64_t hash = lq_hash_bytes(k->contact_bytes, k->contact, k->contact_bytes);
  hash = lq_hash_bytes(hash ^ k->joint_bytes, k->joint, k->joint_bytes);
  s->core.physics_digest = lq_hash_bytes(hash, k->mark, k->marks * sizeof *k->mark);
}

lq_physics_config lqi_physics_config(const lq_game *game) {
  const lq_game_physics *g = &game->physics;
  lq_physics_config config = {.bodies_max = g->bodies_max,
                              .assets_max = g->asset_count ? g->asset_count : 1,
                              .contacts_max = g->contacts_max,
                              .substeps = g->substeps};
  memcpy(config.gravity, g->gravity, sizeof config.gravity);
  config.joints_max = g->bodies_max < LQ_PHYSICS_JOINTS_MAX ? g->bodies_max : LQ_PHYSICS_JOINTS_MAX;
  if (g->event[LQ_EVENT_HIT] != UINT32_MAX) config.hit_speed = g->hit_speed;
  return config;
}

lq_err lqi_physics_make(lq_session *session) {
  lqi_physics *p = session->physics;
  if (!p) return LQ_OK;
  lq_physics_config config = lqi_physics_config(session->game);
  p->solid = lqi_physics_bit(session, LQ_TYPE_BODY) | lqi_physics_bit(session, LQ_TYPE_SHAPE) |
             lqi_physics_bit(session, LQ_TYPE_PLACE);
  lqi_physics_set_digest(session);
  lq_err err = lq_physics_init(p->block, lq_physics_bytes(&config), &config, &p->world, NULL);
  for (uint32_t i = 0; !err && i < session->game->physics.asset_count; i++) {
    const lq_game_asset *a = &session->game->physics.asset[i];
    err = lq_physics_asset_add(p->world, a->id, a->cooked.data, a->cooked.bytes, NULL);
  }
  return err;
}

size_t lqi_physics_save_bytes(const lq_session *session) {
  if (!session->physics) return 0;
  const lqi_kept_contacts *k = &session->physics->kept[session->physics->now];
  return 4 + 10 + k->contact_bytes + 10 + k->joint_bytes + 10 + k->marks * sizeof *k->mark;
}

void lqi_physics_save(const lq_session *session, lq_writer *out) {
  if (!session->physics) return;
  const lqi_kept_contacts *k = &session->physics->kept[session->physics->now];
  lq_write_u32(out, LQ_PHYSICS_VERSION);
  lq_write_sized(out, k->contact, k->contact_bytes);
  lq_write_sized(out, k->joint, k->joint_bytes);
  lq_write_varint(out, k->marks);
  for (uint32_t i = 0; i < k->marks; i++) {
    lq_write_u64(out, k->mark[i].id);
    lq_write_u64(out, k->mark[i].digest);
  }
}

static bool load_marks(lq_session *s, lq_reader *in) {
  lqi_kept_contacts *k = &s->physics->kept[s->physics->now];
  uint64_t count = lq_read_varint(in), below = 0;
  if (in->failed || count > s->game->entities_max || count * 16 > lq_reader_left(in)) return false;
  for (uint64_t i = 0; i < count; i++) {
    lqi_mark mark;
    mark.id = lq_read_u64(in);
    mark.digest = lq_read_u64(in);
    if (mark.id <= below || mark.id >> 32 > s->game->entities_max || !(mark.id >> 32)) return false;
    k->mark[k->marks++] = mark;
    below = mark.id;
  }
  return !in->failed;
}

lq_err lqi_physics_load(lq_session *session, lq_reader *in) {
  lqi_physics *p = session->physics;
  if (!p) return LQ_OK;
  uint32_t version = lq_read_u32(in);
  if (!in->failed && version != LQ_PHYSICS_VERSION) return LQ_ERR_VERSION;
  lq_span contact = lq_read_sized(in), joint = lq_read_sized(in);
  lqi_kept_contacts *k = &p->kept[p->now];
  /* Into a world without bodies: checked, and nothing of it stays. */
  if (in->failed || lq_physics_joints_load(p->world, joint.data, joint.bytes) ||
      lq_physics_contacts_load(p->world, contact.data, contact.bytes))
    return LQ_ERR_CORRUPT;
  if (joint.bytes) memcpy(k->joint, joint.data, joint.bytes);
  k->joint_bytes = (uint32_t)joint.bytes;
  if (contact.bytes) memcpy(k->contact, contact.data, contact.bytes);
  k->contact_bytes = (uint32_t)contact.bytes;
  if (!load_marks(session, in)) return LQ_ERR_CORRUPT;
  lqi_physics_set_digest(session);
  return LQ_OK;
}

/* Shapes are what their ids say, so only one that is gone changes anything. */
static bool has_assets(const lq_game_physics *of, const lq_game_physics *in) {
  for (uint32_t i = 0, k; i < of->asset_count; i++) {
    for (k = 0; k < in->asset_count && in->asset[k].id != of->asset[i].id; k++) {
    }
    if (k == in->asset_count) return false;
  }
  return true;
}

void lqi_physics_swap(const lq_session *session, lq_session *next) {
  next->core.physics_digest = 0;
  if (!next->physics) return;
  lqi_physics_set_digest(next);
  if (!session->physics) return;
  const lqi_kept_contacts *from = &session->physics->kept[session->physics->now];
  lqi_kept_contacts *to = &next->physics->kept[next->physics->now];
  const lq_game_physics *a = &session->game->physics, *b = &next->game->physics;
  if (from->contact_bytes) memcpy(to->contact, from->contact, from->contact_bytes);
  to->contact_bytes = from->contact_bytes;
  if (from->joint_bytes) memcpy(to->joint, from->joint, from->joint_bytes);
  to->joint_bytes = from->joint_bytes;
  to->marks = from->marks;
  /* Another gravity wakes everybody, and so does a shape that is no more. */
  bool same = memcmp(a->gravity, b->gravity, sizeof a->gravity) == 0 && has_assets(a, b);
  for (uint32_t i = 0; i < from->marks; i++)
    to->mark[i] = (lqi_mark){from->mark[i].id, same ? from->mark[i].digest : 0};
  lqi_physics_set_digest(next);
}
