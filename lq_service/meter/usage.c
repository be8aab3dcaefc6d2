/* Counters, their sums, and the bytes of their items. */
#include "lq_service/meter/usage.h"

#include <stdlib.h>

#include "lq_service/meter/meter_int.h"

enum { VERSION = 1 };

static const char *const names[] = {
#define X(id, name) name,
    LQ_USAGE_LIST(X)
#undef X
};

const char *lq_usage_name(lq_usage_id id) { return id < LQ_USAGE_COUNT ? names[id] : ""; }

lq_usage_id lq_usage_find(lq_span name) {
  uint32_t id = 0;
  while (id < LQ_USAGE_COUNT && !lq_span_is(name, names[id])) id++;
  return (lq_usage_id)id;
}

/* ---- sums ---- */

void lq_usage_clear(lq_usage *usage) {
  free(usage->system);
  *usage = (lq_usage){0};
}

bool lq_usage_is_empty(const lq_usage *usage) {
  uint64_t any = usage->system_count;
  for (uint32_t i = 0; i < LQ_USAGE_COUNT; i++) any |= usage->count[i];
  return !any;
}

static uint32_t system_at(const lq_usage *usage, const char *name, bool *found) {
  uint32_t low = 0, high = usage->system_count;
  *found = false;
  while (low < high && !*found) {
    uint32_t middle = low + (high - low) / 2;
    int order = strcmp(usage->system[middle].name, name);
    *found = order == 0;
    if (order < 0) low = middle + 1;
    if (order >= 0) high = middle;
  }
  return high;
}

static bool systems_reserve(lq_usage *usage, uint32_t count) {
  if (count <= usage->system_capacity) return true;
  uint32_t capacity = count < 8 ? 8 : count + count / 2;
  lq_usage_system *more = realloc(usage->system, capacity * sizeof *more);
  if (!more) return false;
  usage->system = more;
  usage->system_capacity = capacity;
  return true;
}

lq_err lq_usage_system_add(lq_usage *to, lq_span name, uint64_t cpu_ns) {
  char text[LQ_USAGE_SYSTEM_BYTES];
  bool found;
  if (!lq_text_copy(text, sizeof text, name)) return LQ_ERR_INVALID;
  uint32_t at = system_at(to, text, &found);
  /* One place stays free for the others. */
  if (!found && to->system_count >= LQ_USAGE_SYSTEMS_MAX - 1) {
    (void)lq_text_copy(text, sizeof text, lq_span_text(LQ_USAGE_OTHERS));
    at = system_at(to, text, &found);
  }
  if (found) {
    uint64_t sum;
    if (__builtin_add_overflow(to->system[at].cpu_ns, cpu_ns, &sum)) return LQ_ERR_RANGE;
    to->system[at].cpu_ns = sum;
    return LQ_OK;
  }
  if (!systems_reserve(to, to->system_count + 1)) return LQ_ERR_MEMORY;
  memmove(to->system + at + 1, to->system + at, (to->system_count - at) * sizeof *to->system);
  to->system_count++;
  to->system[at] = (lq_usage_system){.cpu_ns = cpu_ns};
  memcpy(to->system[at].name, text, sizeof text);
  return LQ_OK;
}

lq_err lq_usage_add(lq_usage *to, const lq_usage *from) {
  lq_usage sum = {0};
  lq_err err = LQ_OK;
  if (!systems_reserve(&sum, to->system_count + from->system_count)) return LQ_ERR_MEMORY;
  for (uint32_t i = 0; i < LQ_USAGE_COUNT && !err; i++)
    if (__builtin_add_overflow(to->count[i], from->count[i], &sum.count[i])) err = LQ_ERR_RANGE;
  if (to->system_count) {
    memcpy(sum.system, to->system, to->system_count * sizeof *sum.system);
    sum.system_count = to->system_count;
  }
  for (uint32_t i = 0; i < from->system_count && !err; i++)
    err = lq_usage_system_add(&sum, lq_span_text(from->system[i].name), from->system[i].cpu_ns);
  if (err) {
    lq_usage_clear(&sum);
    return err;
  }
  lq_usage_clear(to);
  *to = sum;
  return LQ_OK;
}

/* ---- bytes ---- */

static void counts_encode(const uint64_t count[LQ_USAGE_COUNT], lq_writer *out) {
  uint32_t given = 0;
  for (uint32_t i = 0; i < LQ_USAGE_COUNT; i++) given += count[i] != 0;
  lq_write_varint(out, given);
  for (uint32_t i = 0; i < LQ_USAGE_COUNT; i++) {
    if (!count[i]) continue;
    lq_write_varint(out, i);
    lq_write_varint(out, count[i]);
  }
}

/* One value has one encoding: ids rise, and nothing is zero. A counter that this version does not
 * know was written by a later one. */
static lq_err counts_decode(lq_reader *in, uint64_t count[LQ_USAGE_COUNT]) {
  uint64_t given = lq_read_varint(in), next = 0;
  for (uint64_t i = 0; i < given && !in->failed; i++) {
    uint64_t id = lq_read_varint(in), value = lq_read_varint(in);
    if (in->failed || id < next || !value) return LQ_ERR_CORRUPT;
    if (id >= LQ_USAGE_COUNT) return LQ_ERR_VERSION;
    count[id] = value;
    next = id + 1;
  }
  return in->failed ? LQ_ERR_CORRUPT : LQ_OK;
}

static lq_err begin_decode(lq_reader *in, char kind) {
  if (lq_read_u8(in) != (uint8_t)kind) return LQ_ERR_CORRUPT;
  uint8_t version = lq_read_u8(in);
  if (in->failed) return LQ_ERR_CORRUPT;
  return version == VERSION ? LQ_OK : LQ_ERR_VERSION;
}

void lq_usage_encode(const lq_usage *usage, lq_writer *out) {
  lq_write_u8(out, 'U');
  lq_write_u8(out, VERSION);
  counts_encode(usage->count, out);
  lq_write_varint(out, usage->system_count);
  for (uint32_t i = 0; i < usage->system_count; i++) {
    const lq_usage_system *system = &usage->system[i];
    lq_write_sized(out, system->name, strlen(system->name));
    lq_write_varint(out, system->cpu_ns);
  }
}

/* A text of 1..capacity-1 bytes without a NUL, above the one before. */
static bool name_next(lq_reader *in, char *name, size_t capacity) {
  char last[LQ_USAGE_SYSTEM_BYTES];
  memcpy(last, name, sizeof last < capacity ? sizeof last : capacity);
  lq_span text = lq_read_sized(in);
  if (in->failed || !text.bytes || memchr(text.data, 0, text.bytes)) return false;
  return lq_text_copy(name, capacity, text) && strcmp(last, name) < 0;
}

static lq_err systems_decode(lq_reader *in, lq_usage *out) {
  uint64_t count = lq_read_varint(in);
  char name[LQ_USAGE_SYSTEM_BYTES] = "";
  if (in->failed || count > LQ_USAGE_SYSTEMS_MAX) return LQ_ERR_CORRUPT;
  if (count && !systems_reserve(out, (uint32_t)count)) return LQ_ERR_MEMORY;
  for (uint64_t i = 0; i < count; i++) {
    if (!name_next(in, name, sizeof name)) return LQ_ERR_CORRUPT;
    lq_usage_system *system = &out->system[out->system_count++];
    memcpy(system->name, name, sizeof name);
    system->cpu_ns = lq_read_varint(in);
  }
  return lq_reader_done(in) ? LQ_OK : LQ_ERR_CORRUPT;
}

lq_err lq_usage_decode(lq_span value, lq_usage *out) {
  lq_reader in = lq_reader_of(value);
  lq_err err = begin_decode(&in, 'U');
  if (!err) err = counts_decode(&in, out->count);
  if (!err) err = systems_decode(&in, out);
  if (err) lq_usage_clear(out);
  return err;
}

void lq_meter_state_encode(const lq_meter_state *state, lq_writer *out) {
  lq_write_u8(out, 'M');
  lq_write_u8(out, VERSION);
  lq_write_varint(out, state->slice);
  lq_write_varint(out, state->kept_checkpoint_bytes);
  counts_encode(state->count, out);
}

lq_err lq_meter_state_decode(lq_span value, lq_meter_state *out) {
  lq_reader in = lq_reader_of(value);
  lq_meter_state state = {0};
  lq_err err = begin_decode(&in, 'M');
  state.slice = lq_read_varint(&in);
  state.kept_checkpoint_bytes = lq_read_varint(&in);
  if (!err) err = counts_decode(&in, state.count);
  if (!err && !lq_reader_done(&in)) err = LQ_ERR_CORRUPT;
  *out = err ? (lq_meter_state){0} : state;
  return err;
}

/* ---- bytes kept ---- */

void lq_kept_clear(lq_kept *kept) {
  free(kept->game);
  *kept = (lq_kept){0};
}

/* Games come in ascending order, of a store or of an item: the place is near the end. */
lq_err lq_kept_add(lq_kept *kept, const lq_kept_game *more) {
  uint32_t at = kept->count;
  while (at && strcmp(kept->game[at - 1].name, more->name) > 0) at--;
  if (at && !strcmp(kept->game[at - 1].name, more->name)) {
    lq_kept_game *game = &kept->game[at - 1], sum = *game;
    if (__builtin_add_overflow(game->journal_bytes, more->journal_bytes, &sum.journal_bytes) ||
        __builtin_add_overflow(game->checkpoint_bytes, more->checkpoint_bytes,
                               &sum.checkpoint_bytes))
      return LQ_ERR_RANGE;
    *game = sum;
    return LQ_OK;
  }
  if (kept->count == kept->capacity) {
    uint32_t capacity = kept->capacity ? 2 * kept->capacity : 8;
    lq_kept_game *larger = realloc(kept->game, capacity * sizeof *larger);
    if (!larger) return LQ_ERR_MEMORY;
    kept->game = larger;
    kept->capacity = capacity;
  }
  memmove(kept->game + at + 1, kept->game + at, (kept->count - at) * sizeof *kept->game);
  kept->count++;
  kept->game[at] = *more;
  return LQ_OK;
}

void lq_kept_encode(const lq_kept *kept, lq_writer *out) {
  lq_write_u8(out, 'K');
  lq_write_u8(out, VERSION);
  lq_write_varint(out, kept->count);
  for (uint32_t i = 0; i < kept->count; i++) {
    lq_write_sized(out, kept->game[i].name, strlen(kept->game[i].name));
    lq_write_varint(out, kept->game[i].journal_bytes);
    lq_write_varint(out, kept->game[i].checkpoint_bytes);
  }
}

lq_err lq_kept_decode(lq_span value, lq_kept *out) {
  lq_reader in = lq_reader_of(value);
  lq_kept_game game = {0};
  lq_err err = begin_decode(&in, 'K');
  uint64_t count = lq_read_varint(&in);
  for (uint64_t i = 0; i < count && !err; i++) {
    bool good = name_next(&in, game.name, sizeof game.name);
    game.journal_bytes = lq_read_varint(&in);
    game.checkpoint_bytes = lq_read_varint(&in);
    err = good && !in.failed ? lq_kept_add(out, &game) : LQ_ERR_CORRUPT;
  }
  if (!err && !lq_reader_done(&in)) err = LQ_ERR_CORRUPT;
  if (err) lq_kept_clear(out);
  return err;
}
