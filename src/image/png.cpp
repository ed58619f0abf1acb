// PNG by libspng: palette, gray, alpha, 16-bit, transparency, eXIf.
#include <memory>
#include <vector>

#include <spng.h>

#include "image/decoders.h"
#include "image/orientation.h"

namespace headstart {
namespace {

struct ContextRelease {
  void operator()(spng_ctx* context) const { spng_ctx_free(context); }
};

void check(int status) {
  if (status == SPNG_IO_EOF) {
    throw_truncated("PNG");
  }
  if (status != SPNG_OK) {
    throw_corrupt("PNG", spng_strerror(status));
  }
}

bool has_alpha(spng_ctx* context, const spng_ihdr& header) {
  spng_trns transparency{};
  return header.color_type == SPNG_COLOR_TYPE_GRAYSCALE_ALPHA ||
         header.color_type == SPNG_COLOR_TYPE_TRUECOLOR_ALPHA ||
         spng_get_trns(context, &transparency) == SPNG_OK;
}

// eXIf may stand behind the pixels; damage there is not worth refusing the picture.
int saved_orientation(spng_ctx* context) {
  spng_exif exif{};
  if (spng_decode_chunks(context) != SPNG_OK || spng_get_exif(context, &exif) != SPNG_OK) {
    return 1;
  }
  return exif_orientation({reinterpret_cast<const std::uint8_t*>(exif.data), exif.length});
}

}  // namespace

Decoded decode_png(std::span<const std::uint8_t> bytes, const DecodeOptions& options) {
  constexpr std::size_t kMaximumChunk = std::size_t{1} << 26;
  const std::unique_ptr<spng_ctx, ContextRelease> context(spng_ctx_new(0));
  if (context == nullptr) {
    throw std::bad_alloc();
  }
  check(spng_set_chunk_limits(context.get(), kMaximumChunk, 2 * kMaximumChunk));
  check(spng_set_png_buffer(context.get(), bytes.data(), bytes.size()));
  spng_ihdr header{};
  check(spng_get_ihdr(context.get(), &header));
  check_size(header.width, header.height, options);

  const int width = static_cast<int>(header.width);
  const int height = static_cast<int>(header.height);
  Decoded decoded;
  if (has_alpha(context.get(), header)) {
    std::vector<std::uint8_t> rgba(std::size_t{4} * header.width * header.height);
    check(spng_decode_image(context.get(), rgba.data(), rgba.size(), SPNG_FMT_RGBA8, SPNG_DECODE_TRNS));
    decoded.image = compose_over_white(rgba, width, height);
  } else {
    decoded.image = make_image(width, height);
    auto& pixels = decoded.image.pixels;
    check(spng_decode_image(context.get(), pixels.data(), pixels.size(), SPNG_FMT_RGB8, 0));
  }
  decoded.orientation = saved_orientation(context.get());
  return decoded;
}

}  // namespace headstart
