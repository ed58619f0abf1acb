// Writing of protobuf messages in their wire format: fields appended to a text.
//
// Why not libprotobuf or Debian's libonnx: both want a whole model as objects in memory, its parameters
// copied into them, and bring a library and generated headers that differ between Debian 12 and 13, for the
// two dozen fields of ONNX that a network takes.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace headstart {

class ProtobufWriter {
 public:
  void number(std::uint64_t field, std::int64_t value) {
    key(field, 0);
    varint(static_cast<std::uint64_t>(value));
  }
  void real(std::uint64_t field, float value) {
    key(field, 5);
    for (auto bits = std::bit_cast<std::uint32_t>(value), i = 0U; i < 4; ++i, bits >>= 8U) {
      text_ += static_cast<char>(bits & 0xFFU);
    }
  }
  void bytes(std::uint64_t field, std::string_view value) {
    begin_bytes(field, value.size());
    text_ += value;
  }
  // What stands in front of a field of bytes; the caller lets `size` bytes follow.
  void begin_bytes(std::uint64_t field, std::uint64_t size) {
    key(field, 2);
    varint(size);
  }
  const std::string& text() const { return text_; }

 private:
  void key(std::uint64_t field, std::uint64_t wire_type) { varint(field << 3U | wire_type); }
  void varint(std::uint64_t value) {
    for (; value >= 0x80U; value >>= 7U) {
      text_ += static_cast<char>(value | 0x80U);
    }
    text_ += static_cast<char>(value);
  }

  std::string text_;
};

}  // namespace headstart
