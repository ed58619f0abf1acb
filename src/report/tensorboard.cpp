#include "headstart/tensorboard.h"

#include <array>
#include <bit>
#include <chrono>
#include <filesystem>
#include <string_view>

#include <fmt/format.h>

#include "headstart/error.h"

namespace headstart {
namespace {

namespace fs = std::filesystem;

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

template <typename Unsigned>
std::string little_endian(Unsigned value) {
  std::string bytes;
  for (std::size_t i = 0; i < sizeof(Unsigned); ++i) {
    bytes += static_cast<char>(value >> (8 * i) & 0xFFU);
  }
  return bytes;
}

// CRC-32C (Castagnoli, reflected 0x82F63B78), rotated and shifted as TFRecord masks it.
std::uint32_t masked_crc(std::string_view bytes) {
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) {
      crc = crc >> 1U ^ ((crc & 1U) != 0 ? 0x82F63B78U : 0U);
    }
  }
  return std::rotr(~crc, 15) + 0xA282EAD8U;
}

// Protocol buffers: a key is (field number * 8 + wire type).
std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80U; value >>= 7U) {
    bytes += static_cast<char>((value & 0x7FU) | 0x80U);
  }
  return bytes + static_cast<char>(value);
}
std::string whole_field(std::uint64_t number, std::int64_t value) {
  return varint(number << 3U) + varint(static_cast<std::uint64_t>(value));
}
std::string double_field(std::uint64_t number, double value) {
  return varint(number << 3U | 1U) + little_endian(std::bit_cast<std::uint64_t>(value));
}
std::string float_field(std::uint64_t number, float value) {
  return varint(number << 3U | 5U) + little_endian(std::bit_cast<std::uint32_t>(value));
}
std::string bytes_field(std::uint64_t number, const std::string& bytes) {
  return varint(number << 3U | 2U) + varint(bytes.size()) + bytes;
}

// tensorflow/core/util/event.proto: wall_time 1, step 2, file_version 3, summary 5.
std::string version_event() { return double_field(1, now()) + bytes_field(3, "brain.Event:2"); }

// Summary: repeated Value 1; Value: tag 1, simple_value 2.
std::string scalar_event(std::int64_t step, const std::vector<std::pair<std::string, double>>& scalars) {
  std::string summary;
  for (const auto& [tag, value] : scalars) {
    summary += bytes_field(1, bytes_field(1, tag) + float_field(2, static_cast<float>(value)));
  }
  return double_field(1, now()) + whole_field(2, step) + bytes_field(5, summary);
}

}  // namespace

EventWriter::EventWriter(const std::string& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  // A run that goes on later has a file of its own: TensorBoard joins the files of a folder in this order.
  const auto microseconds = static_cast<long long>(now() * 1e6);
  path_ = (fs::path(directory) / fmt::format("events.out.tfevents.{}.{:06}.headstart",
                                             microseconds / 1'000'000, microseconds % 1'000'000))
              .string();
  file_.open(path_, std::ios::binary);
  write_record(version_event());
}

void EventWriter::add(std::int64_t step, const std::vector<std::pair<std::string, double>>& scalars) {
  write_record(scalar_event(step, scalars));
}

void EventWriter::write_record(const std::string& event) {
  const std::string length = little_endian(std::uint64_t{event.size()});
  file_ << length << little_endian(masked_crc(length)) << event << little_endian(masked_crc(event))
        << std::flush;
  if (!file_) {
    throw Error(fmt::format("[tensorboard] {} was expected to be written; it cannot be", path_));
  }
}

}  // namespace headstart
