/* Housekeeping of one tenant: what storage keeps, by the hour; old hours of sessions merged into
 * one item a game and hour. Every step is one change, so a crash between two loses nothing. */
#include <stdio.h>
#include <stdlib.h>

#include "lq_service/meter/meter_int.h"

enum {
  PAGE = 200,      /* items read at once */
  MERGES = 20,     /* changes of one call */
  KEPT_HOURS = 98, /* written in one change, beside METERED */
  MERGE = 98,      /* session items merged in one change, beside the game's item */
  STATE_BYTES = 24,
};

typedef struct house {
  lq_store *store;
  char tenant[LQ_TENANT_BYTES], after[LQ_STORE_SK_BYTES], last[LQ_STORE_SK_BYTES];
  uint32_t now, merges, merged, page;
  lq_meter_kept_house done;
  void *context;
  lq_err err;
  bool in_step, answered; /* the store may answer inside the call */
  void (*next)(struct house *h);

  /* METERED, of this version: KEPT is written up to kept_hour, hours before merged_hour are merged.
   */
  uint32_t kept_hour, merged_hour;
  uint64_t version;
  lq_kept kept;

  /* The items of one hour and game that are merged. */
  uint32_t hour, count;
  char game[LQ_TENANT_BYTES];
  lq_usage sum;
  uint64_t sum_version;
  bool full, end;
  lq_store_item item[LQ_STORE_CHANGE_MAX];
  uint8_t *bytes; /* LQ_STORE_ITEM_BYTES_MAX */
} house;

static void merge_read(house *h);
static void kept_begin(house *h);

static void finish(house *h, lq_err err) {
  lq_meter_kept_house done = h->done;
  void *context = h->context;
  uint32_t merged = h->merged;
  lq_kept_clear(&h->kept);
  lq_usage_clear(&h->sum);
  free(h->bytes);
  free(h);
  done(context, err, merged);
}

/* Goes on with what is next, once the store has answered: a loop, so that answers inside the call
 * need no deep stack. */
static void go(house *h) {
  h->answered = true;
  if (h->in_step) return;
  h->in_step = true;
  while (h->answered && h->next && !h->err) {
    h->answered = false;
    h->next(h);
  }
  h->in_step = false;
  if (h->answered) finish(h, h->err);
}

static void changed(void *context, lq_err err, uint64_t leaf) {
  house *h = context;
  (void)leaf;
  h->err = err;
  go(h);
}

static void change(house *h, uint32_t count) {
  lq_store_change change = {.tenant = h->tenant, .items = h->item, .item_count = count};
  h->store->change(h->store, &change, changed, h);
}

/* ---- merge ---- */

static void merged(house *h) {
  h->merged += h->count;
  h->next = merge_read;
  go(h);
}

static void merge_write(house *h) {
  lq_writer w = lq_writer_of(h->bytes, LQ_USAGE_ITEM_BYTES_MAX);
  lq_usage_encode(&h->sum, &w);
  LQ_CHECK(!w.failed);
  lq_store_item *item = &h->item[h->count];
  lq_usage_sk(h->hour, h->game, "", item->sk);
  item->value = lq_writer_span(&w);
  item->expect = h->sum_version;
  h->next = merged;
  h->merges++;
  change(h, h->count + 1);
}

/* The first item of a page gives hour and game; those that share them follow it directly. */
static void merge_got(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  house *h = context;
  char game[LQ_TENANT_BYTES], session[LQ_ID_BYTES];
  uint32_t hour;
  if (err) {
    if (err != LQ_ERR_NOT_FOUND) h->err = err;
    h->end = h->page < PAGE;
    h->next = h->count ? merge_write : h->end || h->full ? kept_begin : merge_read;
    if (h->next == kept_begin && h->now > LQ_METER_MERGE_HOURS)
      h->merged_hour = h->now - LQ_METER_MERGE_HOURS;
    go(h);
    return;
  }
  h->page++;
  if (h->full || h->err) return;
  if (!lq_usage_sk_read(sk, &hour, game, session)) {
    h->err = LQ_ERR_CORRUPT;
    return;
  }
  if (hour + LQ_METER_MERGE_HOURS > h->now) { /* and all behind it are younger */
    h->full = true;
    return;
  }
  bool other = hour != h->hour || strcmp(game, h->game) != 0;
  if (other && h->count) {
    h->full = true; /* this group first */
    return;
  }
  if (other) {
    h->hour = hour;
    memcpy(h->game, game, sizeof game);
    lq_usage_clear(&h->sum);
    h->sum_version = LQ_ITEM_ABSENT;
  }
  lq_usage one = {0};
  h->err = lq_usage_decode(value, &one);
  if (!h->err) h->err = lq_usage_add(&h->sum, &one);
  lq_usage_clear(&one);
  if (!session[0]) {
    h->sum_version = version;
  } else {
    lq_store_item *item = &h->item[h->count++];
    *item = (lq_store_item){.expect = version};
    memcpy(item->sk, sk, strlen(sk) + 1);
    h->full = h->count == MERGE;
  }
}

/* From the last group again: its game's item is needed, and there may be more of it. */
static void merge_read(house *h) {
  if (h->merges >= MERGES) {
    h->merged_hour = h->hour;
    h->next = kept_begin;
    go(h);
    return;
  }
  if (h->hour == UINT32_MAX) {
    char text[LQ_USAGE_HOUR_BYTES];
    lq_usage_hour_text(h->merged_hour, text);
    (void)snprintf(h->after, sizeof h->after, "USAGE#%s", text);
  } else {
    lq_usage_sk(h->hour, h->game, "", h->after);
    h->after[strlen(h->after) - 1] = 0;
  }
  h->hour = UINT32_MAX;
  h->count = h->page = 0;
  h->full = false;
  h->store->items(h->store, h->tenant, "USAGE#", h->after, PAGE, merge_got, h);
}

/* ---- what is kept ---- */

static void kept_write(house *h);
static void kept_page(house *h);

static void kept_written(house *h) {
  h->kept_hour += h->count;
  h->version++;
  h->next = h->kept_hour < h->now ? kept_write : NULL;
  go(h);
}

/* The hours without a process kept the same; no hour is left out. */
static void kept_write(house *h) {
  lq_writer w = lq_writer_of(h->bytes, LQ_STORE_ITEM_BYTES_MAX - STATE_BYTES);
  lq_kept_encode(&h->kept, &w);
  if (w.failed) {
    h->err = LQ_ERR_TOO_BIG;
    go(h);
    return;
  }
  h->count = h->now - h->kept_hour > KEPT_HOURS ? KEPT_HOURS : h->now - h->kept_hour;
  for (uint32_t i = 0; i < h->count; i++) {
    h->item[i] = (lq_store_item){.value = lq_writer_span(&w), .expect = LQ_ITEM_ANY};
    lq_kept_sk(h->kept_hour + 1 + i, h->item[i].sk);
  }
  lq_writer state = lq_writer_of(h->bytes + w.bytes, STATE_BYTES);
  lq_write_u8(&state, 'H');
  lq_write_u8(&state, 1);
  lq_write_varint(&state, h->kept_hour + h->count);
  lq_write_varint(&state, h->merged_hour);
  h->item[h->count] = (lq_store_item){.value = lq_writer_span(&state), .expect = h->version};
  memcpy(h->item[h->count].sk, "METERED", sizeof "METERED");
  h->next = kept_written;
  change(h, h->count + 1);
}

static void kept_got(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  house *h = context;
  char session[LQ_ID_BYTES];
  lq_kept_game game = {0};
  lq_meter_state state;
  (void)version;
  if (err) {
    if (err != LQ_ERR_NOT_FOUND) h->err = err;
    h->next = h->page < PAGE ? kept_write : kept_page;
    go(h);
    return;
  }
  h->page++;
  if (h->err) return;
  memcpy(h->last, sk, strlen(sk) + 1); /* the store may still look at `after` */
  h->err = lq_meter_sk_read(sk, game.name, session) ? lq_meter_state_decode(value, &state)
                                                    : LQ_ERR_CORRUPT;
  if (h->err) return;
  game.journal_bytes = state.count[LQ_USAGE_JOURNAL_BYTES];
  game.checkpoint_bytes = state.kept_checkpoint_bytes;
  h->err = lq_kept_add(&h->kept, &game);
}

static void kept_page(house *h) {
  h->page = 0;
  memcpy(h->after, h->last, sizeof h->after);
  h->store->items(h->store, h->tenant, "METER#", h->after[0] ? h->after : NULL, PAGE, kept_got, h);
}

static void kept_begin(house *h) {
  h->last[0] = 0;
  h->next = h->kept_hour == h->now ? NULL : kept_page;
  go(h);
}

static void state_got(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  house *h = context;
  (void)sk;
  h->version = err ? LQ_ITEM_ABSENT : version;
  h->kept_hour = h->now - 1; /* the first hour that is told of */
  if (!err) {
    lq_reader in = lq_reader_of(value);
    bool good = lq_read_u8(&in) == 'H' && lq_read_u8(&in) == 1;
    uint64_t kept = lq_read_varint(&in), merged = lq_read_varint(&in);
    if (!good || !lq_reader_done(&in) || kept > LQ_USAGE_HOUR_MAX || merged > LQ_USAGE_HOUR_MAX)
      h->err = LQ_ERR_CORRUPT;
    /* Hours in the future are from a clock that was wrong: they are written again as they come. */
    if (kept <= h->now) h->kept_hour = (uint32_t)kept;
    h->merged_hour = merged <= h->now ? (uint32_t)merged : 0;
  } else if (err != LQ_ERR_NOT_FOUND) {
    h->err = err;
  }
  h->hour = UINT32_MAX;
  h->next = merge_read;
  go(h);
}

static void begin(house *h) { h->store->item(h->store, h->tenant, "METERED", state_got, h); }

void lq_meter_house(lq_store *store, const char *tenant, uint64_t wall_ms, lq_meter_kept_house done,
                    void *context) {
  house *h = calloc(1, sizeof *h);
  uint8_t *bytes = malloc(LQ_STORE_ITEM_BYTES_MAX);
  if (!h || !bytes || !lq_text_copy(h->tenant, sizeof h->tenant, lq_span_text(tenant))) {
    free(h);
    free(bytes);
    done(context, LQ_ERR_MEMORY, 0);
    return;
  }
  h->store = store;
  h->now = lq_usage_hour(wall_ms);
  if (h->now == 0) h->now = 1;
  h->done = done;
  h->context = context;
  h->bytes = bytes;
  h->next = begin;
  go(h);
}
