/* Files damaged at rest: bits flipped, pages zeroed, swapped and taken from elsewhere, ends cut
 * off, files rolled back. What comes of it is a named error, or nothing; never something else than
 * what was played. LQ_DAMAGE (1) multiplies the random cases. */
#include "tests/damage_testing.h"

enum { PAGE = 4096, FRAME = PAGE + 24, WAL_HEADER = 32 };

typedef struct played {
  lab *l;
  files early, closed, early_killed, killed; /* in this order */
  truth *early_truth, *closed_truth, *early_killed_truth, *killed_truth;
} played;

static void play_more(lab *l, uint32_t rounds) {
  for (uint32_t round = 0; round < rounds; round++)
    for (uint32_t s = 0; s < PLAYED; s++) {
      if (!l->live[s].session) assert_ok(lab_wake(l, s));
      assert_ok(lab_slice(l, s, 5));
      if (s == 0 && round % 3 == 2) assert_ok(lab_checkpoint(l, s, LQ_HEAD_LIVE));
    }
}
static void put_rest(lab *l) {
  l->w = (waited){.t = &l->t};
  lq_store_item item = {.sk = "COLOUR", .value = lq_span_text("blue"), .expect = LQ_ITEM_ANY};
  lq_span leaf = lq_span_text(LAB_LEAF);
  lq_store_change change = {"acme", &item, 1, &leaf, 1};
  l->store->change(l->store, &change, waited_changed, &l->w);
  l->store->blob_put(l->store, "acme", l->digest.bytes, lq_span_of(l->blob, BLOB_BYTES),
                     waited_done, &l->w);
  wait_calls(&l->w, 2);
  assert_int_equal(l->w.good, 2);
}

/* Plays once, and keeps the folder at four moments: after an orderly end, again, and twice as a
 * kill leaves it. s0 has checkpoints, archives and a tail; s1 sleeps; s2 has a tail alone. */
static played play_all_of(uint64_t world) {
  played p = {.l = lab_begin(world)};
  lab *l = p.l;
  lq_diag diag;
  assert_ok(lab_open(l, false, &diag));
  for (uint32_t i = 0; i < PLAYED + NAMED; i++) lab_create(l, i);
  put_rest(l);
  play_more(l, 4);
  p.early_truth = truth_of(l);
  lab_close(l);
  p.early = files_take(l);
  assert_ok(lab_open(l, false, &diag));
  play_more(l, 4);
  assert_ok(lab_checkpoint(l, 1, LQ_HEAD_HIBERNATED));
  p.closed_truth = truth_of(l);
  lab_close(l);
  p.closed = files_take(l);
  assert_ok(lab_open(l, false, &diag));
  play_more(l, 4);
  p.early_killed_truth = truth_of(l);
  p.early_killed = files_take(l);
  play_more(l, 5);
  p.killed_truth = truth_of(l);
  p.killed = files_take(l);
  lab_close(l);
  return p;
}
static played play_all(void) { return play_all_of(99); }
static void play_end(played *p) {
  files_free(&p->early);
  files_free(&p->closed);
  files_free(&p->early_killed);
  files_free(&p->killed);
  free(p->early_truth);
  free(p->closed_truth);
  free(p->early_killed_truth);
  free(p->killed_truth);
  lab_end(p->l);
}

/* ---- counting ---- */

typedef struct counts {
  uint32_t of[3];
  uint32_t shown;
} counts;

static void count_case(counts *c, lab *l, const truth *want, const char *what, size_t at) {
  static uint32_t serial;
  serial++;
  verdict v = judge(l, want, serial % 3 == 0, serial % 5 == 0);
  c->of[v]++;
  if (v == SERVED_WRONG && c->shown++ < 20) print_error("%s at %zu: %s\n", what, at, l->said);
}
static void all_good(const counts *c, const char *what) {
  print_message("%s: %u harmless, %u named, %u served wrong\n", what, (unsigned)c->of[HARMLESS],
                (unsigned)c->of[NAMED_DAMAGE], (unsigned)c->of[SERVED_WRONG]);
  assert_int_equal(c->of[SERVED_WRONG], 0);
}

static uint32_t factor(void) {
  const char *text = getenv("LQ_DAMAGE");
  uint32_t n = text ? (uint32_t)strtoul(text, NULL, 10) : 1;
  return n ? n : 1;
}

static uint32_t seed = 20260101;
static uint32_t random_below(size_t bound) {
  seed = seed * 1664525u + 1013904223u;
  return (uint32_t)(((uint64_t)(seed >> 8) * bound) >> 24);
}

static void flip(counts *c, lab *l, const truth *want, const files *f, int file, size_t at,
                 uint32_t bit) {
  f->data[file][at] ^= (uint8_t)(1u << bit);
  files_put(l, f);
  f->data[file][at] ^= (uint8_t)(1u << bit);
  count_case(c, l, want, file_names[file], at * 8 + bit);
}

/* The bits around a text or a number that is known to be there: every kind of thing is hit. */
static void flip_near(counts *c, lab *l, const truth *want, const files *f, const void *needle,
                      size_t bytes) {
  uint32_t found = 0;
  for (size_t at = 0; at + bytes <= f->bytes[0] && found < 4;) {
    uint8_t *hit = memmem(f->data[0] + at, f->bytes[0] - at, needle, bytes);
    if (!hit) break;
    size_t place = (size_t)(hit - f->data[0]);
    for (size_t i = 0; i < 10; i++) flip(c, l, want, f, 0, place - 2 + i, random_below(8));
    at = place + bytes;
    found++;
  }
  assert_true(found > 0);
}

LQ_TEST(every_flipped_bit_is_named_or_harmless) {
  played p = play_all();
  counts c = {0};
  const files *f = &p.closed;
  for (size_t page = 0; page < f->bytes[0] / PAGE; page++) {
    for (size_t i = 0; i < 12; i++)
      flip(&c, p.l, p.closed_truth, f, 0, page * PAGE + i, random_below(8));
    for (uint32_t i = 0; i < 8 * factor(); i++)
      flip(&c, p.l, p.closed_truth, f, 0, page * PAGE + random_below(PAGE), random_below(8));
  }
  for (size_t i = 0; i < 100; i++) flip(&c, p.l, p.closed_truth, f, 0, i, random_below(8));
  static const char *const kinds[] = {"LQGR",       "LQAR",   "LQCP", "LQSL",
                                      "acmedemos2", "COLOUR", "LQLG", "CREATE TABLE"};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    flip_near(&c, p.l, p.closed_truth, f, kinds[i], strlen(kinds[i]));
  flip_near(&c, p.l, p.closed_truth, f, p.l->digest.bytes, 32);
  flip_near(&c, p.l, p.closed_truth, f, p.l->blob + 100, 32);
  flip_near(&c, p.l, p.closed_truth, f, p.closed_truth->session[0].head.chain, 32);
  all_good(&c, "bits of lq.db");
  assert_true(c.of[NAMED_DAMAGE] > 0);
  play_end(&p);
}

LQ_TEST(every_flipped_bit_after_a_kill_is_named_or_harmless) {
  played p = play_all();
  counts db = {0}, wal = {0}, shm = {0};
  const files *f = &p.killed;
  for (uint32_t i = 0; i < 200 * factor(); i++)
    flip(&db, p.l, p.killed_truth, f, 0, random_below(f->bytes[0]), random_below(8));
  for (size_t i = 0; i < WAL_HEADER; i++) flip(&wal, p.l, p.killed_truth, f, 1, i, random_below(8));
  for (size_t frame = 0; frame < (f->bytes[1] - WAL_HEADER) / FRAME; frame++) {
    size_t at = WAL_HEADER + frame * FRAME;
    flip(&wal, p.l, p.killed_truth, f, 1, at + random_below(24), random_below(8));
    flip(&wal, p.l, p.killed_truth, f, 1, at + 24 + random_below(PAGE), random_below(8));
  }
  for (size_t i = 0; i < 200; i++) flip(&shm, p.l, p.killed_truth, f, 2, i, random_below(8));
  all_good(&db, "bits of lq.db after a kill");
  all_good(&wal, "bits of lq.db-wal");
  all_good(&shm, "bits of lq.db-shm");
  play_end(&p);
}

static void cut(counts *c, lab *l, const truth *want, files *f, int file, size_t bytes) {
  size_t whole = f->bytes[file];
  f->bytes[file] = bytes;
  files_put(l, f);
  f->bytes[file] = whole;
  count_case(c, l, want, "cut", bytes == SIZE_MAX ? 0 : bytes);
}

LQ_TEST(every_cut_off_end_is_named_or_harmless) {
  played p = play_all();
  counts c = {0};
  for (size_t bytes = 0; bytes < p.closed.bytes[0]; bytes += PAGE / 4)
    cut(&c, p.l, p.closed_truth, &p.closed, 0, bytes + random_below(2) * random_below(PAGE / 4));
  for (int file = 0; file < 3; file++) {
    for (uint32_t i = 0; i < 60; i++)
      cut(&c, p.l, p.killed_truth, &p.killed, file, random_below(p.killed.bytes[file]));
    for (size_t bytes = 0; bytes < p.killed.bytes[file]; bytes += file == 1 ? FRAME : 2 * PAGE)
      cut(&c, p.l, p.killed_truth, &p.killed, file, bytes + (file == 1 && bytes ? WAL_HEADER : 0));
  }
  cut(&c, p.l, p.killed_truth, &p.killed, 1, SIZE_MAX); /* no WAL at all */
  cut(&c, p.l, p.killed_truth, &p.killed, 2, SIZE_MAX);
  cut(&c, p.l, p.killed_truth, &p.killed, 0, SIZE_MAX);
  all_good(&c, "cut off");
  play_end(&p);
}

/* `count` bytes from `from` over those at `at`; NULL: zeroes. */
static void over(counts *c, lab *l, const truth *want, const files *f, int file, size_t at,
                 const uint8_t *from, size_t count) {
  static uint8_t kept[PAGE];
  memcpy(kept, f->data[file] + at, count);
  if (from)
    memmove(f->data[file] + at, from, count);
  else
    memset(f->data[file] + at, 0, count);
  files_put(l, f);
  memcpy(f->data[file] + at, kept, count);
  count_case(c, l, want, from ? "another page" : "zeroes", at);
}

LQ_TEST(zeroed_and_misplaced_pages_are_named_or_harmless) {
  played p = play_all();
  counts zero = {0}, moved = {0};
  static uint8_t copy[PAGE];
  const files *f = &p.closed;
  for (size_t page = 0; page < f->bytes[0] / PAGE; page++) {
    over(&zero, p.l, p.closed_truth, f, 0, page * PAGE, NULL, PAGE);
    over(&zero, p.l, p.closed_truth, f, 0, page * PAGE + 512 * random_below(8), NULL, 512);
    memcpy(copy, f->data[0] + PAGE * random_below(f->bytes[0] / PAGE), PAGE);
    over(&moved, p.l, p.closed_truth, f, 0, page * PAGE, copy, PAGE);
  }
  for (size_t at = WAL_HEADER; at + FRAME <= p.killed.bytes[1]; at += FRAME)
    over(&zero, p.l, p.killed_truth, &p.killed, 1, at, NULL, PAGE);
  all_good(&zero, "zeroes");
  all_good(&moved, "misplaced pages");
  play_end(&p);
}

/* One file from an earlier copy, or from another folder. */
LQ_TEST(files_that_do_not_belong_together_are_named_or_harmless) {
  played p = play_all();
  counts c = {0};
  const files *kept[] = {&p.early, &p.closed, &p.early_killed};
  for (size_t i = 0; i < 3; i++)
    for (int file = 0; file < 3; file++) {
      files mixed = p.killed;
      mixed.data[file] = kept[i]->data[file];
      mixed.bytes[file] = kept[i]->bytes[file];
      files_put(p.l, &mixed);
      count_case(&c, p.l, p.killed_truth, file_names[file], i);
    }
  all_good(&c, "files of other moments");
  play_end(&p);
}

/* The same names, another history. */
LQ_TEST(files_of_another_folder_are_named) {
  played p = play_all(), other = play_all_of(5000);
  counts c = {0};
  for (int mask = 1; mask < 7; mask++) { /* which of the three are the other folder's; not all */
    files mixed = p.killed;
    for (int file = 0; file < 3; file++)
      if (mask >> file & 1) {
        mixed.data[file] = other.killed.data[file];
        mixed.bytes[file] = other.killed.bytes[file];
      }
    files_put(p.l, &mixed);
    count_case(&c, p.l, p.killed_truth, "files of another folder", (size_t)mask);
  }
  all_good(&c, "files of another folder");
  play_end(&other);
  play_end(&p);
}

/* What no folder can know by itself: all of it is from an earlier moment, and that is what it
 * serves. */
LQ_TEST(a_whole_folder_rolled_back_is_that_earlier_moment) {
  played p = play_all();
  const struct {
    const files *files;
    const truth *truth;
  } moments[] = {{&p.early, p.early_truth},
                 {&p.closed, p.closed_truth},
                 {&p.early_killed, p.early_killed_truth},
                 {&p.killed, p.killed_truth}};
  for (size_t i = 0; i < 4; i++)
    for (int read_only = 0; read_only < 2; read_only++) {
      files_put(p.l, moments[i].files);
      verdict v = judge(p.l, moments[i].truth, read_only, true);
      if (v != HARMLESS) print_error("moment %zu: %s\n", i, p.l->said);
      assert_int_equal(v, HARMLESS);
    }
  play_end(&p);
}
