// The first picture of a TIFF by libtiff: gray, palette, RGB, CMYK, YCbCr, 8 or 16 bits, alpha.
#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include <fmt/format.h>
#include <tiffio.h>

#include "headstart/error.h"
#include "image/decoders.h"
#include "image/inspect.h"

namespace headstart {
namespace {

constexpr tmsize_t kLargestTables = tmsize_t{16} << 20;  // of a directory, beside the pixels

struct OptionsRelease {
  void operator()(TIFFOpenOptions* options) const { TIFFOpenOptionsFree(options); }
};
struct TiffRelease {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
};

// The file in memory as libtiff reads it, and what libtiff said last.
struct Source {
  std::span<const std::uint8_t> bytes;
  toff_t position = 0;
  std::string complaint{};
};

tmsize_t read_bytes(thandle_t handle, void* target, tmsize_t count) {
  auto& source = *static_cast<Source*>(handle);
  const auto size = static_cast<toff_t>(source.bytes.size());
  const auto available = source.position < size ? size - source.position : 0;
  const auto taken = std::min(static_cast<toff_t>(std::max<tmsize_t>(count, 0)), available);
  std::memcpy(target, source.bytes.data() + std::min(source.position, size), taken);
  source.position += taken;
  return static_cast<tmsize_t>(taken);
}

tmsize_t write_nothing(thandle_t, void*, tmsize_t) { return 0; }

toff_t seek(thandle_t handle, toff_t offset, int from) {
  auto& source = *static_cast<Source*>(handle);
  const toff_t start = from == SEEK_CUR   ? source.position
                       : from == SEEK_END ? static_cast<toff_t>(source.bytes.size())
                                          : 0;
  source.position = start + offset;
  return source.position;
}

int close_nothing(thandle_t) { return 0; }

toff_t size_of(thandle_t handle) { return static_cast<Source*>(handle)->bytes.size(); }

int keep_complaint(TIFF*, void* source, const char*, const char* format, va_list arguments) {
  std::array<char, 256> text{};
  if (std::vsnprintf(text.data(), text.size(), format, arguments) > 0) {
    static_cast<Source*>(source)->complaint = text.data();
  }
  return 1;
}

int ignore_warning(TIFF*, void*, const char*, const char*, va_list) { return 1; }

// Null where there is no directory; source.complaint says why.
std::unique_ptr<TIFF, TiffRelease> open(Source& source, tmsize_t largest_allocation) {
  const std::unique_ptr<TIFFOpenOptions, OptionsRelease> options(TIFFOpenOptionsAlloc());
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), largest_allocation);
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), keep_complaint, &source);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), ignore_warning, nullptr);
  return std::unique_ptr<TIFF, TiffRelease>(TIFFClientOpenExt("picture", "rm", &source, read_bytes,
                                                              write_nothing, seek, close_nothing, size_of,
                                                              nullptr, nullptr, options.get()));
}

template <class Number>
Number field(TIFF* tiff, std::uint32_t tag, Number otherwise) {
  Number value = otherwise;
  return TIFFGetFieldDefaulted(tiff, tag, &value) == 1 ? value : otherwise;
}

bool has_alpha(TIFF* tiff) {
  std::uint16_t count = 0;
  std::uint16_t* kinds = nullptr;
  return TIFFGetFieldDefaulted(tiff, TIFFTAG_EXTRASAMPLES, &count, &kinds) == 1 && count > 0 &&
         kinds[0] != EXTRASAMPLE_UNSPECIFIED;
}

[[noreturn]] void fail(const Source& source) {
  const std::string& complaint = source.complaint;
  if (complaint.find("Read error") != std::string::npos || complaint.find("got ") != std::string::npos) {
    throw_truncated("TIFF");
  }
  throw_corrupt("TIFF", complaint.empty() ? "no picture" : complaint);
}

void check_kind(TIFF* tiff) {
  if ((field<std::uint32_t>(tiff, TIFFTAG_SUBFILETYPE, 0) & FILETYPE_REDUCEDIMAGE) != 0U) {
    throw Error("[image] a picture was expected; received a raw photo; develop it, to JPEG say");
  }
  std::array<char, 1024> reason{};
  if (TIFFRGBAImageOK(tiff, reason.data()) == 0) {
    throw Error(
        fmt::format("[image] a TIFF of 8 or 16 bits was expected; received another ({}); convert it, "
                    "to PNG say",
                    reason.data()));
  }
}

}  // namespace

Decoded decode_tiff(std::span<const std::uint8_t> bytes, const DecodeOptions& options) {
  constexpr tmsize_t kLargestPixel = 8, kMostPixels = tmsize_t{1} << 40;  // far more than memory holds
  Source source{bytes};
  const auto pixels = std::clamp<tmsize_t>(options.maximum_pixels, 0, kMostPixels);
  const auto tiff = open(source, pixels * kLargestPixel + kLargestTables);
  if (tiff == nullptr) {
    fail(source);
  }
  const auto width = field<std::uint32_t>(tiff.get(), TIFFTAG_IMAGEWIDTH, 0);
  const auto height = field<std::uint32_t>(tiff.get(), TIFFTAG_IMAGELENGTH, 0);
  check_size(width, height, options);
  check_kind(tiff.get());
  // Rows as they are stored: the orientation is EXIF's, and is applied as EXIF's.
  const auto orientation = field<std::uint16_t>(tiff.get(), TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
  std::vector<std::uint32_t> raster(std::size_t{width} * height);
  if (TIFFReadRGBAImageOriented(tiff.get(), width, height, raster.data(), orientation, 1) == 0) {
    fail(source);
  }
  Image image = make_image(static_cast<int>(width), static_cast<int>(height));
  for (std::size_t pixel = 0; pixel < raster.size(); ++pixel) {
    const std::uint32_t abgr = raster[pixel];
    const std::uint32_t white = 255 - TIFFGetA(abgr);  // colours are already multiplied by alpha
    const std::array colours{TIFFGetR(abgr), TIFFGetG(abgr), TIFFGetB(abgr)};
    for (std::size_t channel = 0; channel < 3; ++channel) {
      image.pixels[3 * pixel + channel] =
          static_cast<std::uint8_t>(std::min<std::uint32_t>(colours[channel] + white, 255));
    }
  }
  return {std::move(image), orientation};
}

void inspect_tiff(std::span<const std::uint8_t> bytes, ImageFacts& facts) {
  Source source{bytes};
  if (const auto tiff = open(source, kLargestTables)) {
    facts.width = stored_side(field<std::uint32_t>(tiff.get(), TIFFTAG_IMAGEWIDTH, 0));
    facts.height = stored_side(field<std::uint32_t>(tiff.get(), TIFFTAG_IMAGELENGTH, 0));
    facts.sixteen_bit = field<std::uint16_t>(tiff.get(), TIFFTAG_BITSPERSAMPLE, 1) > 8;
    facts.cmyk = field<std::uint16_t>(tiff.get(), TIFFTAG_PHOTOMETRIC, 0) == PHOTOMETRIC_SEPARATED;
    facts.alpha = has_alpha(tiff.get());
  }
}

}  // namespace headstart
