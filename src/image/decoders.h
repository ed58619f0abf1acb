// The decoders behind decode_image, one a format, and what they share.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "headstart/image.h"

namespace headstart {

struct Decoded {
  Image image;
  int orientation = 1;  // EXIF, 1 to 8; not yet applied
};

Decoded decode_jpeg(std::span<const std::uint8_t> bytes, const DecodeOptions& options);
Decoded decode_png(std::span<const std::uint8_t> bytes, const DecodeOptions& options);
Decoded decode_webp(std::span<const std::uint8_t> bytes, const DecodeOptions& options);
Decoded decode_bmp(std::span<const std::uint8_t> bytes, const DecodeOptions& options);
Decoded decode_gif(std::span<const std::uint8_t> bytes, const DecodeOptions& options);
Decoded decode_tiff(std::span<const std::uint8_t> bytes, const DecodeOptions& options);

// Called with the size in the header, before memory is taken. Throws Error when a side is below 1 or the
// limit is passed.
void check_size(std::int64_t width, std::int64_t height, const DecodeOptions& options);

// Throws Error for a picture without pixels or with others than its size says.
void check_pixels(const Image& image);

// The longest side that resize makes.
inline constexpr int kLongestResizedSide = 1 << 15;

// A black picture of a checked size.
Image make_image(int width, int height);

// RGBA, row-major, over white.
Image compose_over_white(std::span<const std::uint8_t> rgba, int width, int height);
std::uint8_t over_white(int value, int alpha);

[[noreturn]] void throw_truncated(const std::string& format);
[[noreturn]] void throw_corrupt(const std::string& format, const std::string& detail);

}  // namespace headstart
