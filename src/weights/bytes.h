// A file's bytes in memory and bounds-checked little-endian reads from them.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

#include <fmt/format.h>

#include "headstart/error.h"

namespace headstart {

static_assert(std::endian::native == std::endian::little, "weight files are little-endian and read in place");

// Shared so that tensors can alias a mapped file and keep it alive.
struct SharedBytes {
  std::shared_ptr<std::uint8_t> data;
  std::size_t size = 0;
  bool mapped = false;  // a mapped file, of which parts can be given back
  std::span<const std::uint8_t> span() const { return {data.get(), size}; }
};

// Reads that throw Error "[tag] ..." in place of running over the end.
class ByteView {
 public:
  ByteView(std::span<const std::uint8_t> bytes, std::string_view tag) : bytes_(bytes), tag_(tag) {}

  std::size_t size() const { return bytes_.size(); }
  std::string_view tag() const { return tag_; }

  std::span<const std::uint8_t> slice(std::uint64_t offset, std::uint64_t length) const {
    if (offset > bytes_.size() || length > bytes_.size() - offset) {
      throw Error(
          fmt::format("[{}] expected {} bytes at {}; the file or block has {}; it is truncated or damaged",
                      tag_, length, offset, bytes_.size()));
    }
    return bytes_.subspan(offset, length);
  }
  ByteView view(std::uint64_t offset, std::uint64_t length) const { return {slice(offset, length), tag_}; }

  template <std::unsigned_integral T>
  T read(std::uint64_t offset) const {
    T value{};
    std::memcpy(&value, slice(offset, sizeof(T)).data(), sizeof(T));
    return value;
  }
  // An unsigned number of `width` bytes, 1 to 8.
  std::uint64_t read_sized(std::uint64_t offset, unsigned width) const {
    std::uint64_t value = 0;
    std::memcpy(&value, slice(offset, width).data(), width);
    return value;
  }
  bool has_at(std::uint64_t offset, std::string_view magic) const {
    return offset <= bytes_.size() && magic.size() <= bytes_.size() - offset &&
           std::memcmp(bytes_.data() + offset, magic.data(), magic.size()) == 0;
  }

 private:
  std::span<const std::uint8_t> bytes_;
  std::string_view tag_;  // a literal
};

inline std::string_view as_text(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace headstart
