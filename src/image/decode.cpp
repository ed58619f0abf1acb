// decode_image: the type by content, the decoder of that type, then the EXIF orientation.
#include <algorithm>
#include <cctype>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "headstart/error.h"
#include "headstart/image.h"
#include "headstart/text.h"
#include "image/decoders.h"
#include "image/orientation.h"
#include "image/picture_file.h"

namespace headstart {
namespace {

bool is_text(std::span<const std::uint8_t> bytes) {
  const auto head = bytes.first(std::min<std::size_t>(bytes.size(), 512));
  return std::all_of(head.begin(), head.end(),
                     [](std::uint8_t c) { return c >= 0x20 || std::isspace(c) != 0; });
}

// A file of the family of MP4, told by its first bytes: a photo that is not read, or a film. Else empty.
std::string mp4_kind(std::span<const std::uint8_t> bytes) {
  const std::string_view head(reinterpret_cast<const char*>(bytes.data()),
                              std::min<std::size_t>(bytes.size(), 12));
  if (head.size() < 12 || head.substr(4, 4) != "ftyp") {
    return "";
  }
  const auto brand = head.substr(8, 4);
  return brand == "avif"                              ? "an AVIF photo"
         : brand.starts_with("he") || brand == "mif1" ? "a HEIC photo"
                                                      : "a film";
}

std::string describe_unknown(std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) {
    return "an empty file";
  }
  if (is_text(bytes)) {
    return "text";
  }
  if (const auto kind = mp4_kind(bytes); !kind.empty()) {
    return kind == "a film" ? kind : kind + ", which heif-convert turns into a JPEG";
  }
  const auto head = bytes.first(std::min<std::size_t>(bytes.size(), 8));
  return fmt::format("{} bytes that begin with {:02x}", bytes.size(), fmt::join(head, " "));
}

Decoded decode_by_format(std::span<const std::uint8_t> bytes, const DecodeOptions& options) {
  switch (image_format(bytes)) {
    case ImageFormat::jpeg:
      return decode_jpeg(bytes, options);
    case ImageFormat::png:
      return decode_png(bytes, options);
    case ImageFormat::webp:
      return decode_webp(bytes, options);
    case ImageFormat::bmp:
      return decode_bmp(bytes, options);
    case ImageFormat::gif:
      return decode_gif(bytes, options);
    case ImageFormat::tiff:
      return decode_tiff(bytes, options);
    case ImageFormat::unknown:
      break;
  }
  throw Error(
      fmt::format("[image] a JPEG, PNG, WebP, BMP, GIF or TIFF was expected; received {}; remove "
                  "or replace the "
                  "file",
                  describe_unknown(bytes)));
}

}  // namespace

void check_size(std::int64_t width, std::int64_t height, const DecodeOptions& options) {
  if (width < 1 || height < 1) {
    throw Error(fmt::format("[image] a picture with pixels was expected; received {}x{}; replace the file",
                            width, height));
  }
  if (width > options.maximum_pixels / height) {
    throw Error(
        fmt::format("[image] at most {} pixels were expected; received {}x{}; make the picture smaller",
                    options.maximum_pixels, width, height));
  }
}

void check_pixels(const Image& image) {
  const auto expected = std::int64_t{3} * image.width * image.height;
  if (image.width < 1 || image.height < 1 || static_cast<std::int64_t>(image.pixels.size()) != expected) {
    throw Error(
        fmt::format("[image] expected a picture with 3 bytes for each pixel; received {}x{} with {} bytes; "
                    "make width, height and pixels agree",
                    image.width, image.height, image.pixels.size()));
  }
}

Image make_image(int width, int height) {
  return {width, height,
          std::vector<std::uint8_t>(std::size_t{3} * static_cast<std::size_t>(width) *
                                    static_cast<std::size_t>(height))};
}

std::uint8_t over_white(int value, int alpha) {
  return static_cast<std::uint8_t>((value * alpha + 255 * (255 - alpha) + 127) / 255);
}

Image compose_over_white(std::span<const std::uint8_t> rgba, int width, int height) {
  Image image = make_image(width, height);
  for (std::size_t pixel = 0; pixel < image.pixels.size() / 3; ++pixel) {
    const std::uint8_t* source = rgba.data() + 4 * pixel;
    for (std::size_t channel = 0; channel < 3; ++channel) {
      image.pixels[3 * pixel + channel] = over_white(source[channel], source[3]);
    }
  }
  return image;
}

void throw_truncated(const std::string& format) {
  throw Error(
      fmt::format("[image] a whole {} was expected; received a truncated one; replace the file", format));
}

void throw_corrupt(const std::string& format, const std::string& detail) {
  throw Error(fmt::format("[image] a valid {} was expected; received a damaged one ({}); replace the file",
                          format, detail));
}

Image decode_image(std::span<const std::uint8_t> bytes, const DecodeOptions& options) {
  Decoded decoded = decode_by_format(bytes, options);
  return oriented(std::move(decoded.image), decoded.orientation);
}

Image read_image(const std::string& path, const DecodeOptions& options) {
  const auto bytes = read_picture_file(path);
  try {
    return decode_image(bytes, options);
  } catch (const Error& error) {
    throw Error(fmt::format("[image] {}: {}", path, without_tag(error.what())));
  }
}

}  // namespace headstart
