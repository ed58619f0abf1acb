// encode_png and write_png by libspng.
#include <cstdlib>
#include <memory>

#include <fmt/format.h>
#include <spng.h>
#include <zlib.h>

#include "core/files.h"
#include "headstart/error.h"
#include "headstart/image.h"

namespace headstart {
namespace {

struct EncoderRelease {
  void operator()(spng_ctx* context) const { spng_ctx_free(context); }
};
struct BytesRelease {
  void operator()(void* bytes) const { std::free(bytes); }
};

void check_encoding(int status) {
  if (status != SPNG_OK) {
    throw Error(fmt::format("[image] cannot encode the PNG: {}", spng_strerror(status)));
  }
}

}  // namespace

std::vector<std::uint8_t> encode_png(const Image& image) {
  const std::unique_ptr<spng_ctx, EncoderRelease> context(spng_ctx_new(SPNG_CTX_ENCODER));
  if (context == nullptr) {
    throw std::bad_alloc();
  }
  check_encoding(spng_set_option(context.get(), SPNG_ENCODE_TO_BUFFER, 1));
  // What Paeth's prediction leaves of a photo is noise and runs of zeros: looking for longer repetitions, or
  // trying all filters on each row, takes three times as long and makes it no smaller. Drawings grow by a
  // seventh.
  check_encoding(spng_set_option(context.get(), SPNG_FILTER_CHOICE, SPNG_FILTER_CHOICE_PAETH));
  check_encoding(spng_set_option(context.get(), SPNG_IMG_COMPRESSION_STRATEGY, Z_RLE));
  spng_ihdr header{};
  header.width = static_cast<std::uint32_t>(image.width);
  header.height = static_cast<std::uint32_t>(image.height);
  header.bit_depth = 8;
  header.color_type = SPNG_COLOR_TYPE_TRUECOLOR;
  check_encoding(spng_set_ihdr(context.get(), &header));
  check_encoding(spng_encode_image(context.get(), image.pixels.data(), image.pixels.size(), SPNG_FMT_PNG,
                                   SPNG_ENCODE_FINALIZE));
  std::size_t size = 0;
  int status = SPNG_OK;
  const std::unique_ptr<void, BytesRelease> png(spng_get_png_buffer(context.get(), &size, &status));
  check_encoding(status);
  const auto* bytes = static_cast<const std::uint8_t*>(png.get());
  return {bytes, bytes + size};
}

void write_png(const Image& image, const std::string& path) {
  const auto png = encode_png(image);
  write_file_atomically(path, {reinterpret_cast<const char*>(png.data()), png.size()});
}

}  // namespace headstart
