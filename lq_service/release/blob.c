/* A release as bytes. One release has one form: ascending names, nothing behind the last source. */
#include "lq_service/release/release_int.h"

#include "lq_base/limits.h"

#define BLOB_MAGIC 0x4c52514cu /* "LQRL" */
#define BLOB_VERSION 1u

static bool ends_with(lq_span text, const char *end) {
  size_t bytes = strlen(end);
  return text.bytes > bytes && memcmp(text.data + text.bytes - bytes, end, bytes) == 0;
}

/* "systems.<stem>" is a Python module's name: an identifier. */
static bool is_identifier(lq_span name, size_t stem) {
  return lq_name_valid(lq_span_of(name.data, stem));
}

bool lqi_source_name_valid(lq_span name) {
  if (name.bytes == 0 || name.bytes >= LQI_SOURCE_NAME_BYTES || name.data[0] == '.') return false;
  if (name.data[0] == '-') return false; /* would read as an option of the compiler */
  for (size_t i = 0; i < name.bytes; i++) {
    uint8_t c = name.data[i];
    bool ok = ((c | 32) >= 'a' && (c | 32) <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
              c == '.' || c == '-';
    if (!ok) return false;
  }
  if (lq_span_is(name, "game.h") || lq_span_is(name, "lq_system.h")) return false;
  if (ends_with(name, ".py")) return is_identifier(name, name.bytes - 3);
  return lqi_source_kind(name);
}

bool lqi_source_kind(lq_span name) {
  static const char *const ends[] = {".c", ".h", ".py", ".lua", ".wasm"};
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
    if (ends_with(name, ends[i])) return true;
  return false;
}

bool lqi_source_is_c(const lqi_source *source) {
  return ends_with(lq_span_text(source->name), ".c");
}

bool lqi_source_is_native(const lqi_source *source) {
  return lqi_source_is_c(source) || ends_with(lq_span_text(source->name), ".h");
}

lq_guest_language lqi_source_guest(const lqi_source *source) {
  lq_span name = lq_span_text(source->name);
  if (ends_with(name, ".py")) return LQ_GUEST_PYTHON;
  if (ends_with(name, ".lua")) return LQ_GUEST_LUA;
  return ends_with(name, ".wasm") ? LQ_GUEST_WASM : LQ_GUEST_NATIVE;
}

void lqi_blob_write(const lqi_parts *parts, lq_writer *out) {
  lq_write_u32(out, BLOB_MAGIC);
  lq_write_u16(out, BLOB_VERSION);
  lq_write_sized(out, parts->game.data, parts->game.bytes);
  lq_write_varint(out, parts->source_count);
  for (uint32_t i = 0; i < parts->source_count; i++) {
    const lqi_source *source = &parts->source[i];
    lq_write_sized(out, source->name, strlen(source->name));
    lq_write_sized(out, source->text.data, source->text.bytes);
  }
}

lq_err lqi_blob_read(lq_span blob, lqi_parts *out, lq_diag *diag) {
  memset(out, 0, sizeof *out);
  if (blob.bytes > LQ_GAME_BYTES_MAX)
    return lqi_say(diag, LQ_ERR_TOO_BIG, NULL, "a release has at most %u bytes", LQ_GAME_BYTES_MAX);
  lq_reader in = lq_reader_of(blob);
  if (lq_read_u32(&in) != BLOB_MAGIC)
    return lqi_say(diag, LQ_ERR_CORRUPT, NULL, "these bytes are not a release");
  if (lq_read_u16(&in) != BLOB_VERSION && !in.failed)
    return lqi_say(diag, LQ_ERR_VERSION, NULL, "this release was written by another version");
  out->game = lq_read_sized(&in);
  uint64_t count = lq_read_varint(&in);
  if (count > LQI_SOURCES_MAX)
    return lqi_say(diag, LQ_ERR_CORRUPT, NULL, "the release has more than %u sources",
                   LQI_SOURCES_MAX);
  for (uint32_t i = 0; i < count && !in.failed; i++) {
    lqi_source *source = &out->source[i];
    lq_span name = lq_read_sized(&in);
    source->text = lq_read_sized(&in);
    if (in.failed) break;
    if (!lqi_source_name_valid(name) || !lq_text_copy(source->name, sizeof source->name, name) ||
        (i && strcmp(out->source[i - 1].name, source->name) >= 0))
      return lqi_say(diag, LQ_ERR_CORRUPT, NULL, "the release has a source with a bad name");
    out->source_count++;
  }
  if (in.failed) return lqi_say(diag, LQ_ERR_TRUNCATED, NULL, "the release ends too early");
  if (!lq_reader_done(&in))
    return lqi_say(diag, LQ_ERR_CORRUPT, NULL, "the release has bytes behind its end");
  return LQ_OK;
}
