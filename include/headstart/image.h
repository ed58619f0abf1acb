// Bytes to 8-bit RGB pixels, resizing, and pixels to a network's input.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "headstart/preprocessing.h"
#include "headstart/tensor.h"

namespace headstart {

struct Image {
  int width = 0, height = 0;
  std::vector<std::uint8_t> pixels;  // RGB, row-major, height * width * 3
};

enum class ImageFormat { unknown, jpeg, png, webp, bmp, gif, tiff };
// By content, never by extension. A raw photo may be told as a TIFF, which it is inside.
ImageFormat image_format(std::span<const std::uint8_t> bytes);

struct DecodeOptions {
  // The decoded picture may be smaller than the original but not smaller than this in either side (after
  // orientation): a JPEG is then decoded at 1/2, 1/4 or 1/8. 0: full size.
  int minimum_width = 0, minimum_height = 0;
  // A picture with more pixels than this is refused with its size, before memory is taken.
  std::int64_t maximum_pixels = 178'956'970;  // Pillow's limit
};

// EXIF orientation is applied; alpha is composed over white; gray, palette, CMYK and 16-bit become 8-bit RGB;
// the first frame of a GIF, the first page of a TIFF. Throws Error that says what is wrong (truncated, not an
// image, too large).
Image decode_image(std::span<const std::uint8_t> bytes, const DecodeOptions& options = {});
Image read_image(const std::string& path, const DecodeOptions& options = {});

// These and what follows throw Error for an Image without pixels, or with others than its size says.
Image resize(const Image& image, int width, int height, ResizeKernel kernel);

// Resize and crop or pad to the preprocessing's size, still bytes.
Image fit_image(const Image& image, const Preprocessing& preprocessing);
// What the fitted picture shows, in the pixels of a picture of the given size: a part of it (crop), all of it
// (squash) or more than there is (pad).
struct PictureWindow {
  double left = 0, top = 0, width = 0, height = 0;
};
PictureWindow fitted_window(int width, int height, const Preprocessing& preprocessing);
// The arithmetic alone: image must already have the size; writes H * W * C floats.
void normalize_into(const Image& image, const Preprocessing& preprocessing, float* output);
// fit_image then normalize_into: (H, W, C).
Tensor preprocess(const Image& image, const Preprocessing& preprocessing);
// How far a picture may be decoded down for this preprocessing: to twice the size that is needed (less than
// one level of mean change on photos), for `nearest` and `bilinear` not at all. The same in training and
// prediction.
DecodeOptions decode_options_for(const Preprocessing& preprocessing);

// Pictures of one size in rows of `columns`, `gap` white pixels between them.
Image tile(std::span<const Image> images, int columns, int gap = 2);

// An 8-bit PNG.
std::vector<std::uint8_t> encode_png(const Image& image);
// The same, written atomically.
void write_png(const Image& image, const std::string& path);

}  // namespace headstart
