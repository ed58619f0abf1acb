// The first frame of a GIF by giflib, on a white canvas.
#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include <gif_lib.h>

#include "image/decoders.h"

namespace headstart {
namespace {

int read_bytes(GifFileType* gif, GifByteType* target, int count) {
  auto& rest = *static_cast<std::span<const std::uint8_t>*>(gif->UserData);
  const std::size_t taken = std::min(rest.size(), static_cast<std::size_t>(std::max(count, 0)));
  if (taken > 0) {
    std::memcpy(target, rest.data(), taken);
  }
  rest = rest.subspan(taken);
  return static_cast<int>(taken);
}

struct GifRelease {
  void operator()(GifFileType* gif) const { DGifCloseFile(gif, nullptr); }
};

[[noreturn]] void fail(int code) {
  if (code == D_GIF_ERR_EOF_TOO_SOON || code == D_GIF_ERR_READ_FAILED) {
    throw_truncated("GIF");
  }
  const char* reason = GifErrorString(code);
  throw_corrupt("GIF", reason == nullptr ? "unknown error" : reason);
}

void check(const GifFileType& gif, int status) {
  if (status == GIF_ERROR) {
    fail(gif.Error);
  }
}

// Reads one extension; returns the transparent colour when it names one, else what was known before.
int read_extension(GifFileType& gif, int transparent) {
  int code = 0;
  GifByteType* block = nullptr;
  check(gif, DGifGetExtension(&gif, &code, &block));
  while (block != nullptr) {
    GraphicsControlBlock control{};
    if (code == GRAPHICS_EXT_FUNC_CODE && DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK) {
      transparent = control.TransparentColor;
    }
    check(gif, DGifGetExtensionNext(&gif, &block));
  }
  return transparent;
}

// Rows of an interlaced frame come in four passes.
std::vector<int> row_order(int height, bool interlaced) {
  constexpr std::array<int, 4> kOffsets{0, 4, 2, 1};
  constexpr std::array<int, 4> kSteps{8, 8, 4, 2};
  std::vector<int> rows;
  rows.reserve(static_cast<std::size_t>(height));
  for (std::size_t pass = 0; pass < (interlaced ? 4 : 1); ++pass) {
    for (int y = interlaced ? kOffsets[pass] : 0; y < height; y += interlaced ? kSteps[pass] : 1) {
      rows.push_back(y);
    }
  }
  return rows;
}

void draw_row(const GifFileType& gif, const ColorMapObject& colors, int transparent, int y,
              const std::vector<GifPixelType>& indices, Image& canvas) {
  const auto& frame = gif.Image;
  const int top = frame.Top + y;
  for (int x = 0; x < frame.Width; ++x) {
    const int left = frame.Left + x;
    const int index = indices[static_cast<std::size_t>(x)];
    if (top < canvas.height && left < canvas.width && index != transparent && index < colors.ColorCount) {
      const GifColorType& color = colors.Colors[index];
      std::uint8_t* target =
          canvas.pixels.data() + 3 * (static_cast<std::ptrdiff_t>(top) * canvas.width + left);
      target[0] = color.Red;
      target[1] = color.Green;
      target[2] = color.Blue;
    }
  }
}

Image read_frame(GifFileType& gif, int transparent, const DecodeOptions& options) {
  check(gif, DGifGetImageDesc(&gif));
  const auto& frame = gif.Image;
  check_size(frame.Width, frame.Height, options);
  const ColorMapObject* colors = frame.ColorMap != nullptr ? frame.ColorMap : gif.SColorMap;
  if (colors == nullptr || frame.Left < 0 || frame.Top < 0) {
    throw_corrupt("GIF", colors == nullptr ? "no colour map" : "frame outside of its canvas");
  }
  const bool has_screen = gif.SWidth > 0 && gif.SHeight > 0;
  Image canvas = make_image(has_screen ? gif.SWidth : frame.Width, has_screen ? gif.SHeight : frame.Height);
  std::fill(canvas.pixels.begin(), canvas.pixels.end(), std::uint8_t{255});
  std::vector<GifPixelType> indices(static_cast<std::size_t>(frame.Width));
  for (const int y : row_order(frame.Height, frame.Interlace)) {
    check(gif, DGifGetLine(&gif, indices.data(), frame.Width));
    draw_row(gif, *colors, transparent, y, indices, canvas);
  }
  return canvas;
}

}  // namespace

Decoded decode_gif(std::span<const std::uint8_t> bytes, const DecodeOptions& options) {
  auto rest = bytes;
  int error = 0;
  const std::unique_ptr<GifFileType, GifRelease> gif(DGifOpen(&rest, read_bytes, &error));
  if (gif == nullptr) {
    fail(error);
  }
  if (gif->SWidth > 0 && gif->SHeight > 0) {
    check_size(gif->SWidth, gif->SHeight, options);
  }
  int transparent = NO_TRANSPARENT_COLOR;
  for (;;) {
    GifRecordType record = UNDEFINED_RECORD_TYPE;
    check(*gif, DGifGetRecordType(gif.get(), &record));
    switch (record) {
      case IMAGE_DESC_RECORD_TYPE:
        return {read_frame(*gif, transparent, options)};
      case EXTENSION_RECORD_TYPE:
        transparent = read_extension(*gif, transparent);
        break;
      case TERMINATE_RECORD_TYPE:
        throw_corrupt("GIF", "no picture");
      case SCREEN_DESC_RECORD_TYPE:
      case UNDEFINED_RECORD_TYPE:
        break;
    }
  }
}

}  // namespace headstart
