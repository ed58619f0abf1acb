#include "explain/explore_values.h"

#include <bit>
#include <cstddef>

#include <zlib.h>

#include "core/base64.h"
#include "core/sha256.h"
#include "headstart/error.h"

namespace headstart {
namespace {

// The nearest float whose last 8 bits are 0; infinities and NaN stay what they are.
std::uint32_t upper_bits(float value) {
  constexpr std::uint32_t kExponent = 0x7F800000U, kQuiet = 0x00400000U;
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & kExponent) == kExponent) {
    return (value != value ? bits | kQuiet : bits) >> 8U;
  }
  return (bits + 0x7FU + (bits >> 8U & 1U)) >> 8U;
}

std::vector<std::uint8_t> deflated(const std::vector<std::uint8_t>& bytes) {
  uLongf size = compressBound(static_cast<uLong>(bytes.size()));
  std::vector<std::uint8_t> result(size);
  if (compress2(result.data(), &size, bytes.data(), static_cast<uLong>(bytes.size()),
                Z_DEFAULT_COMPRESSION) != Z_OK) {
    throw Error("[explore] out of memory while the page's values were compressed");
  }
  result.resize(size);
  return result;
}

}  // namespace

ValueBlock ExploreValues::add(std::span<const float> values) {
  const auto bytes = std::as_bytes(values);
  const std::string hash =
      sha256_hex({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});  // NOLINT
  const auto [known, fresh] = known_.try_emplace(
      hash, ValueBlock{.offset = count(), .count = static_cast<std::int64_t>(values.size())});
  if (fresh) {
    values_.insert(values_.end(), values.begin(), values.end());
  }
  return known->second;
}

std::string ExploreValues::text() const {
  const std::size_t size = values_.size();
  std::vector<std::uint8_t> planes(3 * size);
  for (std::size_t i = 0; i < size; ++i) {
    const std::uint32_t bits = upper_bits(values_[i]);
    planes[i] = static_cast<std::uint8_t>(bits >> 16U);
    planes[size + i] = static_cast<std::uint8_t>(bits >> 8U & 0xFFU);
    planes[2 * size + i] = static_cast<std::uint8_t>(bits & 0xFFU);
  }
  return base64(deflated(planes));
}

}  // namespace headstart
