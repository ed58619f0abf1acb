// BMP by stb_image, with the checks that it leaves out: the size limit and a file shorter than its pixels.
#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>

// stb_image is configured by macros; everything but BMP is left out and its functions stay in this file.
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_BMP
#define STBI_NO_STDIO
#define STBI_NO_HDR
#define STBI_NO_LINEAR
#include <stb/stb_image.h>

#include "headstart/error.h"
#include "image/decoders.h"

namespace headstart {
namespace {

std::uint32_t little_endian(std::span<const std::uint8_t> bytes, std::size_t offset, int count) {
  std::uint32_t value = 0;
  for (int i = count - 1; i >= 0; --i) {
    value = value << 8 | bytes[offset + static_cast<std::size_t>(i)];
  }
  return value;
}

struct BmpHeader {
  std::int64_t pixel_offset = 0, width = 0, height = 0, bits = 0;
  bool compressed = false;
  bool has_alpha = false;  // where there is no mask for it, the fourth byte of a pixel means nothing
};

// image_format has seen that there are at least 26 bytes.
BmpHeader read_header(std::span<const std::uint8_t> bytes) {
  BmpHeader header;
  header.pixel_offset = little_endian(bytes, 10, 4);
  if (little_endian(bytes, 14, 4) == 12) {
    header.width = little_endian(bytes, 18, 2);
    header.height = little_endian(bytes, 20, 2);
    header.bits = little_endian(bytes, 24, 2);
  } else {
    if (bytes.size() < 54) {
      throw_truncated("BMP");
    }
    header.width = static_cast<std::int32_t>(little_endian(bytes, 18, 4));
    header.height =
        std::abs(static_cast<std::int64_t>(static_cast<std::int32_t>(little_endian(bytes, 22, 4))));
    header.bits = little_endian(bytes, 28, 2);
    constexpr std::uint32_t kPlain = 0, kMasks = 3, kMasksWithAlpha = 6, kSmallestWithAlphaMask = 56;
    const std::uint32_t compression = little_endian(bytes, 30, 4);
    header.compressed = compression != kPlain && compression != kMasks && compression != kMasksWithAlpha;
    header.has_alpha = compression != kPlain && little_endian(bytes, 14, 4) >= kSmallestWithAlphaMask &&
                       bytes.size() >= 70 && little_endian(bytes, 66, 4) != 0;
  }
  return header;
}

struct PixelsRelease {
  void operator()(stbi_uc* pixels) const { stbi_image_free(pixels); }
};

}  // namespace

Decoded decode_bmp(std::span<const std::uint8_t> bytes, const DecodeOptions& options) {
  const BmpHeader header = read_header(bytes);
  check_size(header.width, header.height, options);
  if (header.compressed) {
    throw Error(
        "[image] a BMP without compression was expected; received a compressed one; save it as a PNG");
  }
  const std::int64_t stride = (header.width * header.bits + 31) / 32 * 4;
  if (header.pixel_offset + stride * header.height > static_cast<std::int64_t>(bytes.size())) {
    throw_truncated("BMP");
  }
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    throw_corrupt("BMP", "beyond 2 GB");
  }
  int width = 0;
  int height = 0;
  int channels = 0;
  const std::unique_ptr<stbi_uc, PixelsRelease> pixels(
      stbi_load_from_memory(bytes.data(), static_cast<int>(bytes.size()), &width, &height, &channels, 4));
  if (pixels == nullptr) {
    throw_corrupt("BMP", stbi_failure_reason());
  }
  const std::size_t size =
      std::size_t{4} * static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  if (!header.has_alpha) {
    constexpr stbi_uc kOpaque = 255;
    for (std::size_t alpha = 3; alpha < size; alpha += 4) {
      pixels.get()[alpha] = kOpaque;
    }
  }
  return {compose_over_white({pixels.get(), size}, width, height)};
}

}  // namespace headstart
