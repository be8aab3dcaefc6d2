/* Runs a fuzz target over every file of the folders given, for builds without libFuzzer. */
#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static int run_file(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) return 0;
  enum { BYTES_MAX = 1 << 20 };
  uint8_t *data = malloc(BYTES_MAX);
  if (!data) abort();
  size_t bytes = fread(data, 1, BYTES_MAX, file);
  (void)fclose(file);
  /* An exact-size copy, so that a read past the end is seen. */
  uint8_t *exact = malloc(bytes ? bytes : 1);
  if (!exact) abort();
  for (size_t i = 0; i < bytes; i++) exact[i] = data[i];
  (void)LLVMFuzzerTestOneInput(exact, bytes);
  free(exact);
  free(data);
  return 1;
}

int main(int argc, char **argv) {
  int count = 0;
  for (int i = 1; i < argc; i++) {
    DIR *folder = opendir(argv[i]);
    if (!folder) continue;
    for (struct dirent *entry; (entry = readdir(folder));) {
      char path[4096];
      if (entry->d_name[0] == '.') continue;
      if (snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name) < (int)sizeof path)
        count += run_file(path);
    }
    (void)closedir(folder);
  }
  (void)printf("%d inputs\n", count);
  return count ? 0 : 1;
}
