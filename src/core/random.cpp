#include "core/random.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "headstart/error.h"

namespace headstart {

namespace {

using Counter = std::array<std::uint32_t, 4>;
using Key = std::array<std::uint32_t, 2>;

constexpr int kRounds = 10;
constexpr std::uint32_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
constexpr std::uint32_t kWeyl0 = 0x9E3779B9;  // golden ratio
constexpr std::uint32_t kWeyl1 = 0xBB67AE85;  // sqrt(3) - 1

constexpr std::size_t kBlock = 4;  // words of a counter

std::uint64_t number_in(const Counter& counter) { return counter[0] | std::uint64_t{counter[1]} << 32U; }
Counter with_number(Counter counter, std::uint64_t number) {
  counter[0] = static_cast<std::uint32_t>(number);
  counter[1] = static_cast<std::uint32_t>(number >> 32U);
  return counter;
}

#ifdef __x86_64__
// Vectors of four counters, so that multiplications do not wait for each other.
constexpr std::size_t kTogether = 2;

// A word of a counter in the lower half of every 64 bits; what is above it is never looked at.
[[gnu::target("avx2")]] void philox_avx2(const Counter& counter, Key key, std::uint32_t* words) {
  const __m256i multiplier0 = _mm256_set1_epi64x(kMultiplier0);
  const __m256i multiplier1 = _mm256_set1_epi64x(kMultiplier1);
  const __m256i first = _mm256_add_epi64(_mm256_set1_epi64x(static_cast<long long>(number_in(counter))),
                                         _mm256_set_epi64x(3, 2, 1, 0));
  __m256i c0[kTogether], c1[kTogether], c2[kTogether], c3[kTogether];
  for (std::size_t i = 0; i < kTogether; ++i) {
    c0[i] = _mm256_add_epi64(first, _mm256_set1_epi64x(4 * static_cast<long long>(i)));
    c1[i] = _mm256_srli_epi64(c0[i], 32);
    c2[i] = _mm256_set1_epi64x(counter[2]);
    c3[i] = _mm256_set1_epi64x(counter[3]);
  }
  for (int round = 0; round < kRounds; ++round) {
    const __m256i key0 = _mm256_set1_epi64x(key[0]), key1 = _mm256_set1_epi64x(key[1]);
    for (std::size_t i = 0; i < kTogether; ++i) {
      const __m256i product0 = _mm256_mul_epu32(c0[i], multiplier0);
      const __m256i product1 = _mm256_mul_epu32(c2[i], multiplier1);
      c0[i] = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(product1, 32), c1[i]), key0);
      c2[i] = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(product0, 32), c3[i]), key1);
      c1[i] = product1;
      c3[i] = product0;
    }
    key = {key[0] + kWeyl0, key[1] + kWeyl1};
  }
  constexpr int kOdd = 0xAA;
  for (std::size_t i = 0; i < kTogether; ++i, words += 4 * kBlock) {
    const __m256i front = _mm256_blend_epi32(c0[i], _mm256_slli_epi64(c1[i], 32), kOdd);
    const __m256i back = _mm256_blend_epi32(c2[i], _mm256_slli_epi64(c3[i], 32), kOdd);
    const __m256i even = _mm256_unpacklo_epi64(front, back), odd = _mm256_unpackhi_epi64(front, back);
    auto* to = reinterpret_cast<__m256i*>(words);
    _mm256_storeu_si256(to, _mm256_permute2x128_si256(even, odd, 0x20));
    _mm256_storeu_si256(to + 1, _mm256_permute2x128_si256(even, odd, 0x31));
  }
}
#endif

}  // namespace

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  const auto high = [](std::uint64_t product) { return static_cast<std::uint32_t>(product >> 32U); };
  const auto low = [](std::uint64_t product) { return static_cast<std::uint32_t>(product); };
  for (int round = 0; round < kRounds; ++round) {
    const std::uint64_t product0 = std::uint64_t{kMultiplier0} * counter[0];
    const std::uint64_t product1 = std::uint64_t{kMultiplier1} * counter[2];
    counter = {high(product1) ^ counter[1] ^ key[0], low(product1), high(product0) ^ counter[3] ^ key[1],
               low(product0)};
    key = {key[0] + kWeyl0, key[1] + kWeyl1};
  }
  return counter;
}

void philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key,
            std::span<std::uint32_t> words) {
  std::uint64_t number = number_in(counter);
#ifdef __x86_64__
  static const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
  constexpr std::size_t kAtOnce = 4 * kTogether * kBlock;
  for (; has_avx2 && words.size() >= kAtOnce; words = words.subspan(kAtOnce), number += 4 * kTogether) {
    philox_avx2(with_number(counter, number), key, words.data());
  }
#endif
  for (; !words.empty(); ++number) {
    const auto block = philox(with_number(counter, number), key);
    const std::size_t count = std::min(kBlock, words.size());
    std::copy_n(block.begin(), count, words.begin());
    words = words.subspan(count);
  }
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

void Random::skip(std::uint64_t blocks) { counter_ = with_number(counter_, number_in(counter_) + blocks); }

std::uint32_t Random::bits() {
  if (used_ == 4) {
    block_ = philox(counter_, key_);
    used_ = 0;
    skip(1);
  }
  return block_[static_cast<std::size_t>(used_++)];
}

namespace {

float share(std::uint32_t bits) { return static_cast<float>(bits >> 8U) * 0x1p-24F; }

float between(float low, float high, float place) {
  const float value = low + (high - low) * place;
  return value < high || high <= low ? value : std::nextafter(high, low);  // rounding may reach `high`
}

}  // namespace

float Random::uniform() { return share(bits()); }

float Random::uniform(float low, float high) { return between(low, high, uniform()); }

void Random::uniform(float low, float high, std::span<float> values) {
  std::array<std::uint32_t, 256> words{};
  while (!values.empty()) {
    if (used_ < 4 || values.size() < words.size()) {
      values.front() = uniform(low, high);
      values = values.subspan(1);
      continue;
    }
    philox(counter_, key_, words);
    skip(words.size() / kBlock);
    for (std::size_t i = 0; i < words.size(); ++i) {
      values[i] = between(low, high, share(words[i]));
    }
    values = values.subspan(words.size());
  }
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
