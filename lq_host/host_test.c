/* Files, the lock, digests against published vectors, child processes, threads. */
#include "lq_host/host.h"
#include "tests/lq_test.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- a folder of its own for each test ---- */
typedef struct place {
  char folder[64];
  char path[128];
} place;

static void place_open(place *p) {
  memcpy(p->folder, "/tmp/lq_host_test.XXXXXX", 25);
  assert_non_null(mkdtemp(p->folder));
}
static const char *at(place *p, const char *name) {
  assert_true(snprintf(p->path, sizeof p->path, "%s/%s", p->folder, name) < (int)sizeof p->path);
  return p->path;
}
static void place_close(place *p) {
  const char *const argv[] = {"rm", "-rf", p->folder, NULL};
  lq_writer out = {0};
  int status;
  assert_ok(lq_process_run(argv, 10000, &out, &status));
  assert_int_equal(status, 0);
}

/* ---- files ---- */
LQ_TEST(a_written_file_is_read_back_and_replaced_whole) {
  place p;
  place_open(&p);
  uint8_t *data;
  size_t bytes;
  assert_int_equal(lq_file_read(at(&p, "a"), 100, &data, &bytes), LQ_ERR_NOT_FOUND);
  assert_null(data);
  assert_ok(lq_file_write(at(&p, "a"), lq_span_text("first, and longer")));
  assert_ok(lq_file_write(at(&p, "a"), lq_span_text("second")));
  assert_true(lq_file_exists(p.path));
  assert_ok(lq_file_read(p.path, 6, &data, &bytes));
  assert_true(lq_span_is(lq_span_of(data, bytes), "second"));
  lq_file_free(data);
  assert_int_equal(lq_file_read(p.path, 5, &data, &bytes), LQ_ERR_TOO_BIG);
  struct stat about;
  assert_ok(stat(p.path, &about));
  assert_int_equal(about.st_mode & 0777, 0600);
  assert_ok(lq_file_write(p.path, (lq_span){0}));
  assert_ok(lq_file_read(p.path, 5, &data, &bytes));
  assert_int_equal(bytes, 0);
  lq_file_free(data);
  assert_ok(lq_file_remove(p.path));
  assert_ok(lq_file_remove(p.path));
  assert_false(lq_file_exists(p.path));
  place_close(&p);
}

LQ_TEST(a_file_without_a_size_is_read_too) {
  uint8_t *data;
  size_t bytes;
  assert_ok(lq_file_read("/proc/self/stat", 1u << 16, &data, &bytes));
  assert_true(bytes > 10);
  lq_file_free(data);
  assert_int_equal(lq_file_read("/proc/self/stat", 10, &data, &bytes), LQ_ERR_TOO_BIG);
  assert_int_equal(lq_file_read("/proc", 10, &data, &bytes), LQ_ERR_IO);
}

static size_t entries_of(const char *folder) {
  DIR *open = opendir(folder);
  assert_non_null(open);
  size_t count = 0;
  while (readdir(open)) count++;
  (void)closedir(open);
  return count - 2;
}

LQ_TEST(a_failed_write_leaves_the_old_file_and_nothing_else) {
  place p;
  place_open(&p);
  assert_ok(lq_file_write(at(&p, "kept"), lq_span_text("old")));
  /* A size limit makes the write fail half-way, as a full disk does; its signal is ignored. */
  struct rlimit before, low;
  assert_ok(getrlimit(RLIMIT_FSIZE, &before));
  low = (struct rlimit){4096, before.rlim_max};
  static uint8_t large[20000];
  void (*was)(int) = signal(SIGXFSZ, SIG_IGN);
  assert_ok(setrlimit(RLIMIT_FSIZE, &low));
  assert_int_equal(lq_file_write(p.path, lq_span_of(large, sizeof large)), LQ_ERR_IO);
  assert_ok(setrlimit(RLIMIT_FSIZE, &before));
  (void)signal(SIGXFSZ, was);
  uint8_t *data;
  size_t bytes;
  assert_ok(lq_file_read(p.path, 100, &data, &bytes));
  assert_true(lq_span_is(lq_span_of(data, bytes), "old"));
  lq_file_free(data);
  assert_int_equal(entries_of(p.folder), 1);
  assert_int_equal(lq_file_write(at(&p, "no/such/folder"), lq_span_text("x")), LQ_ERR_NOT_FOUND);
  place_close(&p);
}

/* ---- folders ---- */
typedef struct listing {
  char text[256];
  int stop_after;
} listing;
static bool list_one(void *context, const char *name, bool is_folder) {
  listing *l = context;
  size_t used = strlen(l->text);
  assert_true(snprintf(l->text + used, sizeof l->text - used, "%s%s ", name, is_folder ? "/" : "") >
              0);
  return --l->stop_after != 0;
}

LQ_TEST(a_made_file_is_empty_and_never_takes_the_place_of_another) {
  place p;
  place_open(&p);
  struct stat about;
  assert_ok(lq_file_make(at(&p, "a")));
  assert_ok(stat(p.path, &about));
  assert_int_equal(about.st_size, 0);
  assert_int_equal(about.st_mode & 0777, 0600);
  assert_ok(lq_file_write(p.path, lq_span_text("content")));
  assert_int_equal(lq_file_make(p.path), LQ_ERR_EXISTS);
  assert_ok(stat(p.path, &about));
  assert_int_equal(about.st_size, 7);
  assert_int_equal(lq_file_make(at(&p, "none/a")), LQ_ERR_NOT_FOUND);
  place_close(&p);
}

LQ_TEST(folders_are_made_deep_and_listed_in_byte_order) {
  place p;
  place_open(&p);
  assert_ok(lq_folder_make(at(&p, "x/y//z/")));
  assert_ok(lq_folder_make(at(&p, "x/y/z")));
  for (const char *const *name = (const char *const[]){"x/b", "x/B", "x/a.txt", "x/.hidden", NULL};
       *name; name++)
    assert_ok(lq_file_write(at(&p, *name), lq_span_text("1")));
  listing l = {.stop_after = 100};
  assert_ok(lq_folder_list(at(&p, "x"), list_one, &l));
  assert_string_equal(l.text, ".hidden B a.txt b y/ ");
  l = (listing){.stop_after = 2};
  assert_ok(lq_folder_list(p.path, list_one, &l));
  assert_string_equal(l.text, ".hidden B ");
  assert_int_equal(lq_folder_list(at(&p, "none"), list_one, &l), LQ_ERR_NOT_FOUND);
  assert_int_equal(lq_folder_make(at(&p, "x/b/c")), LQ_ERR_EXISTS);
  struct stat about;
  assert_ok(stat(at(&p, "x/y"), &about));
  assert_int_equal(about.st_mode & 0777, 0700);
  place_close(&p);
}

LQ_TEST(a_stamp_changes_with_every_edit_and_with_nothing_else) {
  place p;
  place_open(&p);
  uint64_t first, next;
  assert_ok(lq_folder_make(at(&p, "a")));
  assert_ok(lq_file_write(at(&p, "a/f"), lq_span_text("1")));
  assert_ok(lq_folder_stamp(p.folder, &first));
  assert_ok(lq_file_write(at(&p, ".hidden"), lq_span_text("1")));
  assert_ok(lq_folder_stamp(p.folder, &next));
  assert_true(first == next);
  assert_ok(lq_file_write(at(&p, "a/f"), lq_span_text("12")));
  assert_ok(lq_folder_stamp(p.folder, &next));
  assert_true(first != next);
  first = next;
  char moved[128];
  (void)snprintf(moved, sizeof moved, "%s/f", p.folder);
  assert_ok(rename(at(&p, "a/f"), moved));
  assert_ok(lq_folder_stamp(p.folder, &next));
  assert_true(first != next);
  assert_ok(symlink(p.folder, at(&p, "a/loop")));
  assert_ok(lq_folder_stamp(p.folder, &next)); /* a link to above does not trap it */
  assert_int_equal(lq_folder_stamp(at(&p, "none"), &next), LQ_ERR_NOT_FOUND);
  place_close(&p);
}

/* ---- the lock ---- */
static int in_child(const char *path) {
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    lq_lock *lock;
    _exit((int)lq_lock_take(path, &lock));
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

LQ_TEST(a_lock_keeps_out_this_process_and_others) {
  place p;
  place_open(&p);
  lq_lock *lock, *second;
  assert_ok(lq_lock_take(at(&p, "lock"), &lock));
  assert_int_equal(lq_lock_take(p.path, &second), LQ_ERR_LOCKED);
  assert_null(second);
  assert_int_equal(in_child(p.path), LQ_ERR_LOCKED);
  lq_lock_give(lock);
  assert_int_equal(in_child(p.path), LQ_OK); /* and its end gave it back */
  assert_ok(lq_lock_take(p.path, &lock));
  lq_lock_give(lock);
  assert_int_equal(lq_lock_take(at(&p, "no/lock"), &lock), LQ_ERR_NOT_FOUND);
  place_close(&p);
}

/* ---- crypto: published vectors ---- */
static void assert_hex(const void *data, size_t bytes, const char *wanted) {
  char text[129];
  assert_true(bytes <= 64);
  lq_hex(data, bytes, text);
  assert_string_equal(text, wanted);
}

LQ_TEST(sha256_gives_the_vectors_of_fips_180) {
  lq_sha256 digest = lq_sha256_of(lq_span_text("abc"));
  assert_hex(digest.bytes, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  digest = lq_sha256_of((lq_span){0});
  assert_hex(digest.bytes, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  static const char two[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  for (size_t cut = 0; cut < sizeof two; cut++) {
    digest = lq_sha256_of2(lq_span_of(two, cut), lq_span_of(two + cut, sizeof two - 1 - cut));
    assert_hex(digest.bytes, 32,
               "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  }
}

LQ_TEST(hmac_gives_the_vectors_of_rfc_4231) {
  uint8_t key[131];
  memset(key, 0x0b, 20);
  lq_sha256 mac = lq_hmac_sha256(lq_span_of(key, 20), lq_span_text("Hi There"));
  assert_hex(mac.bytes, 32, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  mac = lq_hmac_sha256(lq_span_text("Jefe"), lq_span_text("what do ya want for nothing?"));
  assert_hex(mac.bytes, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  memset(key, 0xaa, sizeof key);
  mac = lq_hmac_sha256(lq_span_of(key, sizeof key),
                       lq_span_text("Test Using Larger Than Block-Size Key - Hash Key First"));
  assert_hex(mac.bytes, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  mac = lq_hmac_sha256((lq_span){0}, (lq_span){0});
  assert_hex(mac.bytes, 32, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

LQ_TEST(base64url_gives_the_vectors_of_rfc_4648) {
  static const struct {
    const char *in, *out;
  } cases[] = {
      {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},         {"foob", "Zm9vYg"},
      {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xbf", "-_-_"}};
  char text[16];
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    size_t bytes = strlen(cases[i].in), length = strlen(cases[i].out);
    assert_int_equal(lq_base64url((const uint8_t *)cases[i].in, bytes, text, sizeof text), length);
    assert_string_equal(text, cases[i].out);
    assert_int_equal(lq_base64url((const uint8_t *)cases[i].in, bytes, text, length), 0);
  }
}

LQ_TEST(websocket_accept_gives_the_value_of_rfc_6455) {
  char accept[29];
  lq_websocket_accept(lq_span_text("dGhlIHNhbXBsZSBub25jZQ=="), accept);
  assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

LQ_TEST(random_bytes_differ_and_comparison_is_right) {
  uint8_t a[300] = {0}, b[300] = {0};
  assert_ok(lq_random_bytes(a, sizeof a));
  assert_ok(lq_random_bytes(b, sizeof b));
  assert_false(lq_equal_constant_time(a, b, sizeof a));
  memcpy(b, a, sizeof a);
  assert_true(lq_equal_constant_time(a, b, sizeof a));
  b[299] ^= 1;
  assert_false(lq_equal_constant_time(a, b, sizeof a));
}

/* ---- processes ---- */
static lq_err shell(const char *command, uint32_t timeout_ms, char *text, size_t capacity,
                    int *status) {
  const char *const argv[] = {"sh", "-c", command, NULL};
  lq_writer out = lq_writer_of(text, capacity - 1);
  lq_err err = lq_process_run(argv, timeout_ms, &out, status);
  text[out.bytes] = 0;
  return err;
}

LQ_TEST(a_process_gives_its_output_and_status) {
  char text[64];
  int status;
  assert_ok(shell("echo out; echo err >&2; cat; exit 3", 10000, text, sizeof text, &status));
  assert_string_equal(text, "out\nerr\n");
  assert_int_equal(status, 3);
  assert_ok(shell("kill -TERM $$", 10000, text, sizeof text, &status));
  assert_int_equal(status, 128 + SIGTERM);
  const char *const none[] = {"lq-no-such-program", NULL};
  lq_writer out = {0};
  assert_int_equal(lq_process_run(none, 1000, &out, &status), LQ_ERR_NOT_FOUND);
}

LQ_TEST(more_output_than_fits_is_dropped_and_does_not_block) {
  char text[11];
  int status;
  assert_ok(shell("i=0; while [ $i -lt 20000 ]; do echo 0123456789; i=$((i+1)); done; exit 7",
                  60000, text, sizeof text, &status));
  assert_string_equal(text, "0123456789");
  assert_int_equal(status, 7);
}

LQ_TEST(a_process_over_its_time_is_killed_with_its_children) {
  char text[64];
  int status;
  uint64_t before = lq_clock_mono_ns();
  assert_int_equal(shell("sleep 100 & echo $!; wait", 300, text, sizeof text, &status),
                   LQ_ERR_IDLE);
  assert_true(lq_clock_mono_ns() - before < 50000000000u);
  assert_int_equal(status, 128 + SIGKILL);
  /* The grandchild is dead: gone, or a zombie until init takes it. */
  char path[64];
  uint8_t *data = NULL;
  size_t bytes = 0;
  (void)snprintf(path, sizeof path, "/proc/%d/stat", atoi(text));
  for (int i = 0; i < 100000; i++) {
    lq_file_free(data);
    if (lq_file_read(path, 4096, &data, &bytes)) break;
    if (memmem(data, bytes, ") Z", 3)) break;
    assert_true(i < 99999);
  }
  lq_file_free(data);
}

LQ_TEST(what_a_process_leaves_behind_does_not_hold_the_caller) {
  char text[64];
  int status;
  uint64_t before = lq_clock_mono_ns();
  assert_ok(shell("sleep 100 & echo done", 90000, text, sizeof text, &status));
  assert_true(lq_clock_mono_ns() - before < 50000000000u);
  assert_string_equal(text, "done\n");
}

/* ---- the rest ---- */
LQ_TEST(a_module_that_is_none_is_refused_with_words) {
  lq_library *library;
  lq_diag diag = {0};
  assert_int_equal(lq_library_open("/etc/passwd", &library, &diag), LQ_ERR_BUILD);
  assert_null(library);
  assert_non_null(strstr(diag.message, "/etc/passwd"));
  assert_ok(lq_library_open("libcrypto.so.3", &library, &diag));
  assert_non_null(lq_library_symbol(library, "RAND_bytes"));
  assert_null(lq_library_symbol(library, "lq_no_such_symbol"));
  lq_library_close(library);
}

typedef struct counting {
  lq_mutex *mutex;
  lq_cond *cond;
  uint64_t count, done;
} counting;
static void count_up(void *context) {
  counting *c = context;
  for (int i = 0; i < 20000; i++) {
    lq_mutex_lock(c->mutex);
    c->count++;
    lq_mutex_unlock(c->mutex);
  }
  lq_mutex_lock(c->mutex);
  c->done++;
  lq_cond_signal(c->cond);
  lq_mutex_unlock(c->mutex);
}

LQ_TEST(threads_share_through_a_mutex_and_wake_through_a_condition) {
  counting c = {.mutex = lq_mutex_open(), .cond = lq_cond_open()};
  lq_thread *threads[4];
  for (int i = 0; i < 4; i++)
    assert_ok(lq_thread_start("a name longer than the kernel keeps", count_up, &c, &threads[i]));
  lq_mutex_lock(c.mutex);
  while (c.done < 4) lq_cond_wait(c.cond, c.mutex);
  lq_mutex_unlock(c.mutex);
  for (int i = 0; i < 4; i++) lq_thread_join(threads[i]);
  assert_int_equal(c.count, 80000);
  lq_cond_close(c.cond);
  lq_mutex_close(c.mutex);
}

LQ_TEST(pages_are_zero_aligned_and_lazy) {
  size_t bytes = (size_t)1 << 36; /* more than the machine has: only what is touched is taken */
  uint8_t *pages = lq_pages_take(bytes);
  assert_non_null(pages);
  assert_int_equal((uintptr_t)pages % 4096, 0);
  assert_int_equal(pages[0] | pages[bytes - 1], 0);
  pages[bytes - 1] = 1;
  lq_pages_give(pages, bytes);
  assert_null(lq_pages_take(0));
  assert_null(lq_pages_take(SIZE_MAX / 2));
}

LQ_TEST(clocks_run_forward) {
  uint64_t mono = lq_clock_mono_ns(), cpu = lq_clock_thread_cpu_ns();
  for (volatile int i = 0; i < 100000; i++) {
  }
  assert_true(lq_clock_mono_ns() > mono && lq_clock_thread_cpu_ns() > cpu);
  assert_true(lq_clock_wall_ms() > 1700000000000u);
  assert_non_null(lq_env("PATH"));
  assert_null(lq_env("LQ_NO_SUCH_VARIABLE"));
}
