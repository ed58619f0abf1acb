// Reading of protobuf messages from their wire format, field by field, over bytes in memory.
//
// Why not libprotobuf: it copies every field of bytes, so a model of 500 MB would take 1 GB, and it would add
// a library and a code generator for the few fields of ONNX that weights take. A field here is a view into
// the mapped file. Source: "Encoding", the Protocol Buffers documentation.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "weights/bytes.h"

namespace headstart {

struct ProtobufField {
  std::uint64_t number = 0;
  bool has_bytes = false;                 // a string, bytes, a message or packed numbers; else a number
  std::uint64_t value = 0;                // of a number: its bits
  std::span<const std::uint8_t> bytes{};  // into the message
};

class ProtobufReader {
 public:
  ProtobufReader(std::span<const std::uint8_t> message, std::string_view tag) : view_(message, tag) {}

  // The next field; nothing at the end. Throws Error for what is no protobuf.
  std::optional<ProtobufField> next() {
    if (position_ == view_.size()) {
      return std::nullopt;
    }
    const auto key = varint();
    ProtobufField field{.number = key >> 3U};
    switch (key & 7U) {
      case 0:
        field.value = varint();
        break;
      case 1:
        field.value = fixed<std::uint64_t>();
        break;
      case 2: {
        const auto length = varint();
        field.has_bytes = true;
        field.bytes = view_.slice(position_, length);
        position_ += length;
        break;
      }
      case 5:
        field.value = fixed<std::uint32_t>();
        break;
      default:
        throw Error(fmt::format("[{}] expected a protobuf field; received the wire type {}; it is damaged",
                                view_.tag(), key & 7U));
    }
    return field;
  }

  std::uint64_t varint() {
    constexpr unsigned kMaximumBits = 64;
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < kMaximumBits; shift += 7) {
      const auto byte = view_.read<std::uint8_t>(position_++);
      value |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
      if ((byte & 0x80U) == 0) {
        return value;
      }
    }
    throw Error(fmt::format("[{}] expected a number of up to 64 bits; received a longer one; it is damaged",
                            view_.tag()));
  }
  bool at_end() const { return position_ == view_.size(); }

 private:
  template <typename T>
  T fixed() {
    const auto value = view_.read<T>(position_);
    position_ += sizeof(T);
    return value;
  }

  ByteView view_;
  std::uint64_t position_ = 0;
};

// A repeated integer: packed into one field of bytes, or one number a field.
inline void append_integers(const ProtobufField& field, std::string_view tag, std::vector<std::int64_t>& to) {
  if (!field.has_bytes) {
    to.push_back(static_cast<std::int64_t>(field.value));
    return;
  }
  for (ProtobufReader packed(field.bytes, tag); !packed.at_end();) {
    to.push_back(static_cast<std::int64_t>(packed.varint()));
  }
}

}  // namespace headstart
