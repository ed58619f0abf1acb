// Predictions of a trained model, for every language that can call C: libheadstart_c.so exports these
// functions and nothing else. Strings are UTF-8. A function that can fail returns NULL or -1, and
// headstart_error() then says why. A classifier may be used by any number of threads at once, of the process
// that opened it: after fork() the child opens its own.
#pragma once

#include <stddef.h>  // NOLINT(modernize-deprecated-headers): C has no other

// NOLINTBEGIN(readability-identifier-naming, modernize-use-using): names and types as C has them
#ifdef __cplusplus
extern "C" {
#endif

typedef struct headstart_classifier headstart_classifier;

// Loads the model file that `headstart train` wrote, compiles it and warms it up. `threads` compute; 0: one
// for every core.
headstart_classifier* headstart_open(const char* model_file, int threads);
// NULL is nothing to close.
void headstart_close(headstart_classifier* classifier);

int headstart_class_count(const headstart_classifier* classifier);
// Valid until the classifier is closed; NULL for an index that is none of 0 to class_count - 1.
const char* headstart_class_name(const headstart_classifier* classifier, int index);

// What a photo shows.
typedef struct headstart_answer {
  int best;           // the most probable class
  float probability;  // its probability
  int is_unknown;     // 1: the photo is unlike those of the classes; 0 also where the model cannot tell
} headstart_answer;

// `image` is the bytes of a JPEG, PNG, WebP, BMP, GIF or TIFF file, `size` of them.
// `probabilities`, one for every class, may be NULL, and so may `answer`. Returns 0, or -1 for what is no
// such image.
int headstart_classify(headstart_classifier* classifier, const void* image, size_t size, float* probabilities,
                       headstart_answer* answer);
// `rgb` is height * width pixels of three bytes, row by row from the top.
int headstart_classify_pixels(headstart_classifier* classifier, const unsigned char* rgb, int width,
                              int height, float* probabilities, headstart_answer* answer);

// Why the last call of this thread that failed did so; "" before one did. Valid until its next call.
const char* headstart_error(void);

// "0.1.0"
const char* headstart_version(void);

#ifdef __cplusplus
}
#endif
// NOLINTEND(readability-identifier-naming, modernize-use-using)
