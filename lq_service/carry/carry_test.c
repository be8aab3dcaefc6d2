/* A tenant's stream: what goes out comes in, in any other store; what is not a whole stream does
 * not. */
#include "lq_service/carry/carry_testing.h"

/* ---- a tenant to take along ---- */

static lq_session_name named(const char *game, const char *session) {
  lq_session_name name = {.tenant = "acme"};
  assert_true(lq_text_copy(name.game, sizeof name.game, lq_span_text(game)));
  assert_true(lq_text_copy(name.session, sizeof name.session, lq_span_text(session)));
  return name;
}
static lq_sha256 release_of(const char *text) { return lq_sha256_of(lq_span_text(text)); }

static void blob(shelf *s, const char *text) {
  lq_sha256 digest = release_of(text);
  s->store->blob_put(s->store, "acme", digest.bytes, lq_span_text(text), shelf_done, s);
  shelf_must(s);
}
static lq_store_head session(shelf *s, const lq_session_name *name, uint64_t epoch) {
  lq_store_head head = {.epoch = epoch,
                        .checkpoint_tick = UINT64_MAX,
                        .seed = 7,
                        .created_ms = 5,
                        .state = LQ_HEAD_HIBERNATED};
  memcpy(head.release, release_of("first").bytes, 32);
  memcpy(head.first_release, head.release, 32);
  s->store->create(s->store, name, &head, shelf_done, s);
  shelf_must(s);
  return head;
}
static void slice(shelf *s, const lq_session_name *name, lq_store_head *head, bool leaf,
                  const char *release) {
  char text[64];
  uint8_t bytes[LQ_AUDIT_ENTRY_BYTES];
  head->slice++;
  head->tick += 10;
  head->hash = head->slice * 77;
  memcpy(head->release, release_of(release).bytes, 32);
  (void)snprintf(text, sizeof text, "slice %u of %s", (unsigned)head->slice, name->session);
  lq_audit_entry entry = {.kind = LQ_AUDIT_SLICE, .time_ms = 1, .name = *name};
  entry.slice.slice = head->slice;
  entry.slice.tick_first = head->tick - 9;
  entry.slice.tick_last = head->tick;
  memcpy(entry.slice.release, head->release, 32);
  lq_writer w = lq_writer_of(bytes, sizeof bytes);
  assert_ok(lq_audit_entry_encode(&entry, &w));
  lq_store_slice one = {.name = *name,
                        .epoch = head->epoch,
                        .slice = head->slice,
                        .body = lq_span_text(text),
                        .leaf = leaf ? lq_writer_span(&w) : (lq_span){0},
                        .head = *head};
  assert_ok(s->store->commit(s->store, &one, 1, shelf_committed, s));
  shelf_must(s);
}
static void checkpoint(shelf *s, const lq_session_name *name, lq_store_head *head) {
  head->checkpoint_tick = head->tick;
  head->checkpoint_slice = head->slice;
  s->store->checkpoint(s->store, name, head, lq_span_text("checkpoint"), shelf_done, s);
  shelf_must(s);
}
static void act(shelf *s, const char *sk, const char *value) {
  uint8_t bytes[LQ_AUDIT_ENTRY_BYTES];
  lq_audit_entry entry = {.kind = LQ_AUDIT_ADMIN, .time_ms = 9, .name = {.tenant = "acme"}};
  (void)lq_text_copy(entry.act.action, sizeof entry.act.action, lq_span_text("user.put"));
  lq_writer w = lq_writer_of(bytes, sizeof bytes);
  assert_ok(lq_audit_entry_encode(&entry, &w));
  lq_span leaf = lq_writer_span(&w);
  lq_store_item item = {.value = lq_span_text(value), .expect = LQ_ITEM_ANY};
  (void)lq_text_copy(item.sk, sizeof item.sk, lq_span_text(sk));
  lq_store_change change = {"acme", &item, 1, &leaf, 1};
  s->store->change(s->store, &change, shelf_changed, s);
  shelf_must(s);
}

/* Two games, three sessions, slices between each other's and some without a leaf, a release in the
 * middle of a session, checkpoints, items, and what stays behind. */
static void fill(shelf *s) {
  lq_session_name a = named("bank", "main"), b = named("demo", "a-1"), c = named("demo", "empty");
  blob(s, "first");
  blob(s, "second");
  blob(s, "third");
  lq_store_head ha = session(s, &a, 3), hb = session(s, &b, 1);
  (void)session(s, &c, 0);
  act(s, "USER#ann", "Ann");
  for (int i = 0; i < 150; i++) {
    slice(s, &a, &ha, i % 5 != 3, i < 50 ? "first" : i < 100 ? "second" : "third");
    if (i % 3 == 0) slice(s, &b, &hb, i < 120, "first");
    if (i % 40 == 20) checkpoint(s, &a, &ha);
    if (i % 10 == 0) act(s, "USER#bob", "Bob");
  }
  act(s, "POLICY#p", "");
  act(s, "AUDITHEAD", "signed elsewhere");
}

static lq_err take(shelf *s, tape *out, lq_carry_counts *counts) {
  lq_diag diag = {0};
  lq_carry_out to = {tape_take, NULL, out};
  *out = (tape){0};
  return lq_carry_export(s->store, "acme", &to, counts, &diag);
}

static lq_err feed(lq_carry_reader *reader, lq_span bytes, size_t step) {
  lq_err err = LQ_OK;
  for (size_t at = 0; at < bytes.bytes && !err; at += step)
    err = lq_carry_read(
        reader, lq_span_of(bytes.data + at, bytes.bytes - at < step ? bytes.bytes - at : step));
  return err;
}

static lq_err bring(shelf *s, lq_span bytes, lq_carry_counts *counts) {
  lq_carry_writer *writer;
  lq_carry_reader *reader;
  assert_ok(lq_carry_writer_open(s->store, "acme", shelf_wait, s, &writer));
  assert_ok(lq_carry_reader_open(lq_carry_write, writer, &reader));
  lq_err err = feed(reader, bytes, 1000);
  lq_err end = lq_carry_read_end(reader, counts);
  if (!err) err = end;
  if (!err) err = lq_carry_write_end(writer);
  lq_carry_reader_close(reader);
  lq_carry_writer_close(writer);
  while (lq_store_memory_run(s->real)) {
  }
  return err;
}

static lq_err check(lq_span bytes) {
  lq_carry_reader *reader;
  lq_carry_counts counts;
  assert_ok(lq_carry_reader_open(NULL, NULL, &reader));
  lq_err err = feed(reader, bytes, bytes.bytes ? bytes.bytes : 1);
  lq_err end = lq_carry_read_end(reader, &counts);
  lq_carry_reader_close(reader);
  return err ? err : end;
}

static void leaf_came(void *context, lq_err err, uint64_t index, lq_span leaf) {
  lq_tree *tree = context;
  (void)index;
  if (err) return;
  lq_sha256 hash = lq_tree_leaf(leaf);
  lq_tree_append(tree, &hash);
}
static lq_sha256 root_of(const shelf *s, uint64_t *size) {
  lq_tree tree = {0};
  s->real->log(s->real, "acme", 0, 0, leaf_came, &tree);
  *size = tree.size;
  return lq_tree_root(&tree);
}

/* ---- whole ---- */

LQ_TEST(what_goes_out_comes_in_and_goes_out_the_same) {
  shelf from, to;
  tape out, again;
  lq_carry_counts counts, came;
  uint64_t size, size_there;
  shelf_begin(&from);
  shelf_begin(&to);
  fill(&from);
  assert_ok(take(&from, &out, &counts));
  assert_int_equal(counts.blobs, 3);
  assert_int_equal(counts.sessions, 3);
  assert_int_equal(counts.slices, 200);
  assert_int_equal(counts.items, 3); /* neither wrapped keys nor AUDITHEAD */
  assert_int_equal(counts.checkpoints, 4);
  assert_ok(bring(&to, lq_span_of(out.data, out.bytes), &came));
  assert_memory_equal(&counts, &came, sizeof counts);
  lq_sha256 root = root_of(&from, &size), there = root_of(&to, &size_there);
  assert_int_equal(size, size_there);
  assert_int_equal(size, counts.leaves);
  assert_memory_equal(&root, &there, sizeof root);
  /* HEADs, slices, checkpoints, releases, items: byte for byte in the second stream. */
  assert_ok(take(&to, &again, &came));
  assert_int_equal(out.bytes, again.bytes);
  assert_memory_equal(out.data, again.data, out.bytes);
  free(out.data);
  free(again.data);
  shelf_end(&from);
  shelf_end(&to);
}

LQ_TEST(an_import_that_was_cut_goes_on_and_is_the_same) {
  shelf from;
  tape out, again;
  lq_carry_counts counts, came;
  shelf_begin(&from);
  fill(&from);
  assert_ok(take(&from, &out, &counts));
  for (size_t cut = 100; cut < out.bytes; cut += out.bytes / 13) {
    shelf to;
    shelf_begin(&to);
    assert_int_equal(bring(&to, lq_span_of(out.data, cut), &came), LQ_ERR_TRUNCATED);
    assert_ok(bring(&to, lq_span_of(out.data, out.bytes), &came));
    assert_ok(take(&to, &again, &came));
    assert_int_equal(out.bytes, again.bytes);
    assert_memory_equal(out.data, again.data, out.bytes);
    free(again.data);
    shelf_end(&to);
  }
  free(out.data);
  shelf_end(&from);
}

LQ_TEST(another_log_is_not_gone_on_with) {
  shelf from, to;
  tape out;
  lq_carry_counts counts;
  shelf_begin(&from);
  shelf_begin(&to);
  fill(&from);
  lq_session_name other = named("demo", "other");
  lq_store_head head = session(&to, &other, 1);
  slice(&to, &other, &head, true, "first");
  assert_ok(take(&from, &out, &counts));
  assert_int_equal(bring(&to, lq_span_of(out.data, out.bytes), &counts), LQ_ERR_CONFLICT);
  free(out.data);
  shelf_end(&from);
  shelf_end(&to);
}

LQ_TEST(a_full_disk_stops_an_import_with_its_error) {
  shelf from, to;
  tape out;
  lq_carry_counts counts;
  shelf_begin(&from);
  shelf_begin(&to);
  fill(&from);
  assert_ok(take(&from, &out, &counts));
  lq_store_memory_fail_after(to.real, 3);
  assert_int_equal(bring(&to, lq_span_of(out.data, out.bytes), &counts), LQ_ERR_IO);
  free(out.data);
  shelf_end(&from);
  shelf_end(&to);
}

/* ---- not whole ---- */

LQ_TEST(every_flipped_byte_and_every_cut_is_found) {
  shelf from;
  tape out;
  lq_carry_counts counts;
  shelf_begin(&from);
  fill(&from);
  assert_ok(take(&from, &out, &counts));
  assert_ok(check(lq_span_of(out.data, out.bytes)));
  for (size_t at = 0; at < out.bytes; at += at < 400 || at + 400 > out.bytes ? 1 : 97) {
    out.data[at] ^= 0x10;
    if (!check(lq_span_of(out.data, out.bytes))) fail_msg("byte %zu", at);
    out.data[at] ^= 0x10;
    assert_int_equal(check(lq_span_of(out.data, at)), LQ_ERR_TRUNCATED);
  }
  out.data = realloc(out.data, out.bytes + 1);
  assert_non_null(out.data);
  out.data[out.bytes] = 'E';
  assert_int_equal(check(lq_span_of(out.data, out.bytes + 1)), LQ_ERR_SYNTAX);
  free(out.data);
  shelf_end(&from);
}

/* A stream by hand, with a digest that is right: what it says is looked at all the same. */
typedef struct forged {
  uint8_t bytes[1 << 16];
  lq_writer w;
  lq_sha256 digest;
  lq_carry_counts count;
} forged;

static void forge(forged *f) {
  static const uint8_t zero[32];
  *f = (forged){0};
  f->w = lq_writer_of(f->bytes, sizeof f->bytes);
  lq_write_text(&f->w, "LQTENANT");
  lq_write_u32(&f->w, 1);
  lq_write_sized(&f->w, "acme", 4);
  f->digest = lq_sha256_of2(lq_span_of(zero, 32), lq_writer_span(&f->w));
}
static void forge_put(forged *f, char kind, lq_span body) {
  size_t at = f->w.bytes;
  lq_write_u8(&f->w, (uint8_t)kind);
  lq_write_u32(&f->w, (uint32_t)body.bytes);
  lq_write_span(&f->w, body);
  if (kind != 'E')
    f->digest =
        lq_sha256_of2(lq_span_of(f->digest.bytes, 32), lq_span_of(f->bytes + at, f->w.bytes - at));
}
static lq_err forge_check(forged *f) {
  uint8_t end[80];
  lq_writer w = lq_writer_of(end, sizeof end);
  lq_write_u64(&w, f->count.blobs);
  lq_write_u64(&w, f->count.sessions);
  lq_write_u64(&w, f->count.leaves);
  lq_write_u64(&w, f->count.slices);
  lq_write_u64(&w, f->count.checkpoints);
  lq_write_u64(&w, f->count.items);
  lq_write_bytes(&w, f->digest.bytes, 32);
  forge_put(f, 'E', lq_writer_span(&w));
  return check(lq_writer_span(&f->w));
}
static void forge_item(forged *f, const char *sk) {
  uint8_t body[160];
  lq_writer w = lq_writer_of(body, sizeof body);
  lq_write_sized(&w, sk, strlen(sk));
  lq_write_text(&w, "value");
  forge_put(f, 'I', lq_writer_span(&w));
  f->count.items++;
}

LQ_TEST(a_forged_stream_brings_no_keys_heads_or_disorder) {
  static const char *const refused[] = {
      "KEY#ITEMS", "KEY#S#demo#main", "AUDITHEAD", "AUDITTILE#0#1", "a b", ""};
  forged f;
  forge(&f);
  assert_ok(forge_check(&f)); /* a tenant with nothing */
  forge(&f);
  forge_item(&f, "USER#ann");
  forge_item(&f, "USER#bob");
  assert_ok(forge_check(&f));
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    forge(&f);
    forge_item(&f, refused[i]);
    assert_int_equal(forge_check(&f), LQ_ERR_SYNTAX);
  }
  forge(&f);
  forge_item(&f, "USER#bob");
  forge_item(&f, "USER#ann");
  assert_int_equal(forge_check(&f), LQ_ERR_SYNTAX);
  forge(&f);
  forge_item(&f, "USER#bob");
  forge_put(&f, 'B', lq_span_text("thirty-two bytes of a digest, or so"));
  f.count.blobs++;
  assert_int_equal(forge_check(&f), LQ_ERR_SYNTAX); /* behind the items */
  forge(&f);
  f.count.items++;
  assert_int_equal(forge_check(&f), LQ_ERR_CORRUPT);
}

LQ_TEST(a_leaf_of_another_tenant_or_session_is_refused) {
  uint8_t bytes[LQ_AUDIT_ENTRY_BYTES];
  lq_audit_entry entry = {.kind = LQ_AUDIT_ADMIN, .time_ms = 9, .name = {.tenant = "acme"}};
  (void)lq_text_copy(entry.act.action, sizeof entry.act.action, lq_span_text("user.put"));
  for (int i = 0; i < 2; i++) {
    forged f;
    lq_writer w = lq_writer_of(bytes, sizeof bytes);
    assert_ok(lq_audit_entry_encode(&entry, &w));
    forge(&f);
    forge_put(&f, 'L', lq_writer_span(&w));
    f.count.leaves++;
    assert_int_equal(forge_check(&f), i ? LQ_ERR_SYNTAX : LQ_OK);
    (void)lq_text_copy(entry.name.tenant, sizeof entry.name.tenant, lq_span_text("zeta"));
  }
}
