/* The loop without sockets: posts, turns, timers, signals. */
#include "lq_host/host.h"
#include "lq_host/loop.h"
#include "tests/lq_test.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- posts ---- */
enum { POSTERS = 4, POSTS = 10000 };
typedef struct poster {
  lq_loop *loop;
  size_t sent, next;
  size_t *total;
  struct post {
    struct poster *from;
    size_t number;
  } posts[POSTS];
} poster;
static void take_post(void *context) {
  struct post *p = context;
  assert_int_equal(p->number, p->from->next);
  p->from->next++;
  if (++*p->from->total == (size_t)POSTERS * POSTS) lq_loop_stop(p->from->loop);
}
static void post_all(void *context) {
  poster *p = context;
  for (size_t i = 0; i < POSTS; i++) {
    p->posts[i] = (struct post){p, i};
    if (lq_loop_post(p->loop, take_post, &p->posts[i])) return;
  }
}

LQ_TEST(posts_of_four_threads_keep_their_order) {
  lq_loop *loop;
  assert_ok(lq_loop_open(&loop));
  poster *posters = calloc(POSTERS, sizeof *posters);
  lq_thread *threads[POSTERS];
  size_t total = 0;
  for (size_t i = 0; i < POSTERS; i++) {
    posters[i].loop = loop;
    posters[i].total = &total;
    assert_ok(lq_thread_start("poster", post_all, &posters[i], &threads[i]));
  }
  lq_loop_run(loop);
  for (size_t i = 0; i < POSTERS; i++) lq_thread_join(threads[i]);
  for (size_t i = 0; i < POSTERS; i++) assert_int_equal(posters[i].next, POSTS);
  lq_loop_close(loop);
  free(posters);
}

typedef struct chain {
  lq_loop *loop;
  size_t left, turns;
} chain;
static void post_again(void *context) {
  chain *c = context;
  if (c->left-- == 0)
    lq_loop_stop(c->loop);
  else
    assert_ok(lq_loop_post(c->loop, post_again, c));
}
static void chain_turn(void *context) { ((chain *)context)->turns++; }

LQ_TEST(each_turn_ends_once_and_posts_left_over_run_at_close) {
  chain c = {.left = 10};
  assert_ok(lq_loop_open(&c.loop));
  lq_loop_on_turn(c.loop, chain_turn, &c);
  assert_ok(lq_loop_post(c.loop, post_again, &c));
  lq_loop_run(c.loop);
  assert_true(c.turns >= 11 && c.turns <= 12);
  c.left = 3;
  assert_ok(lq_loop_post(c.loop, post_again, &c));
  lq_loop_close(c.loop);
  assert_int_equal(c.left, SIZE_MAX); /* it ran, and its own posts too */
}

/* ---- timers and signals ---- */
typedef struct clockwork {
  lq_loop *loop;
  lq_timer *timer;
  uint64_t opened_ns, fires, calls, after_block;
} clockwork;
enum { PERIOD_US = 2000, BLOCK_PERIODS = 20 };

static void tick(void *context, uint64_t fires) {
  clockwork *c = context;
  c->fires += fires;
  c->calls++;
  uint64_t now = lq_clock_mono_ns();
  /* As many as there were periods, never more. */
  assert_true(c->fires * PERIOD_US * 1000u <= now - c->opened_ns);
  if (c->calls == 1) {
    while (lq_clock_mono_ns() - now < (uint64_t)PERIOD_US * BLOCK_PERIODS * 1000u) {
    }
  } else if (c->calls == 2) {
    c->after_block = fires;
  } else if (c->fires >= 60) {
    lq_timer_close(c->timer); /* inside its own call */
    lq_loop_stop(c->loop);
  }
}

LQ_TEST(a_timer_counts_every_period_also_the_late_ones) {
  clockwork c = {.opened_ns = lq_clock_mono_ns()};
  assert_ok(lq_loop_open(&c.loop));
  assert_int_equal(lq_timer_open(c.loop, 999, tick, &c, &c.timer), LQ_ERR_RANGE);
  assert_ok(lq_timer_open(c.loop, PERIOD_US, tick, &c, &c.timer));
  lq_loop_run(c.loop);
  lq_loop_close(c.loop);
  assert_true(c.after_block >= BLOCK_PERIODS - 1);
  assert_true(c.calls <= c.fires - (BLOCK_PERIODS - 2));
}

typedef struct signalled {
  lq_loop *loop;
  int number;
} signalled;
static void on_stop(void *context, int number) {
  signalled *s = context;
  s->number = number;
  lq_loop_stop(s->loop);
}

LQ_TEST(sigterm_and_sigint_reach_the_loop) {
  signalled s = {0};
  assert_ok(lq_loop_open(&s.loop));
  assert_ok(lq_loop_on_stop_signal(s.loop, on_stop, &s));
  assert_ok(kill(getpid(), SIGTERM));
  lq_loop_run(s.loop);
  assert_int_equal(s.number, SIGTERM);
  assert_ok(kill(getpid(), SIGINT));
  lq_loop_run(s.loop);
  assert_int_equal(s.number, SIGINT);
  lq_loop_close(s.loop);
}

LQ_TEST(stop_before_run_returns_at_once) {
  lq_loop *loop;
  assert_ok(lq_loop_open(&loop));
  lq_loop_stop(loop);
  lq_loop_run(loop);
  lq_loop_close(loop);
}
