/* For fuzz targets that reach libfyaml. 0.7.12 forgets its list of escapes (512 bytes and up) when
 * a quoted text over several lines does not end: corpus/yaml_fuzz/leak.yaml. Ours to live with;
 * leaks of our own are seen. */
#ifndef LQ_SERVICE_RELEASE_FYAML_TESTING_H
#define LQ_SERVICE_RELEASE_FYAML_TESTING_H

const char *__lsan_default_suppressions(void);

__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void) {
  return "leak:libfyaml.so\n";
}

#endif
