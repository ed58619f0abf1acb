// WebP by libwebp: lossy, lossless, alpha, the first frame of an animation, EXIF.
#include <algorithm>
#include <memory>
#include <vector>

#include <webp/decode.h>
#include <webp/demux.h>

#include "image/decoders.h"
#include "image/orientation.h"

namespace headstart {
namespace {

struct DemuxerRelease {
  void operator()(WebPDemuxer* demuxer) const { WebPDemuxDelete(demuxer); }
};

void check(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_OK:
      return;
    case VP8_STATUS_OUT_OF_MEMORY:
      throw std::bad_alloc();
    case VP8_STATUS_SUSPENDED:
    case VP8_STATUS_NOT_ENOUGH_DATA:
      throw_truncated("WebP");
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      throw_corrupt("WebP", "unsupported feature");
    case VP8_STATUS_INVALID_PARAM:
    case VP8_STATUS_BITSTREAM_ERROR:
    case VP8_STATUS_USER_ABORT:
      throw_corrupt("WebP", "bitstream error");
  }
}

// One still bitstream to pixels of 3 or 4 bytes.
void decode_into(const WebPData& bitstream, WEBP_CSP_MODE mode, int stride,
                 std::vector<std::uint8_t>& pixels) {
  WebPDecoderConfig config{};
  if (WebPInitDecoderConfig(&config) == 0) {
    throw_corrupt("WebP", "library version mismatch");
  }
  config.output.colorspace = mode;
  config.output.is_external_memory = 1;
  config.output.u.RGBA = {pixels.data(), stride, pixels.size()};
  check(WebPDecode(bitstream.bytes, bitstream.size, &config));
}

Image decode_still(const WebPData& bitstream, int width, int height, bool alpha) {
  if (alpha) {
    std::vector<std::uint8_t> rgba(std::size_t{4} * static_cast<std::size_t>(width) *
                                   static_cast<std::size_t>(height));
    decode_into(bitstream, MODE_RGBA, 4 * width, rgba);
    return compose_over_white(rgba, width, height);
  }
  Image image = make_image(width, height);
  decode_into(bitstream, MODE_RGB, 3 * width, image.pixels);
  return image;
}

// The first frame on a white canvas of the animation's size.
Image decode_first_frame(const WebPDemuxer* demuxer, int width, int height) {
  WebPIterator frame{};
  if (WebPDemuxGetFrame(demuxer, 1, &frame) == 0) {
    throw_truncated("WebP");
  }
  const std::unique_ptr<WebPIterator, void (*)(WebPIterator*)> release(&frame, WebPDemuxReleaseIterator);
  if (frame.complete == 0) {
    throw_truncated("WebP");
  }
  WebPBitstreamFeatures features{};
  check(WebPGetFeatures(frame.fragment.bytes, frame.fragment.size, &features));
  if (features.width != frame.width || features.height != frame.height || frame.x_offset < 0 ||
      frame.y_offset < 0 || frame.x_offset + frame.width > width || frame.y_offset + frame.height > height) {
    throw_corrupt("WebP", "frame outside of its canvas");
  }
  const Image still = decode_still(frame.fragment, frame.width, frame.height, features.has_alpha != 0);
  Image canvas = make_image(width, height);
  std::fill(canvas.pixels.begin(), canvas.pixels.end(), std::uint8_t{255});
  for (int y = 0; y < still.height; ++y) {
    std::copy_n(still.pixels.data() + static_cast<std::ptrdiff_t>(y) * still.width * 3, still.width * 3,
                canvas.pixels.data() +
                    (static_cast<std::ptrdiff_t>(y + frame.y_offset) * width + frame.x_offset) * 3);
  }
  return canvas;
}

int saved_orientation(const WebPDemuxer* demuxer) {
  WebPChunkIterator chunk{};
  if (WebPDemuxGetChunk(demuxer, "EXIF", 1, &chunk) == 0) {
    return 1;
  }
  const int orientation = exif_orientation({chunk.chunk.bytes, chunk.chunk.size});
  WebPDemuxReleaseChunkIterator(&chunk);
  return orientation;
}

}  // namespace

Decoded decode_webp(std::span<const std::uint8_t> bytes, const DecodeOptions& options) {
  const WebPData data{bytes.data(), bytes.size()};
  WebPBitstreamFeatures features{};
  check(WebPGetFeatures(data.bytes, data.size, &features));
  check_size(features.width, features.height, options);
  // Null for a file that a still decoder may yet read.
  WebPDemuxState state = WEBP_DEMUX_PARSE_ERROR;
  const std::unique_ptr<WebPDemuxer, DemuxerRelease> demuxer(WebPDemuxPartial(&data, &state));
  if (features.has_animation != 0) {
    if (demuxer == nullptr) {
      throw_corrupt("WebP", "animation without frames");
    }
    return {decode_first_frame(demuxer.get(), features.width, features.height),
            saved_orientation(demuxer.get())};
  }
  Image image = decode_still(data, features.width, features.height, features.has_alpha != 0);
  return {std::move(image), demuxer == nullptr ? 1 : saved_orientation(demuxer.get())};
}

}  // namespace headstart
