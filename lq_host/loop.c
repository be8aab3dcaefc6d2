/* The loop itself: turns, posts, signals and timers. Sockets are in net.c. */
#include "lq_host/loop_int.h"
#include "lq_host/process_int.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

lq_err lqi_err_of_uv(int error) {
  switch (error) {
  case 0:
    return LQ_OK;
  case UV_ENOMEM:
  case UV_ENOBUFS:
    return LQ_ERR_MEMORY;
  case UV_EADDRINUSE:
    return LQ_ERR_PORT_IN_USE;
  case UV_EACCES:
  case UV_EPERM:
    return LQ_ERR_FORBIDDEN;
  case UV_EMFILE:
  case UV_ENFILE:
    return LQ_ERR_BUSY;
  default:
    return LQ_ERR_NET;
  }
}

/* ---- turns ---- */
static void on_again(uv_idle_t *handle) { (void)handle; }

/* Runs before the loop waits and after it was woken: the first finds work only when a closing
 * callback or somebody outside the loop queued it. */
static void turn_end(lq_loop *loop) {
  if (loop->busy) {
    loop->busy = false;
    if (loop->on_turn) loop->on_turn(loop->turn_context);
  }
  lqi_flush(loop);
  if (loop->busy || loop->flush_first)
    (void)uv_idle_start(&loop->again, on_again);
  else
    (void)uv_idle_stop(&loop->again);
}

/* With thousands of small messages a second, waking for each of them costs more than the message
 * itself. A post (a commit is done) ends the wait. */
static void gather(lq_loop *loop) {
  if (!loop->gather_ns) return;
  uint64_t now = uv_hrtime();
  if (now - loop->window_ns >= LQI_GATHER_WINDOW_NS) {
    uint64_t windows = (now - loop->window_ns) / LQI_GATHER_WINDOW_NS;
    loop->gathering = loop->reads / windows >= LQI_GATHER_READS;
    loop->window_ns = now;
    loop->reads = 0;
  }
  uint64_t until = loop->woken_ns + loop->gather_ns;
  if (!loop->gathering || now >= until || uv_is_active((uv_handle_t *)&loop->again)) return;
  struct timespec end = {.tv_sec = (time_t)(until / 1000000000u),
                         .tv_nsec = (long)(until % 1000000000u)};
  LQ_CHECK(pthread_mutex_lock(&loop->mutex) == 0);
  while (loop->posts.count == 0 && !atomic_load(&loop->stop) &&
         pthread_cond_timedwait(&loop->posted, &loop->mutex, &end) == 0) {
  }
  LQ_CHECK(pthread_mutex_unlock(&loop->mutex) == 0);
}

static void on_before(uv_prepare_t *handle) {
  turn_end(handle->data);
  gather(handle->data);
}
static void on_after(uv_check_t *handle) {
  lq_loop *loop = handle->data;
  loop->woken_ns = uv_hrtime();
  turn_end(loop);
}
static void on_sweep(uv_timer_t *handle) {
  if (!lqi_sweep(handle->data)) (void)uv_timer_stop(handle);
}

void lqi_sweep_start(lq_loop *loop) {
  if (uv_is_active((uv_handle_t *)&loop->sweep) || uv_is_closing((uv_handle_t *)&loop->sweep))
    return;
  (void)uv_timer_start(&loop->sweep, on_sweep, LQI_SWEEP_MS, LQI_SWEEP_MS);
}

/* ---- posts ---- */
static bool posts_add(lqi_posts *posts, lqi_post post) {
  if (posts->count == posts->capacity) {
    size_t capacity = posts->capacity ? posts->capacity * 2 : 64;
    lqi_post *items = realloc(posts->items, capacity * sizeof *items);
    if (!items) return false;
    posts->items = items;
    posts->capacity = capacity;
  }
  posts->items[posts->count++] = post;
  return true;
}

lq_err lq_loop_post(lq_loop *loop, void (*fn)(void *context), void *context) {
  LQ_CHECK(pthread_mutex_lock(&loop->mutex) == 0);
  bool first = loop->posts.count == 0;
  bool added = posts_add(&loop->posts, (lqi_post){fn, context});
  LQ_CHECK(pthread_mutex_unlock(&loop->mutex) == 0);
  if (!added) return LQ_ERR_MEMORY;
  if (first && !loop->closed) {
    (void)uv_async_send(&loop->wake);
    (void)pthread_cond_signal(&loop->posted);
  }
  return LQ_OK;
}

/* Two lists change places, so that posting goes on while posts run. */
static bool posts_run(lq_loop *loop) {
  LQ_CHECK(pthread_mutex_lock(&loop->mutex) == 0);
  lqi_posts taken = loop->posts;
  loop->posts = loop->taken;
  loop->posts.count = 0;
  LQ_CHECK(pthread_mutex_unlock(&loop->mutex) == 0);
  loop->taken = taken;
  for (size_t i = 0; i < taken.count; i++) taken.items[i].fn(taken.items[i].context);
  return taken.count != 0;
}

static void on_wake(uv_async_t *handle) {
  lq_loop *loop = handle->data;
  if (posts_run(loop)) loop->busy = true;
  if (atomic_load(&loop->stop)) uv_stop(&loop->uv);
}

/* ---- life ---- */
static int start_handles(lq_loop *loop) {
  int error = uv_async_init(&loop->uv, &loop->wake, on_wake);
  if (error) return error;
  /* None of these can fail: they only link a handle into the loop. */
  (void)uv_prepare_init(&loop->uv, &loop->before);
  (void)uv_check_init(&loop->uv, &loop->after);
  (void)uv_idle_init(&loop->uv, &loop->again);
  (void)uv_timer_init(&loop->uv, &loop->sweep);
  loop->wake.data = loop->before.data = loop->after.data = loop->sweep.data = loop;
  (void)uv_prepare_start(&loop->before, on_before);
  (void)uv_check_start(&loop->after, on_after);
  return 0;
}

lq_err lq_loop_open(lq_loop **out) {
  *out = NULL;
  lq_loop *loop = calloc(1, sizeof *loop);
  if (!loop) return LQ_ERR_MEMORY;
  lqi_thread_prompt(); /* who opens it runs it */
  /* A peer that went away is an error of the write, not the end of the process. */
  (void)signal(SIGPIPE, SIG_IGN);
  int error = uv_loop_init(&loop->uv);
  if (error) {
    free(loop);
    return lqi_err_of_uv(error);
  }
  loop->uv.data = loop;
  atomic_init(&loop->stop, false);
  LQ_CHECK(pthread_mutex_init(&loop->mutex, NULL) == 0);
  pthread_condattr_t monotonic;
  LQ_CHECK(pthread_condattr_init(&monotonic) == 0);
  LQ_CHECK(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
  LQ_CHECK(pthread_cond_init(&loop->posted, &monotonic) == 0);
  LQ_CHECK(pthread_condattr_destroy(&monotonic) == 0);
  error = start_handles(loop);
  if (error) {
    LQ_CHECK(uv_loop_close(&loop->uv) == 0);
    LQ_CHECK(pthread_mutex_destroy(&loop->mutex) == 0);
    LQ_CHECK(pthread_cond_destroy(&loop->posted) == 0);
    free(loop);
    return lqi_err_of_uv(error);
  }
  *out = loop;
  return LQ_OK;
}

void lq_loop_run(lq_loop *loop) {
  if (!atomic_load(&loop->stop)) (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
  atomic_store(&loop->stop, false);
}

void lq_loop_stop(lq_loop *loop) {
  atomic_store(&loop->stop, true);
  (void)uv_async_send(&loop->wake); /* a gathering loop sees it a moment later */
}

/* While `keep` is set, what the farewells need stays: their sockets, the clock that ends them, and
 * the way of the posts. */
static void close_one(uv_handle_t *handle, void *keep) {
  lq_loop *loop = handle->loop->data;
  if (uv_is_closing(handle)) return;
  if (keep && (handle == (uv_handle_t *)&loop->wake || handle == (uv_handle_t *)&loop->sweep ||
               (handle->type == UV_TCP && lqi_net_lingers(handle))))
    return;
  if (handle->type == UV_TCP)
    lqi_net_close(handle);
  else if (handle->type == UV_POLL)
    ((lqi_poll *)handle->data)->close(handle);
  else
    uv_close(handle, NULL);
}

void lq_loop_close(lq_loop *loop) {
  if (!loop) return;
  while (posts_run(loop)) {
  }
  lqi_flush(loop); /* farewells queued by whoever stopped the loop */
  uv_walk(&loop->uv, close_one, loop);
  while (loop->closing) { /* each has its time: LQ_CONN_CLOSE_MS */
    (void)uv_run(&loop->uv, UV_RUN_ONCE);
    lqi_flush(loop);
  }
  uv_walk(&loop->uv, close_one, NULL);
  (void)uv_run(&loop->uv, UV_RUN_DEFAULT); /* the closing callbacks */
  LQ_CHECK(uv_loop_close(&loop->uv) == 0);
  loop->closed = true;
  /* What a closing callback posted: its context may own memory. */
  while (posts_run(loop)) {
  }
  lqi_pools_free(loop);
  LQ_CHECK(pthread_mutex_destroy(&loop->mutex) == 0);
  LQ_CHECK(pthread_cond_destroy(&loop->posted) == 0);
  free(loop->posts.items);
  free(loop->taken.items);
  free(loop);
}

void lq_loop_on_turn(lq_loop *loop, void (*fn)(void *context), void *context) {
  loop->on_turn = fn;
  loop->turn_context = context;
}

void lq_loop_gather(lq_loop *loop, uint32_t us_max) { loop->gather_ns = us_max * UINT64_C(1000); }

uint64_t lq_loop_now_ms(const lq_loop *loop) { return uv_now(&loop->uv); }

static void on_signal(uv_signal_t *handle, int number) {
  lq_loop *loop = handle->data;
  loop->busy = true;
  loop->on_signal(loop->signal_context, number);
}

lq_err lq_loop_on_stop_signal(lq_loop *loop, void (*fn)(void *context, int signal), void *context) {
  static const int numbers[2] = {SIGINT, SIGTERM};
  bool first = !loop->on_signal;
  loop->on_signal = fn;
  loop->signal_context = context;
  for (int i = 0; first && i < 2; i++) {
    loop->signals[i].data = loop;
    int error = uv_signal_init(&loop->uv, &loop->signals[i]);
    if (!error) error = uv_signal_start(&loop->signals[i], on_signal, numbers[i]);
    if (error) return lqi_err_of_uv(error);
  }
  return LQ_OK;
}

/* ---- timers ----
 * A timerfd counts periods in the kernel: libuv's own timers restart from the time of the callback
 * and lose a part of every period (47 Hz where 60 were asked for). */
struct lq_timer {
  lqi_poll poll; /* first: the handle's data is both */
  lq_loop *loop;
  int fd;
  void (*fn)(void *context, uint64_t fires);
  void *context;
};

static void on_timer(uv_poll_t *poll, int status, int events) {
  lq_timer *timer = poll->data;
  (void)status;
  (void)events;
  uint64_t fires = 0;
  ssize_t got = read(timer->fd, &fires, sizeof fires);
  if (got != (ssize_t)sizeof fires || fires == 0) return;
  timer->loop->busy = true;
  timer->fn(timer->context, fires);
}

static lq_err timer_start(lq_timer *timer, uint64_t period_us) {
  struct timespec period = {.tv_sec = (time_t)(period_us / 1000000u),
                            .tv_nsec = (long)(period_us % 1000000u) * 1000};
  struct itimerspec when = {.it_interval = period, .it_value = period};
  if (timerfd_settime(timer->fd, 0, &when, NULL)) return LQ_ERR_RANGE;
  return LQ_OK;
}

static void timer_free(uv_handle_t *handle) { free(handle->data); }

static void timer_close(uv_handle_t *handle) {
  lq_timer *timer = handle->data;
  uv_close(handle, timer_free);
  (void)close(timer->fd);
}

lq_err lq_timer_open(lq_loop *loop, uint64_t period_us, void (*fn)(void *context, uint64_t fires),
                     void *context, lq_timer **out) {
  *out = NULL;
  if (period_us < 1000) return LQ_ERR_RANGE;
  lq_timer *timer = calloc(1, sizeof *timer);
  if (!timer) return LQ_ERR_MEMORY;
  timer->loop = loop;
  timer->fn = fn;
  timer->context = context;
  timer->poll.uv.data = timer;
  timer->poll.close = timer_close;
  timer->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  lq_err err = timer->fd < 0 ? (errno == EMFILE || errno == ENFILE ? LQ_ERR_BUSY : LQ_ERR_MEMORY)
                             : timer_start(timer, period_us);
  if (!err) err = lqi_err_of_uv(uv_poll_init(&loop->uv, &timer->poll.uv, timer->fd));
  if (err) {
    if (timer->fd >= 0) (void)close(timer->fd);
    free(timer);
    return err;
  }
  err = lqi_err_of_uv(uv_poll_start(&timer->poll.uv, UV_READABLE, on_timer));
  if (err) {
    lq_timer_close(timer);
    return err;
  }
  *out = timer;
  return LQ_OK;
}

void lq_timer_close(lq_timer *timer) {
  if (timer) timer_close((uv_handle_t *)&timer->poll.uv);
}
