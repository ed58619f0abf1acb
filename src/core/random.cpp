#include "core/random.h"

#include <cmath>
#include <numbers>

#include "headstart/error.h"

namespace headstart {

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  constexpr std::uint64_t kMultiplier0 = 0xD2511F53;
  constexpr std::uint64_t kMultiplier1 = 0xCD9E8D57;
  constexpr std::uint32_t kWeyl0 = 0x9E3779B9;  // golden ratio
  constexpr std::uint32_t kWeyl1 = 0xBB67AE85;  // sqrt(3) - 1
  const auto high = [](std::uint64_t product) { return static_cast<std::uint32_t>(product >> 32U); };
  const auto low = [](std::uint64_t product) { return static_cast<std::uint32_t>(product); };
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = kMultiplier0 * counter[0];
    const std::uint64_t product1 = kMultiplier1 * counter[2];
    counter = {high(product1) ^ counter[1] ^ key[0], low(product1), high(product0) ^ counter[3] ^ key[1],
               low(product0)};
    key = {key[0] + kWeyl0, key[1] + kWeyl1};
  }
  return counter;
}

// philox is a bijection of the counter for one key, so different (purpose, a, b) of one seed certainly give
// different streams: 64 bits of the result become the stream's key and the other 64 the fixed half of its
// counter.
std::uint64_t name_hash(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : name) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  return hash;
}

Random::Random(std::uint64_t seed, RandomPurpose purpose, std::uint64_t a, std::uint32_t b) {
  const auto low = [](std::uint64_t value) { return static_cast<std::uint32_t>(value); };
  const auto stream =
      philox({low(a), low(a >> 32U), b, static_cast<std::uint32_t>(purpose)}, {low(seed), low(seed >> 32U)});
  key_ = {stream[0], stream[1]};
  counter_ = {0, 0, stream[2], stream[3]};
}

std::uint32_t Random::bits() {
  if (used_ == 4) {
    block_ = philox(counter_, key_);
    used_ = 0;
    if (++counter_[0] == 0) {
      ++counter_[1];
    }
  }
  return block_[static_cast<std::size_t>(used_++)];
}

float Random::uniform() { return static_cast<float>(bits() >> 8U) * 0x1p-24F; }

float Random::uniform(float low, float high) {
  const float value = low + (high - low) * uniform();
  return value < high || high <= low ? value : std::nextafter(high, low);  // rounding may reach `high`
}

// Box-Muller in double, so that the rounding to float hides the last bit, where mathematics libraries differ.
float Random::normal() {
  const double u = (static_cast<double>(bits()) + 1.0) * 0x1p-32;  // (0, 1]
  const double angle = 2.0 * std::numbers::pi * static_cast<double>(bits()) * 0x1p-32;
  return static_cast<float>(std::sqrt(-2.0 * std::log(u)) * std::cos(angle));
}

// Lemire, "Fast random integer generation in an interval", 2019.
std::uint32_t Random::below(std::uint32_t limit) {
  if (limit == 0) {
    throw Error("[random] expected a positive limit; received 0");
  }
  const std::uint32_t threshold = (0U - limit) % limit;
  std::uint64_t product = 0;
  do {
    product = std::uint64_t{bits()} * limit;
  } while (static_cast<std::uint32_t>(product) < threshold);
  return static_cast<std::uint32_t>(product >> 32U);
}

}  // namespace headstart
