// JPEG by libjpeg-turbo: scaled decoding, gray, CMYK and YCCK, EXIF orientation.
#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include <jerror.h>
#include <jpeglib.h>

#include "image/decoders.h"
#include "image/orientation.h"

namespace headstart {
namespace {

// A progressive file can ask for any number of passes over the whole picture; real ones have about ten.
constexpr int kMaximumScans = 500;

// libjpeg's way out of an error is longjmp. Every call into it is made inside guarded(), where no frame
// between the jump and its target holds anything with a destructor.
struct JpegReader {
  jpeg_decompress_struct info{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf escape{};
  char message[JMSG_LENGTH_MAX]{};
  bool truncated = false;

  JpegReader() = default;
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;
  ~JpegReader() { jpeg_destroy_decompress(&info); }
};

JpegReader& reader_of(j_common_ptr info) { return *static_cast<JpegReader*>(info->client_data); }

void leave(j_common_ptr info) {
  info->err->format_message(info, reader_of(info).message);
  std::longjmp(reader_of(info).escape, 1);
}

void note_message(j_common_ptr info, int level) {
  if (level < 0 && info->err->msg_code == JWRN_JPEG_EOF) {
    reader_of(info).truncated = true;
  }
}

void limit_scans(j_common_ptr info) {
  if (info->is_decompressor != 0 &&
      reinterpret_cast<j_decompress_ptr>(info)->input_scan_number > kMaximumScans) {
    std::snprintf(reader_of(info).message, JMSG_LENGTH_MAX, "more than %d scans", kMaximumScans);
    std::longjmp(reader_of(info).escape, 1);
  }
}

template <typename Body>
void guarded(JpegReader& reader, const Body& body) {
  if (setjmp(reader.escape) != 0) {
    if (reader.truncated) {
      throw_truncated("JPEG");
    }
    throw_corrupt("JPEG", reader.message);
  }
  body();
}

void open(JpegReader& reader, std::span<const std::uint8_t> bytes) {
  reader.info.err = jpeg_std_error(&reader.errors);
  reader.errors.error_exit = leave;
  reader.errors.emit_message = note_message;
  reader.progress.progress_monitor = limit_scans;
  reader.info.client_data = &reader;
  guarded(reader, [&] {
    jpeg_create_decompress(&reader.info);
    reader.info.progress = &reader.progress;
    jpeg_mem_src(&reader.info, bytes.data(), bytes.size());
    jpeg_save_markers(&reader.info, JPEG_APP0 + 1, 0xFFFF);
    jpeg_read_header(&reader.info, TRUE);
  });
}

int saved_orientation(const jpeg_decompress_struct& info) {
  for (auto marker = info.marker_list; marker != nullptr; marker = marker->next) {
    const std::span<const std::uint8_t> data(marker->data, marker->data_length);
    if (data.size() >= 6 && data[0] == 'E' && data[1] == 'x' && data[2] == 'i' && data[3] == 'f') {
      return exif_orientation(data);
    }
  }
  return 1;
}

// The largest of 1, 2, 4, 8 that keeps both sides at the asked minimum.
unsigned scale_denominator(unsigned width, unsigned height, int orientation, const DecodeOptions& options) {
  auto least_width = static_cast<unsigned>(std::max(options.minimum_width, 0));
  auto least_height = static_cast<unsigned>(std::max(options.minimum_height, 0));
  if (least_width == 0 || least_height == 0) {
    return 1;
  }
  if (orientation_transposes(orientation)) {
    std::swap(least_width, least_height);
  }
  unsigned denominator = 8;
  while (denominator > 1 && (width / denominator < least_width || height / denominator < least_height)) {
    denominator /= 2;
  }
  return denominator;
}

// value * scale / 255, rounded, as Pillow does it.
int multiply_bytes(int value, int scale) {
  const int product = value * scale + 128;
  return ((product >> 8) + product) >> 8;
}

// Adobe writes CMYK inverted: 255 is no ink.
void cmyk_to_rgb(const std::uint8_t* cmyk, std::size_t pixels, bool inverted, std::uint8_t* rgb) {
  for (std::size_t i = 0; i < pixels; ++i) {
    const int light = inverted ? cmyk[4 * i + 3] : 255 - cmyk[4 * i + 3];
    for (std::size_t c = 0; c < 3; ++c) {
      const int ink = inverted ? 255 - cmyk[4 * i + c] : cmyk[4 * i + c];
      rgb[3 * i + c] = static_cast<std::uint8_t>(std::max(light - multiply_bytes(ink, light), 0));
    }
  }
}

void read_rgb(JpegReader& reader, Image& image) {
  std::uint8_t* row = image.pixels.data();
  const std::size_t stride = std::size_t{3} * static_cast<std::size_t>(image.width);
  guarded(reader, [&reader, row, stride] {
    while (reader.info.output_scanline < reader.info.output_height) {
      JSAMPROW line = row + reader.info.output_scanline * stride;
      jpeg_read_scanlines(&reader.info, &line, 1);
    }
  });
}

void read_cmyk(JpegReader& reader, Image& image) {
  const auto width = static_cast<std::size_t>(image.width);
  std::vector<std::uint8_t> cmyk(4 * width);
  JSAMPROW line = cmyk.data();
  std::uint8_t* row = image.pixels.data();
  guarded(reader, [&reader, line, row, width] {
    while (reader.info.output_scanline < reader.info.output_height) {
      std::uint8_t* target = row + reader.info.output_scanline * 3 * width;
      JSAMPROW source = line;
      jpeg_read_scanlines(&reader.info, &source, 1);
      cmyk_to_rgb(source, width, reader.info.saw_Adobe_marker != 0, target);
    }
  });
}

}  // namespace

Decoded decode_jpeg(std::span<const std::uint8_t> bytes, const DecodeOptions& options) {
  JpegReader reader;
  open(reader, bytes);
  auto& info = reader.info;
  check_size(info.image_width, info.image_height, options);
  const int orientation = saved_orientation(info);
  const bool cmyk = info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK;
  info.out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
  info.scale_num = 1;
  info.scale_denom = scale_denominator(info.image_width, info.image_height, orientation, options);
  guarded(reader, [&info] { jpeg_start_decompress(&info); });

  Decoded decoded{make_image(static_cast<int>(info.output_width), static_cast<int>(info.output_height)),
                  orientation};
  if (cmyk) {
    read_cmyk(reader, decoded.image);
  } else {
    read_rgb(reader, decoded.image);
  }
  if (reader.truncated) {
    throw_truncated("JPEG");
  }
  return decoded;
}

}  // namespace headstart
