/* Files served as they are, the page to play on, and the small index. */
#include "lq_base/embed.h"
#include "lq_service/gateway/gateway_int.h"

#include <stdio.h>
#include <stdlib.h>

extern const lq_embedded lqi_openapi_file[];

#define PAGE_POLICY                                                                                \
  "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action "     \
  "'none'; frame-ancestors 'none'"

static void etag_of(lq_span body, char out[36]) {
  lq_sha256 digest = lq_sha256_of(body);
  out[0] = '"';
  lq_hex(digest.bytes, 16, out + 1);
  memcpy(out + 33, "\"", 2);
}

lq_span lqi_openapi(void) {
  return lq_span_of(lqi_openapi_file[0].data, lqi_openapi_file[0].bytes);
}

lq_err lqi_pages_open(lq_gateway *g) {
  uint32_t count = g->options.file_count;
  g->assets = calloc(count ? count : 1, sizeof *g->assets);
  if (!g->assets) return LQ_ERR_MEMORY;
  for (uint32_t i = 0; i < count; i++) {
    g->assets[i].file = &g->options.files[i];
    etag_of(g->options.files[i].body, g->assets[i].etag);
  }
  etag_of(lqi_openapi(), g->openapi_etag);
  return LQ_OK;
}

/* A weak mark counts as well (RFC 9110 section 13.1.2). */
bool lqi_is_held(const lq_http_request *request, const char *etag) {
  char weak[40];
  (void)snprintf(weak, sizeof weak, "W/%s", etag);
  return lq_http_header_has(request, "If-None-Match", etag) ||
         lq_http_header_has(request, "If-None-Match", weak) ||
         lq_http_header_has(request, "If-None-Match", "*");
}

static void reply_body(lqi_conn *c, const lq_http_request *request, const char *type, lq_span body,
                       const char *etag) {
  char headers[64];
  (void)snprintf(headers, sizeof headers, "ETag: %s\r\n", etag);
  lq_http_response response = {.status = 200,
                               .content_type = type,
                               .cache = "no-cache",
                               .policy = PAGE_POLICY,
                               .headers = headers,
                               .body = body};
  if (lqi_is_held(request, etag)) {
    response.status = 304;
    response.content_type = NULL;
    response.body = (lq_span){0};
  }
  lqi_reply(c, &response);
}

static const lqi_asset *asset_find(const lq_gateway *g, lq_span path) {
  for (uint32_t i = 0; i < g->options.file_count; i++)
    if (lq_span_is(path, g->assets[i].file->path)) return &g->assets[i];
  return NULL;
}

static void reply_asset(lqi_conn *c, const lq_http_request *request, const lqi_asset *asset) {
  reply_body(c, request, asset->file->type, asset->file->body, asset->etag);
}

/* The one style of the small pages made here. */
void lqi_html_begin(lq_writer *w, const char *title) {
  lq_write_text(w, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                   "<meta name=\"viewport\" content=\"width=device-width\"><title>");
  lq_write_text(w, title);
  lq_write_text(w, "</title></head>\n<body><h1>");
  lq_write_text(w, title);
  lq_write_text(w, "</h1>\n");
}

void lqi_html_reply(lqi_conn *c, int status, lq_writer *w, const char *headers) {
  lq_write_text(w, "</body></html>\n");
  lqi_reply(c, &(lq_http_response){.status = status,
                                   .content_type = "text/html; charset=utf-8",
                                   .policy = PAGE_POLICY,
                                   .headers = headers,
                                   .body = lq_writer_span(w)});
}

static void not_found_page(lqi_conn *c, const char *what) {
  lq_writer w = lq_writer_of(c->gateway->page, LQI_PAGE_BYTES);
  lqi_html_begin(&w, "Not here");
  lq_write_text(&w, "<p>");
  lq_write_text(&w, what);
  lq_write_text(&w, "</p>\n<p><a href=\"/\">What is served here</a></p>\n");
  lqi_html_reply(c, 404, &w, NULL);
}

void lqi_page_file(lqi_conn *c, const lq_http_request *request) {
  const lqi_asset *asset = asset_find(c->gateway, request->path);
  if (asset)
    reply_asset(c, request, asset);
  else
    lqi_problem_text(c, LQ_ERR_NOT_FOUND, "there is no such file");
}

void lqi_page_openapi(lqi_conn *c, const lq_http_request *request) {
  reply_body(c, request, "application/json", lqi_openapi(), c->gateway->openapi_etag);
}

void lqi_page_play(lqi_conn *c, const lq_http_request *request, const lqi_target *target) {
  const lq_gateway *g = c->gateway;
  lq_err err = lq_shard_check(g->options.shard, target->name.tenant, target->name.game);
  const lqi_asset *asset = asset_find(g, lq_span_text("/play"));
  if (g->options.access) err = LQ_OK; /* who has no token is not told what there is */
  if (err == LQ_ERR_UNKNOWN_TENANT)
    not_found_page(c, "No such tenant is served by this server.");
  else if (err)
    not_found_page(c, "This tenant has no such game.");
  else if (!asset)
    not_found_page(c, "This server was built without the page to play on.");
  else
    reply_asset(c, request, asset);
}

/* Names of tenants and games are slugs: nothing in them needs an escape. They are listed only where
 * no token is needed to join. */
void lqi_page_index(lqi_conn *c) {
  const lq_gateway_options *o = &c->gateway->options;
  lq_writer w = lq_writer_of(c->gateway->page, LQI_PAGE_BYTES);
  const char *tenant, *game;
  lqi_html_begin(&w, "LedgerQuest Engine");
  if (!o->access) {
    lq_write_text(&w, "<p>Games served here:</p>\n<ul>\n");
    for (uint32_t i = 0; lq_shard_served(o->shard, i, &tenant, &game); i++) {
      lq_write_text(&w, "<li><a href=\"/play/");
      lq_write_text(&w, tenant);
      lq_write_u8(&w, '/');
      lq_write_text(&w, game);
      lq_write_text(&w, "\">");
      lq_write_text(&w, tenant);
      lq_write_u8(&w, '/');
      lq_write_text(&w, game);
      lq_write_text(&w, "</a></li>\n");
    }
    lq_write_text(&w, "</ul>\n");
  } else {
    lq_write_text(&w, "<p>Play at /play/&lt;tenant&gt;/&lt;game&gt;, with your token.</p>\n");
  }
  lq_write_text(&w, "<p>Programs: <a href=\"/v1/openapi.json\">/v1/openapi.json</a>, WebSocket at "
                    "/ws</p>\n");
  lqi_html_reply(c, 200, &w, NULL);
}
