/* Classifies photos with a trained model, in C.
 * usage: from_c MODEL PHOTO... */
#include <stdio.h>
#include <stdlib.h>

#include <headstart/c_api.h>

/* The bytes of a file, to be freed; NULL when it cannot be read. */
static void* read_file(const char* path, size_t* size) {
  FILE* file = fopen(path, "rb");
  if (file == NULL) {
    return NULL;
  }
  void* bytes = NULL;
  if (fseek(file, 0, SEEK_END) == 0 && ftell(file) > 0) {
    *size = (size_t)ftell(file);
    rewind(file);
    bytes = malloc(*size);
    if (bytes != NULL && fread(bytes, 1, *size, file) != *size) {
      free(bytes);
      bytes = NULL;
    }
  }
  fclose(file);
  return bytes;
}

int main(int argc, char** argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: %s MODEL PHOTO...\n", argv[0]);
    return 2;
  }
  headstart_classifier* classifier = headstart_open(argv[1], 0);
  if (classifier == NULL) {
    fprintf(stderr, "error: %s\n", headstart_error());
    return 1;
  }
  int status = 0;
  for (int i = 2; i < argc; ++i) {
    size_t size = 0;
    void* bytes = read_file(argv[i], &size);
    headstart_answer answer;
    if (bytes == NULL) {
      fprintf(stderr, "%s: cannot be read\n", argv[i]);
      status = 1;
    } else if (headstart_classify(classifier, bytes, size, NULL, &answer) != 0) {
      fprintf(stderr, "%s: %s\n", argv[i], headstart_error());
      status = 1;
    } else {
      printf("%s: %s %.4f%s\n", argv[i], headstart_class_name(classifier, answer.best), answer.probability,
             answer.is_unknown ? " (unknown)" : "");
    }
    free(bytes);
  }
  headstart_close(classifier);
  return status;
}
