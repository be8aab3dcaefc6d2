/* Lua's patterns, with a budget: Lua's own matcher works in C, where no instruction is counted, and
 * ('x'):rep(1e5):find(('.-'):rep(50)..'y') would run for hours. Here every comparison of a
 * character is a step. Semantics are those of Lua 5.4 (lua_match_test.c compares them). */
#include "apps/lq-jail/lua/lua_int.h"

enum { CAPTURES_MAX = 32, DEPTH_MAX = 200, OPEN = -1, POSITION = -2 };
#define ESC '%'
#define SPECIALS "^$*+?.([%-"

typedef struct capture {
  const char *at;
  ptrdiff_t bytes; /* or OPEN, POSITION */
} capture;

typedef struct matcher {
  lua_State *L;
  lq_lua *lua;
  const char *from, *to; /* the subject */
  const char *pattern_end;
  int depth;
  int count; /* captures, closed or open */
  capture capture[CAPTURES_MAX];
} matcher;

static const char *match(matcher *m, const char *s, const char *p);

static void step(matcher *m) { lqi_lua_charge(m->lua, m->L, 1); }

/* ---- classes; ASCII, whatever the locale ---- */

static bool lower(int c) { return c >= 'a' && c <= 'z'; }
static bool upper(int c) { return c >= 'A' && c <= 'Z'; }
static bool digit(int c) { return c >= '0' && c <= '9'; }
static bool letter(int c) { return lower(c) || upper(c); }
static bool graph(int c) { return c > 32 && c < 127; }

static bool in_class(int c, int class) {
  bool is;
  switch (upper(class) ? class + 32 : class) {
  case 'a':
    is = letter(c);
    break;
  case 'c':
    is = c < 32 || c == 127;
    break;
  case 'd':
    is = digit(c);
    break;
  case 'g':
    is = graph(c);
    break;
  case 'l':
    is = lower(c);
    break;
  case 'p':
    is = graph(c) && !letter(c) && !digit(c);
    break;
  case 's':
    is = c == ' ' || (c >= 9 && c <= 13);
    break;
  case 'u':
    is = upper(c);
    break;
  case 'w':
    is = letter(c) || digit(c);
    break;
  case 'x':
    is = digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    break;
  case 'z': /* old, and still there */
    is = c == 0;
    break;
  default:
    return class == c;
  }
  return upper(class) ? !is : is;
}

/* Behind the single-character class that begins at p. */
static const char *class_end(matcher *m, const char *p) {
  char first = *p++;
  if (first == ESC) {
    if (p == m->pattern_end) luaL_error(m->L, "malformed pattern (ends with '%%')");
    return p + 1;
  }
  if (first != '[') return p;
  if (*p == '^') p++;
  do { /* a ] that stands first is a character */
    if (p == m->pattern_end) luaL_error(m->L, "malformed pattern (missing ']')");
    step(m);
    if (*p++ == ESC && p < m->pattern_end) p++;
  } while (*p != ']');
  return p + 1;
}

/* c in the set that begins at p ('[') and ends at `end` (its ']'). */
static bool in_set(matcher *m, int c, const char *p, const char *end) {
  bool wanted = true;
  if (p[1] == '^') {
    wanted = false;
    p++;
  }
  while (++p < end) {
    step(m);
    if (*p == ESC) {
      p++;
      if (in_class(c, (unsigned char)*p)) return wanted;
    } else if (p[1] == '-' && p + 2 < end) {
      p += 2;
      if ((unsigned char)p[-2] <= c && c <= (unsigned char)*p) return wanted;
    } else if ((unsigned char)*p == c) {
      return wanted;
    }
  }
  return !wanted;
}

/* The character at s is one of the class p..end. */
static bool single(matcher *m, const char *s, const char *p, const char *end) {
  step(m);
  if (s >= m->to) return false;
  int c = (unsigned char)*s;
  switch (*p) {
  case '.':
    return true;
  case ESC:
    return in_class(c, (unsigned char)p[1]);
  case '[':
    return in_set(m, c, p, end - 1);
  default:
    return (unsigned char)*p == c;
  }
}

/* ---- items ---- */

static const char *balanced(matcher *m, const char *s, const char *p) {
  if (p >= m->pattern_end - 1) luaL_error(m->L, "malformed pattern (missing arguments to '%%b')");
  if (s >= m->to || *s != *p) return NULL;
  int open = 1;
  while (++s < m->to) {
    step(m);
    if (*s == p[1]) {
      if (--open == 0) return s + 1;
    } else if (*s == p[0]) {
      open++;
    }
  }
  return NULL;
}

static const char *greedy(matcher *m, const char *s, const char *p, const char *end) {
  ptrdiff_t times = 0;
  while (single(m, s + times, p, end)) times++;
  for (; times >= 0; times--) {
    const char *to = match(m, s + times, end + 1);
    if (to) return to;
  }
  return NULL;
}

static const char *lazy(matcher *m, const char *s, const char *p, const char *end) {
  for (;; s++) {
    const char *to = match(m, s, end + 1);
    if (to) return to;
    if (!single(m, s, p, end)) return NULL;
  }
}

static const char *open_capture(matcher *m, const char *s, const char *p, ptrdiff_t what) {
  if (m->count >= CAPTURES_MAX) luaL_error(m->L, "too many captures");
  m->capture[m->count++] = (capture){s, what};
  const char *to = match(m, s, p);
  if (!to) m->count--;
  return to;
}

static const char *close_capture(matcher *m, const char *s, const char *p) {
  int at = m->count - 1;
  while (at >= 0 && m->capture[at].bytes != OPEN) at--;
  if (at < 0) luaL_error(m->L, "invalid pattern capture");
  m->capture[at].bytes = s - m->capture[at].at;
  const char *to = match(m, s, p);
  if (!to) m->capture[at].bytes = OPEN;
  return to;
}

static const char *again(matcher *m, const char *s, int which) {
  int at = which - '1';
  if (at < 0 || at >= m->count || m->capture[at].bytes == OPEN)
    luaL_error(m->L, "invalid capture index %%%d", at + 1);
  ptrdiff_t bytes = m->capture[at].bytes;
  if (bytes < 0 || m->to - s < bytes) return NULL;
  lqi_lua_charge(m->lua, m->L, (uint64_t)bytes / 16 + 1);
  return memcmp(m->capture[at].at, s, (size_t)bytes) == 0 ? s + bytes : NULL;
}

/* %f[set]: p is behind %f. Behind the set, or NULL. */
static const char *frontier(matcher *m, const char *s, const char *p) {
  if (*p != '[') luaL_error(m->L, "missing '[' after '%%f' in pattern");
  const char *end = class_end(m, p);
  int before = s == m->from ? 0 : (unsigned char)s[-1];
  int here = s < m->to ? (unsigned char)*s : 0;
  bool at = !in_set(m, before, p, end - 1) && in_set(m, here, p, end - 1);
  return at ? end : NULL;
}

/* One item at p that is a class with perhaps a suffix. True: go on at *s, *p; false: *s is the
 * answer. */
static bool item(matcher *m, const char **s, const char **p) {
  const char *end = class_end(m, *p);
  char suffix = end < m->pattern_end ? *end : 0;
  if (suffix == '*' || suffix == '-' || suffix == '+') {
    if (suffix == '-')
      *s = lazy(m, *s, *p, end);
    else if (suffix == '*')
      *s = greedy(m, *s, *p, end);
    else
      *s = single(m, *s, *p, end) ? greedy(m, *s + 1, *p, end) : NULL;
    return false;
  }
  bool fits = single(m, *s, *p, end);
  if (suffix == '?') {
    const char *to = fits ? match(m, *s + 1, end + 1) : NULL;
    if (to) {
      *s = to;
      return false;
    }
    *p = end + 1;
    return true;
  }
  *p = end;
  if (fits)
    ++*s;
  else
    *s = NULL;
  return fits;
}

/* Items that begin with a character of their own. 1: go on, 0: *s is the answer, -1: none of them.
 */
static int special(matcher *m, const char **s, const char **p) {
  const char *at = *p;
  if (*at == '(') {
    bool position = at[1] == ')';
    *s = open_capture(m, *s, position ? at + 2 : at + 1, position ? POSITION : OPEN);
    return 0;
  }
  if (*at == ')') {
    *s = close_capture(m, *s, at + 1);
    return 0;
  }
  if (*at == '$' && at + 1 == m->pattern_end) {
    if (*s != m->to) *s = NULL;
    return 0;
  }
  if (*at != ESC || at + 1 == m->pattern_end) return -1;
  if (at[1] == 'b') {
    *s = balanced(m, *s, at + 2);
    *p = at + 4;
    return *s != NULL;
  }
  if (at[1] == 'f') {
    *p = frontier(m, *s, at + 2);
    if (!*p) *s = NULL;
    return *s != NULL;
  }
  if (!digit(at[1])) return -1;
  *s = again(m, *s, (unsigned char)at[1]);
  *p = at + 2;
  return *s != NULL;
}

/* Where the match of p at s ends; NULL: none. */
static const char *match(matcher *m, const char *s, const char *p) {
  if (m->depth-- == 0) luaL_error(m->L, "pattern too complex");
  while (p != m->pattern_end) {
    step(m);
    int way = special(m, &s, &p);
    if (way < 0) way = item(m, &s, &p);
    if (way == 0) break;
  }
  m->depth++;
  return s;
}

/* ---- captures as values ---- */

/* Capture `at`; without any, 0 is the whole match s..e. */
static void capture_push(matcher *m, int at, const char *s, const char *e) {
  if (at >= m->count) {
    if (at != 0) luaL_error(m->L, "invalid capture index %%%d", at + 1);
    lua_pushlstring(m->L, s, (size_t)(e - s));
    return;
  }
  capture c = m->capture[at];
  if (c.bytes == OPEN) luaL_error(m->L, "unfinished capture");
  if (c.bytes == POSITION)
    lua_pushinteger(m->L, c.at - m->from + 1);
  else
    lua_pushlstring(m->L, c.at, (size_t)c.bytes);
}

/* s NULL: without captures, nothing. */
static int captures_push(matcher *m, const char *s, const char *e) {
  int count = m->count == 0 && s ? 1 : m->count;
  luaL_checkstack(m->L, count, "too many captures");
  for (int i = 0; i < count; i++) capture_push(m, i, s, e);
  return count;
}

static matcher matcher_of(lua_State *L, const char *s, size_t s_bytes, const char *p,
                          size_t p_bytes) {
  return (matcher){
      .L = L, .lua = lqi_lua_of(L), .from = s, .to = s + s_bytes, .pattern_end = p + p_bytes};
}

static const char *match_at(matcher *m, const char *s, const char *p) {
  m->count = 0;
  m->depth = DEPTH_MAX;
  return match(m, s, p);
}

/* ---- string.find, match ---- */

static size_t init_of(lua_State *L, int index, size_t bytes) {
  lua_Integer at = luaL_optinteger(L, index, 1);
  if (at > 0) return (size_t)at - 1;
  if (at == 0 || at < -(lua_Integer)bytes) return 0;
  return bytes + (size_t)at;
}

static bool plain(const char *p, size_t bytes) {
  for (size_t i = 0; i < bytes; i++)
    if (p[i] && strchr(SPECIALS, p[i])) return false;
  return true;
}

static const char *plain_find(lua_State *L, lq_span in, lq_span what) {
  if (what.bytes == 0) return (const char *)in.data;
  for (size_t at = 0; at + what.bytes <= in.bytes; at++) {
    const uint8_t *first = memchr(in.data + at, what.data[0], in.bytes - what.bytes - at + 1);
    size_t next = first ? (size_t)(first - in.data) : in.bytes;
    lqi_lua_charge(lqi_lua_of(L), L, (next - at) / 16 + what.bytes / 8 + 1);
    if (!first) return NULL;
    if (memcmp(first, what.data, what.bytes) == 0) return (const char *)first;
    at = next;
  }
  return NULL;
}

static int search(lua_State *L, bool find) {
  size_t s_bytes, p_bytes;
  const char *s = luaL_checklstring(L, 1, &s_bytes), *p = luaL_checklstring(L, 2, &p_bytes);
  size_t init = init_of(L, 3, s_bytes);
  if (init > s_bytes) {
    luaL_pushfail(L);
    return 1;
  }
  lqi_lua_charge(lqi_lua_of(L), L, p_bytes / 8);
  if (find && (lua_toboolean(L, 4) || plain(p, p_bytes))) {
    const char *at = plain_find(L, lq_span_of(s + init, s_bytes - init), lq_span_of(p, p_bytes));
    if (!at) {
      luaL_pushfail(L);
      return 1;
    }
    lua_pushinteger(L, at - s + 1);
    lua_pushinteger(L, at - s + (lua_Integer)p_bytes);
    return 2;
  }
  bool anchored = p_bytes && *p == '^';
  matcher m = matcher_of(L, s, s_bytes, p, p_bytes);
  for (const char *at = s + init; at <= m.to; at++) {
    const char *end = match_at(&m, at, p + anchored);
    if (end && !find) return captures_push(&m, at, end);
    if (end) {
      lua_pushinteger(L, at - s + 1);
      lua_pushinteger(L, end - s);
      return captures_push(&m, NULL, NULL) + 2;
    }
    if (anchored) break;
  }
  luaL_pushfail(L);
  return 1;
}

static int text_find(lua_State *L) { return search(L, true); }
static int text_match(lua_State *L) { return search(L, false); }

/* ---- string.gmatch ---- */

/* Upvalues: subject, pattern, offset of the next try, offset behind the last match (-1: none). */
static int gmatch_next(lua_State *L) {
  size_t s_bytes, p_bytes;
  const char *s = lua_tolstring(L, lua_upvalueindex(1), &s_bytes);
  const char *p = lua_tolstring(L, lua_upvalueindex(2), &p_bytes);
  matcher m = matcher_of(L, s, s_bytes, p, p_bytes);
  lua_Integer last = lua_tointeger(L, lua_upvalueindex(4));
  for (const char *at = s + lua_tointeger(L, lua_upvalueindex(3)); at <= m.to; at++) {
    const char *end = match_at(&m, at, p);
    if (!end || end - s == last) continue;
    lua_pushinteger(L, end - s);
    lua_copy(L, -1, lua_upvalueindex(3));
    lua_replace(L, lua_upvalueindex(4));
    return captures_push(&m, at, end);
  }
  return 0;
}

static int text_gmatch(lua_State *L) {
  size_t bytes;
  luaL_checklstring(L, 1, &bytes);
  luaL_checkstring(L, 2);
  size_t init = init_of(L, 3, bytes);
  lua_settop(L, 2);
  lua_pushinteger(L, (lua_Integer)(init > bytes ? bytes + 1 : init));
  lua_pushinteger(L, -1);
  lua_pushcclosure(L, gmatch_next, 4);
  return 1;
}

/* ---- string.gsub ---- */

/* The replacement text at 3, with its captures. */
static void text_add(matcher *m, luaL_Buffer *out, const char *s, const char *e) {
  size_t bytes;
  const char *r = lua_tolstring(m->L, 3, &bytes), *end = r + bytes;
  lqi_lua_charge(m->lua, m->L, bytes / 8 + 1);
  for (; r < end; r++) {
    if (*r != ESC) {
      luaL_addchar(out, *r);
      continue;
    }
    r++; /* at the end: the NUL */
    if (*r == ESC && r < end) {
      luaL_addchar(out, ESC);
    } else if (*r == '0' && r < end) {
      luaL_addlstring(out, s, (size_t)(e - s));
    } else if (r < end && digit((unsigned char)*r)) {
      capture_push(m, *r - '1', s, e);
      luaL_tolstring(m->L, -1, NULL); /* a number or a text */
      lua_remove(m->L, -2);
      luaL_addvalue(out);
    } else {
      luaL_error(m->L, "invalid use of '%c' in replacement string", ESC);
    }
  }
}

/* What stands for the match s..e. False: the match itself. */
static bool value_add(matcher *m, luaL_Buffer *out, const char *s, const char *e, int kind) {
  lua_State *L = m->L;
  if (kind == LUA_TTABLE) {
    capture_push(m, 0, s, e);
    lua_gettable(L, 3);
  } else if (kind == LUA_TFUNCTION) {
    lua_pushvalue(L, 3);
    lua_call(L, captures_push(m, s, e), 1);
  } else {
    text_add(m, out, s, e);
    return true;
  }
  if (!lua_toboolean(L, -1)) {
    lua_pop(L, 1);
    luaL_addlstring(out, s, (size_t)(e - s));
    return false;
  }
  if (!lua_isstring(L, -1)) luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
  luaL_addvalue(out);
  return true;
}

static int text_gsub(lua_State *L) {
  size_t s_bytes, p_bytes;
  const char *s = luaL_checklstring(L, 1, &s_bytes), *p = luaL_checklstring(L, 2, &p_bytes);
  int kind = lua_type(L, 3);
  luaL_argexpected(
      L, kind == LUA_TNUMBER || kind == LUA_TSTRING || kind == LUA_TFUNCTION || kind == LUA_TTABLE,
      3, "string/function/table");
  lua_Integer most = luaL_optinteger(L, 4, (lua_Integer)s_bytes + 1), count = 0;
  bool anchored = p_bytes && *p == '^', changed = false;
  matcher m = matcher_of(L, s, s_bytes, p, p_bytes);
  const char *at = s, *last = NULL;
  luaL_Buffer out;
  luaL_buffinit(L, &out);
  while (count < most) {
    const char *end = match_at(&m, at, p + anchored);
    if (end && end != last) {
      count++;
      changed |= value_add(&m, &out, at, end, kind);
      at = last = end;
    } else if (at < m.to) {
      luaL_addchar(&out, *at++);
    } else {
      break;
    }
    if (anchored) break;
  }
  if (changed) {
    luaL_addlstring(&out, at, (size_t)(m.to - at));
    luaL_pushresult(&out);
  } else {
    lua_pushvalue(L, 1);
  }
  lua_pushinteger(L, count);
  return 2;
}

void lqi_lua_open_match(lua_State *L) {
  lqi_lua_function(L, "find", text_find);
  lqi_lua_function(L, "match", text_match);
  lqi_lua_function(L, "gmatch", text_gmatch);
  lqi_lua_function(L, "gsub", text_gsub);
}
