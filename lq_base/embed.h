/* Files that the build puts into the program (cmake/LqEmbed.cmake): templates, headers, web pages.
 * A table ends with a row whose path is NULL. */
#ifndef LQ_BASE_EMBED_H
#define LQ_BASE_EMBED_H

#include <stddef.h>
#include <stdint.h>

typedef struct lq_embedded {
  const char *path;    /* below the folder it was taken from, with '/' */
  const uint8_t *data; /* not NUL-terminated */
  size_t bytes;
} lq_embedded;

#endif
