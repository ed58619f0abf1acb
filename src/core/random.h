// Counter-based random numbers: the value depends on the key and the counter alone, never on who asked
// before.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace headstart {

// Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

// The words for `counter` and those after it, of which the first two words are one number: four each, one
// behind the other, several at a time.
void philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key,
            std::span<std::uint32_t> words);

// FNV-1a: names as part of a key, the same on every machine.
std::uint64_t name_hash(std::string_view name);

enum class RandomPurpose : std::uint32_t { initialise, shuffle, split, augment, dropout, test, mix };

// A stream keyed by (seed, purpose, a, b): for example (seed, augment, sample, view). Streams of different
// keys are independent.
class Random {
 public:
  Random(std::uint64_t seed, RandomPurpose purpose, std::uint64_t a = 0, std::uint32_t b = 0);
  std::uint32_t bits();
  float uniform();                                               // [0, 1)
  float uniform(float low, float high);                          // [low, high)
  void uniform(float low, float high, std::span<float> values);  // the same, one after another
  float normal();                                                // standard normal
  std::uint32_t below(std::uint32_t limit);                      // [0, limit), unbiased

 private:
  void skip(std::uint64_t blocks);

  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> block_{};
  int used_ = 4;
};

// Fisher-Yates.
template <typename Container>
void shuffle(Container& values, Random& random) {
  for (std::size_t i = values.size(); i > 1; --i) {
    std::swap(values[i - 1], values[random.below(static_cast<std::uint32_t>(i))]);
  }
}

}  // namespace headstart
