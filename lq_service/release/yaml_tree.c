/* libfyaml's events to a tree of our own. Events, not its documents: so depth, size and doubled
 * keys are ours to judge, and an alias is refused before anything could be resolved. */
#include "lq_service/release/yaml_int.h"

#include "lq_base/hash.h"

#include <libfyaml.h>

static const char no_yaml_tricks[] = "write the value out; game.yaml is plain data";

bool lqi_yaml_nothing(const lqi_yaml *node) {
  return node->kind == LQI_YAML_TEXT && node->plain &&
         (node->text.bytes == 0 || lq_span_is(node->text, "~") || lq_span_is(node->text, "null"));
}

/* ---- keys ---- */
static uint32_t slot_of(const lqi_reader *r, const lqi_yaml *map, lq_span key) {
  /* The map's number, not its address: the same file always takes the same way. */
  uint64_t map_number = ((uint64_t)map->at.line << 32) | map->at.column;
  return (uint32_t)lq_hash_bytes(map_number, key.data, key.bytes) & r->slot_mask;
}

lqi_yaml *lqi_yaml_get(const lqi_reader *r, const lqi_yaml *map, lq_span key) {
  for (uint32_t at = slot_of(r, map, key); r->slot[at]; at = (at + 1) & r->slot_mask)
    if (r->slot[at]->parent == map && lq_span_equal(r->slot[at]->key, key)) return r->slot[at];
  return NULL;
}

static lq_err key_add(lqi_reader *r, lqi_yaml *node) {
  const lqi_yaml *other = lqi_yaml_get(r, node->parent, node->key);
  if (other)
    return lqi_fail(r, node->key_at, LQ_ERR_EXISTS, "keep one of the two",
                    "the key %s stands here twice; first in line %u", lqi_show_text(node->key).text,
                    other->key_at.line);
  uint32_t at = slot_of(r, node->parent, node->key);
  while (r->slot[at]) at = (at + 1) & r->slot_mask;
  r->slot[at] = node;
  return LQ_OK;
}

/* ---- building ---- */
typedef struct builder {
  lqi_reader *r;
  lqi_yaml *open; /* the innermost map or list; NULL at the top */
  uint32_t depth;
  bool have_key; /* in a map: the next node is the value of `key` */
  bool ended;    /* the document is complete */
  lq_span key;
  lqi_place key_at;
} builder;

static lqi_place place_of_mark(const struct fy_mark *mark, lqi_place otherwise) {
  if (!mark || mark->line < 0 || mark->column < 0) return otherwise;
  return (lqi_place){(uint32_t)mark->line + 1, (uint32_t)mark->column + 1};
}

static lqi_place place_of(struct fy_event *event, lqi_place otherwise) {
  return place_of_mark(fy_event_start_mark(event), otherwise);
}

/* libfyaml's place of a quoted text, an anchor or an alias is behind its sign. */
static lqi_place one_before(lqi_place at) {
  return (lqi_place){at.line, at.column - (at.column > 1)};
}

/* A copy with a NUL behind it. */
static lq_err copy_text(lqi_reader *r, const char *text, size_t bytes, lq_span *out) {
  char *copy = lq_arena_take(&r->tree, bytes + 1);
  if (!copy)
    return lqi_fail(r, (lqi_place){1, 1}, LQ_ERR_TOO_BIG, NULL, "the file holds too much text");
  if (bytes) memcpy(copy, text, bytes);
  *out = lq_span_of(copy, bytes);
  return LQ_OK;
}

static lq_err node_add(builder *b, lqi_yaml_kind kind, lqi_place at, lqi_yaml **out) {
  lqi_reader *r = b->r;
  if (r->node_count == LQI_YAML_NODES_MAX)
    return lqi_fail(r, at, LQ_ERR_TOO_BIG, "declare less", "more than %u values in one file",
                    LQI_YAML_NODES_MAX);
  lqi_yaml *node = lq_arena_take(&r->tree, sizeof *node);
  if (!node) return lqi_fail(r, at, LQ_ERR_MEMORY, NULL, "out of memory");
  r->node_count++;
  node->kind = kind;
  node->at = at;
  node->parent = b->open;
  *out = node;
  if (!b->open) {
    r->root = node;
    return LQ_OK;
  }
  node->index = b->open->count++;
  if (b->open->last)
    b->open->last->next = node;
  else
    b->open->first = node;
  b->open->last = node;
  if (b->open->kind != LQI_YAML_MAP) return LQ_OK;
  node->key = b->key;
  node->key_at = b->key_at;
  b->have_key = false;
  return key_add(r, node);
}

static int lines_of(struct fy_token *token) {
  const struct fy_mark *first = fy_token_start_mark(token), *last = fy_token_end_mark(token);
  return first && last ? last->line - first->line + 1 : 1;
}

/* libfyaml 0.7.12 counts quotes that stand doubled side by side wrongly: 'a''''b' ends in bytes
 * that nobody wrote. So such a text, which is one line of the source, is read from there. */
static lq_err single_quoted(lqi_reader *r, struct fy_token *token, lqi_place at, lq_span *out) {
  const struct fy_mark *mark = fy_token_start_mark(token);
  const uint8_t *source = r->source.data;
  size_t from = mark ? mark->input_pos : 0, close = from, bytes = 0;
  if (from == 0 || from > r->source.bytes || source[from - 1] != '\'')
    return lqi_fail(r, at, LQ_ERR_SYNTAX, "write it in double quotes", "this text is not readable");
  while (close < r->source.bytes &&
         (source[close] != '\'' || (close + 1 < r->source.bytes && source[close + 1] == '\'')))
    close += source[close] == '\'' ? 2 : 1;
  lq_err err = copy_text(r, (const char *)source + from, close - from, out);
  if (err) return err;
  char *copy = (char *)(uintptr_t)out->data;
  for (size_t i = 0; i < out->bytes; i += copy[i] == '\'' ? 2 : 1) copy[bytes++] = copy[i];
  copy[bytes] = 0;
  out->bytes = bytes;
  return LQ_OK;
}

static lq_err on_scalar(builder *b, struct fy_event *event) {
  lqi_reader *r = b->r;
  struct fy_token *token = event->scalar.value;
  size_t bytes = 0;
  lq_span copy;
  lqi_place at = place_of(event, b->have_key ? b->key_at : (lqi_place){1, 1});
  enum fy_scalar_style style = token ? fy_token_scalar_style(token) : FYSS_PLAIN;
  bool quoted = style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED;
  if (quoted) at = one_before(at);
  /* libfyaml 0.7.12 counts folded lines wrongly: such a text ends in bytes that nobody wrote. */
  if (token && (quoted || style == FYSS_PLAIN) && lines_of(token) > 1)
    return lqi_fail(r, at, LQ_ERR_SYNTAX, "write it on one line, or as a block: |",
                    "this text goes over several lines");
  lq_err err;
  if (style == FYSS_SINGLE_QUOTED) {
    err = single_quoted(r, token, at, &copy);
  } else {
    const char *text = token ? fy_token_get_text(token, &bytes) : NULL;
    err = copy_text(r, text, text ? bytes : 0, &copy);
  }
  if (err) return err;
  if (b->open && b->open->kind == LQI_YAML_MAP && !b->have_key) {
    b->key = copy;
    b->key_at = at;
    b->have_key = true;
    return LQ_OK;
  }
  lqi_yaml *node = NULL;
  if ((err = node_add(b, LQI_YAML_TEXT, at, &node))) return err;
  node->text = copy;
  node->plain = style == FYSS_PLAIN;
  return LQ_OK;
}

static lq_err on_open(builder *b, struct fy_event *event, lqi_yaml_kind kind) {
  lqi_reader *r = b->r;
  lqi_place at = place_of(event, b->key_at);
  if (b->open && b->open->kind == LQI_YAML_MAP && !b->have_key)
    return lqi_fail(r, at, LQ_ERR_INVALID, "use a name before the colon",
                    "found %s where a key was expected", kind == LQI_YAML_MAP ? "a map" : "a list");
  if (b->depth == LQI_YAML_DEPTH_MAX)
    return lqi_fail(r, at, LQ_ERR_DEPTH, NULL, "nested deeper than %u levels", LQI_YAML_DEPTH_MAX);
  lqi_yaml *node = NULL;
  lq_err err = node_add(b, kind, at, &node);
  if (err) return err;
  b->open = node;
  b->depth++;
  return LQ_OK;
}

static lq_err on_close(builder *b) {
  b->open = b->open->parent;
  b->depth--;
  return LQ_OK;
}

static lq_err on_document(builder *b, struct fy_event *event) {
  lqi_place at = place_of(event, (lqi_place){1, 1});
  if (b->ended)
    return lqi_fail(b->r, at, LQ_ERR_INVALID, "one file is one game: remove what follows the ---",
                    "found a second document");
  return LQ_OK;
}

static lq_err refuse_tricks(builder *b, struct fy_event *event) {
  lqi_place at = place_of(event, b->key_at);
  if (event->type == FYET_ALIAS)
    return lqi_fail(b->r, one_before(at), LQ_ERR_INVALID, no_yaml_tricks,
                    "found an alias (*name); game.yaml takes none");
  struct fy_token *token = fy_event_get_anchor_token(event);
  if (token)
    return lqi_fail(b->r, one_before(place_of_mark(fy_token_start_mark(token), at)), LQ_ERR_INVALID,
                    no_yaml_tricks, "found an anchor (&name); game.yaml takes none");
  token = fy_event_get_tag_token(event);
  if (token)
    return lqi_fail(b->r, place_of_mark(fy_token_start_mark(token), at), LQ_ERR_INVALID,
                    no_yaml_tricks, "found a tag (!name); game.yaml takes none");
  return LQ_OK;
}

static lq_err on_event(builder *b, struct fy_event *event) {
  lq_err err = refuse_tricks(b, event);
  if (err) return err;
  switch (event->type) {
  case FYET_DOCUMENT_START:
    return on_document(b, event);
  case FYET_DOCUMENT_END:
    b->ended = true;
    return LQ_OK;
  case FYET_MAPPING_START:
    return on_open(b, event, LQI_YAML_MAP);
  case FYET_SEQUENCE_START:
    return on_open(b, event, LQI_YAML_LIST);
  case FYET_MAPPING_END:
  case FYET_SEQUENCE_END:
    return on_close(b);
  case FYET_SCALAR:
    return on_scalar(b, event);
  case FYET_NONE:
  case FYET_STREAM_START:
  case FYET_STREAM_END:
  case FYET_ALIAS:
    break;
  }
  return LQ_OK;
}

/* First line from `line` on that is indented with a tab. */
static bool find_tab(const lqi_reader *r, uint32_t line, lqi_place *out) {
  lqi_place at = {1, 1};
  bool head = true;
  for (size_t i = 0; i < r->source.bytes; i++) {
    char c = (char)r->source.data[i];
    if (head && c == '\t' && at.line >= line) {
      *out = at;
      return true;
    }
    head = c == '\n' || (head && c == ' ');
    at = c == '\n' ? (lqi_place){at.line + 1, 1} : (lqi_place){at.line, at.column + 1};
  }
  return false;
}

/* What libfyaml has to say, in its words, at its place. */
static lq_err syntax_error(lqi_reader *r, struct fy_diag *diag) {
  void *walk = NULL;
  const struct fy_diag_error *error = fy_diag_errors_iterate(diag, &walk);
  lqi_place at = {1, 1};
  if (!error)
    return lqi_fail(r, at, LQ_ERR_SYNTAX, "mend the YAML", "this is not well-formed YAML");
  if (error->line > 0) at.line = (uint32_t)error->line;
  if (error->column > 0) at.column = (uint32_t)error->column;
  lqi_place tab;
  if (find_tab(r, at.line, &tab) && tab.line <= at.line + 1)
    return lqi_fail(r, tab, LQ_ERR_SYNTAX, "indent with spaces",
                    "this line is indented with a tab, which YAML does not allow");
  return lqi_fail(r, at, LQ_ERR_SYNTAX,
                  "mend the YAML there: indent with spaces, a space after each colon, close what "
                  "is open",
                  "this is not well-formed YAML: %.100s", error->msg ? error->msg : "");
}

static lq_err run_parser(lqi_reader *r, lq_span text, struct fy_diag *diag) {
  struct fy_parse_cfg config = {.flags = FYPCF_DEFAULT_PARSE | FYPCF_DISABLE_MMAP_OPT,
                                .diag = diag};
  struct fy_parser *parser = fy_parser_create(&config);
  if (!parser) return lqi_fail(r, (lqi_place){1, 1}, LQ_ERR_MEMORY, NULL, "out of memory");
  builder b = {.r = r};
  lq_err err = LQ_OK;
  if (fy_parser_set_string(parser, (const char *)text.data, text.bytes)) err = LQ_ERR_MEMORY;
  while (!err) {
    struct fy_event *event = fy_parser_parse(parser);
    if (!event) break;
    err = on_event(&b, event);
    fy_parser_event_free(parser, event);
  }
  if (!err && fy_parser_get_stream_error(parser)) err = syntax_error(r, diag);
  fy_parser_destroy(parser);
  return err;
}

/* What would make libfyaml slow or big: counted over every character, texts and comments included,
 * so that no quote can hide it. */
typedef struct bulk {
  uint32_t blank;  /* lines of white space before this one */
  bool empty;      /* this line so far */
  uint32_t open;   /* brackets */
  uint32_t opened; /* in the whole file */
} bulk;

static lq_err check_bulk(lqi_reader *r, bulk *b, uint8_t c, lqi_place at) {
  if (c == '[' || c == '{') b->open++, b->opened++;
  if ((c == ']' || c == '}') && b->open) b->open--;
  b->empty = b->empty && (c == ' ' || c == '\t' || c == '\r' || c == '\n');
  if (b->open > LQI_YAML_OPEN_MAX)
    return lqi_fail(r, at, LQ_ERR_DEPTH, "close the brackets that are open",
                    "more than %u brackets are open here", LQI_YAML_OPEN_MAX);
  if (b->opened > LQI_YAML_NODES_MAX)
    return lqi_fail(r, at, LQ_ERR_TOO_BIG, "declare less", "more than %u brackets in one file",
                    LQI_YAML_NODES_MAX);
  if (c != '\n') return LQ_OK;
  b->blank = b->empty ? b->blank + 1 : 0;
  b->empty = true;
  if (b->blank > LQI_YAML_BLANK_MAX)
    return lqi_fail(r, (lqi_place){at.line, 1}, LQ_ERR_TOO_BIG, "remove some",
                    "more than %u blank lines in a row", LQI_YAML_BLANK_MAX);
  return LQ_OK;
}

/* What libfyaml would only stumble over later: bytes that are not text, and bombs. */
static lq_err check_text(lqi_reader *r, lq_span text) {
  lqi_place at = {1, 1};
  if (text.bytes > LQ_GAME_BYTES_MAX)
    return lqi_fail(r, at, LQ_ERR_TOO_BIG, "declare less", "the file has %zu bytes, at most %u",
                    text.bytes, LQ_GAME_BYTES_MAX);
  bulk b = {.empty = true};
  for (size_t i = 0; i < text.bytes;) {
    uint8_t c = text.data[i];
    size_t bytes = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f)
      return lqi_fail(r, at, LQ_ERR_SYNTAX, "remove it; is this a text file?",
                      "found the control character 0x%02x", c);
    if (bytes > text.bytes - i || !lq_utf8_valid(lq_span_of(text.data + i, bytes)))
      return lqi_fail(r, at, LQ_ERR_UTF8, "save the file as UTF-8",
                      "found bytes that are not UTF-8");
    if (c == '%' && at.column == 1)
      return lqi_fail(r, at, LQ_ERR_INVALID, "remove the line that starts with %",
                      "found a YAML directive; game.yaml takes none");
    lq_err err = check_bulk(r, &b, c, at);
    if (err) return err;
    i += bytes;
    at = c == '\n' ? (lqi_place){at.line + 1, 1} : (lqi_place){at.line, at.column + 1};
  }
  return LQ_OK;
}

lq_err lqi_yaml_parse(lqi_reader *r, lq_span text) {
  r->source = text;
  lq_err err = check_text(r, text);
  if (err) return err;
  /* Twice as many slots as keys: a key takes at least two bytes of the text. */
  uint32_t slots = 1024;
  while (slots < text.bytes && slots < 2 * LQI_YAML_NODES_MAX) slots *= 2;
  r->slot_mask = slots - 1;
  r->slot = lq_arena_take_array(&r->tree, slots, sizeof(lqi_yaml *));
  if (!r->slot) return lqi_fail(r, (lqi_place){1, 1}, LQ_ERR_MEMORY, NULL, "out of memory");
  struct fy_diag_cfg config;
  fy_diag_cfg_default(&config);
  config.fp = NULL;
  struct fy_diag *diag = fy_diag_create(&config);
  if (!diag) return lqi_fail(r, (lqi_place){1, 1}, LQ_ERR_MEMORY, NULL, "out of memory");
  fy_diag_set_collect_errors(diag, true);
  err = run_parser(r, text, diag);
  fy_diag_destroy(diag);
  if (err) return err;
  if (!r->root || lqi_yaml_nothing(r->root))
    return lqi_fail(r, (lqi_place){1, 1}, LQ_ERR_INVALID, "start with the line lq: 1",
                    "the file is empty");
  return LQ_OK;
}
