#include "image/encode_jpeg.h"

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include <fmt/format.h>
#include <jpeglib.h>

#include "headstart/error.h"

namespace headstart {
namespace {

// As in decoding: libjpeg leaves by longjmp, over frames without destructors.
struct JpegWriter {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  std::jmp_buf escape{};
  char message[JMSG_LENGTH_MAX]{};
  unsigned char* buffer = nullptr;
  unsigned long size = 0;

  JpegWriter() = default;
  JpegWriter(const JpegWriter&) = delete;
  JpegWriter& operator=(const JpegWriter&) = delete;
  ~JpegWriter() {
    jpeg_destroy_compress(&info);
    std::free(buffer);
  }
};

void leave_writer(j_common_ptr info) {
  auto& writer = *static_cast<JpegWriter*>(info->client_data);
  info->err->format_message(info, writer.message);
  std::longjmp(writer.escape, 1);
}

// False when libjpeg left.
bool write_rows(JpegWriter& writer, const Image& image, int quality) {
  if (setjmp(writer.escape) != 0) {
    return false;
  }
  auto& info = writer.info;
  jpeg_create_compress(&info);
  jpeg_mem_dest(&info, &writer.buffer, &writer.size);
  info.image_width = static_cast<JDIMENSION>(image.width);
  info.image_height = static_cast<JDIMENSION>(image.height);
  info.input_components = 3;
  info.in_color_space = JCS_RGB;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, quality, TRUE);
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < info.image_height) {
    JSAMPROW row = const_cast<JSAMPROW>(image.pixels.data()) +
                   std::size_t{info.next_scanline} * 3 * static_cast<std::size_t>(image.width);
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  return true;
}

}  // namespace

std::vector<std::uint8_t> encode_jpeg(const Image& image, int quality) {
  JpegWriter writer;
  writer.info.err = jpeg_std_error(&writer.errors);
  writer.errors.error_exit = leave_writer;
  writer.info.client_data = &writer;
  if (!write_rows(writer, image, quality)) {
    throw Error(fmt::format("[image] cannot encode the JPEG: {}", writer.message));
  }
  return {writer.buffer, writer.buffer + writer.size};
}

}  // namespace headstart
