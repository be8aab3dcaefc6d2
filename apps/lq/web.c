/* The play page, built into the binary (studio/play/dist), as the gateway serves it. */
#include "apps/lq/server.h"
#include "lq_base/embed.h"

extern const lq_embedded lq_web_embedded[];

enum { FILES_MAX = 32, PATH_BYTES = 96 };

static const char *type_of(const char *path) {
  static const char *const types[][2] = {{".html", "text/html; charset=utf-8"},
                                         {".js", "text/javascript; charset=utf-8"},
                                         {".css", "text/css; charset=utf-8"},
                                         {".svg", "image/svg+xml"},
                                         {".png", "image/png"}};
  const char *dot = strrchr(path, '.');
  for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
    if (!strcmp(dot, types[i][0])) return types[i][1];
  return "application/octet-stream";
}

uint32_t lq_web_files(const lq_gateway_file **out) {
  static lq_gateway_file files[FILES_MAX];
  static char paths[FILES_MAX][PATH_BYTES];
  uint32_t count = 0;
  for (const lq_embedded *e = lq_web_embedded; e->path && count < FILES_MAX; e++, count++) {
    bool page = !strcmp(e->path, "index.html");
    LQ_CHECK(snprintf(paths[count], PATH_BYTES, page ? "/play" : "/%s", e->path) < PATH_BYTES);
    files[count] = (lq_gateway_file){paths[count], type_of(e->path), lq_span_of(e->data, e->bytes)};
  }
  *out = files;
  return count;
}
