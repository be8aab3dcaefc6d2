/* A release described in JSON, for clients and tools. */
#include "lq_engine/net/message_int.h"

static void put_number(lq_writer *out, const char *key, uint64_t v) {
  lqi_put_key(out, key);
  lq_write_decimal_u(out, v);
}

static void put_fields(const lq_record *record, lq_writer *out) {
  LQI_PUT(out, ",\"fields\":[");
  for (uint32_t i = 0; i < record->field_count; i++) {
    const lq_field *field = &record->field[i];
    if (i) lqi_put_char(out, ',');
    LQI_PUT(out, "{\"name\":");
    lqi_put_name(out, field->name);
    LQI_PUT(out, ",\"kind\":");
    lqi_put_name(out, lqi_field_kind_name(field->kind));
    lqi_put_char(out, ',');
    put_number(out, "count", field->count);
    if (field->kind == LQ_FIELD_MONEY) {
      LQI_PUT(out, ",\"currency\":");
      lqi_put_name(out, field->currency);
    }
    if (field->kind == LQ_FIELD_STR) {
      lqi_put_char(out, ',');
      put_number(out, "bytes", field->str_bytes - 1u); /* what a text may fill */
    }
    lqi_put_char(out, '}');
  }
  lqi_put_char(out, ']');
}

static void put_roles(const lq_game *game, uint32_t roles, lq_writer *out) {
  bool comma = false;
  LQI_PUT(out, ",\"roles\":[");
  for (uint32_t i = 0; i < game->role_count; i++) {
    if (!(roles >> i & 1)) continue;
    if (comma) lqi_put_char(out, ',');
    comma = true;
    lqi_put_name(out, game->role[i]);
  }
  lqi_put_char(out, ']');
}

static void put_see(const lq_game *game, lq_visibility visible, lq_writer *out) {
  static const char *const names[] = {"all", "owner", "team", "role", "none"};
  LQI_PUT(out, ",\"see\":");
  lqi_put_name(out, visible.see <= LQ_SEE_NONE ? names[visible.see] : "none");
  if (visible.see == LQ_SEE_ROLE) put_roles(game, visible.roles, out);
}

static void put_head(const lq_record *record, bool comma, lq_writer *out) {
  if (comma) lqi_put_char(out, ',');
  LQI_PUT(out, "{\"name\":");
  lqi_put_name(out, record->name);
}

static void put_components(const lq_game *game, lq_writer *out) {
  LQI_PUT(out, ",\"components\":[");
  for (uint32_t i = 0; i < game->schema.component_count; i++) {
    const lq_component *c = &game->schema.component[i];
    put_head(&c->record, i, out);
    lqi_put_char(out, ',');
    put_number(out, "version", c->version);
    put_fields(&c->record, out);
    put_see(game, c->visible, out);
    lqi_put_char(out, '}');
  }
  lqi_put_char(out, ']');
}

static void put_commands(const lq_game *game, lq_writer *out) {
  LQI_PUT(out, ",\"commands\":[");
  for (uint32_t i = LQ_CMD_BUILTIN_COUNT; i < game->command_count; i++) {
    put_head(&game->command[i].record, i > LQ_CMD_BUILTIN_COUNT, out);
    put_fields(&game->command[i].record, out);
    if (game->command[i].roles) put_roles(game, game->command[i].roles, out);
    lqi_put_char(out, '}');
  }
  lqi_put_char(out, ']');
}

static void put_events(const lq_game *game, lq_writer *out) {
  LQI_PUT(out, ",\"events\":[");
  for (uint32_t i = 0; i < game->event_count; i++) {
    put_head(&game->event[i].record, i, out);
    put_fields(&game->event[i].record, out);
    put_see(game, game->event[i].visible, out);
    lqi_put_char(out, '}');
  }
  lqi_put_char(out, ']');
}

void lq_game_to_json(const lq_game *game, const char *release_id, lq_writer *out) {
  LQI_PUT(out, "{\"name\":");
  lqi_put_name(out, game->name);
  LQI_PUT(out, ",\"version\":");
  lqi_put_name(out, game->version);
  LQI_PUT(out, ",\"title\":");
  lq_json_write_text(out, lq_span_text(game->title[0] ? game->title : game->name));
  LQI_PUT(out, ",\"release\":");
  lq_json_write_text(out, lq_span_text(release_id));
  lqi_put_char(out, ',');
  put_number(out, "hz", game->hz);
  LQI_PUT(out, ",\"constants\":{");
  for (uint32_t i = 0; i < game->constant_count; i++) {
    if (i) lqi_put_char(out, ',');
    lqi_put_key(out, game->constant[i].name);
    lq_json_write_i64(out, game->constant[i].value);
  }
  lqi_put_char(out, '}');
  put_components(game, out);
  put_commands(game, out);
  put_events(game, out);
  lqi_put_char(out, '}');
}
