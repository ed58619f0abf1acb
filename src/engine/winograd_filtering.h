// The one-dimensional transforms of Winograd's minimal filtering F(tile, taps), which makes so many
// neighbouring results of a kernel of so many taps from tile + taps - 1 products in place of tile * taps
// (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016).
#pragma once

#include <array>

namespace headstart {

// The filtering evaluates polynomials at 0, at these points and their negatives, and at infinity. Of those
// with few digits these have the least errors in f32.
template <int kPairs>
constexpr std::array<double, kPairs> winograd_points() {
  static_assert(kPairs >= 1 && kPairs <= 5);
  if constexpr (kPairs == 1) {
    return {1.0};
  } else if constexpr (kPairs == 2) {
    return {0.75, 1.5};
  } else if constexpr (kPairs == 3) {
    return {0.5, 1.0, 1.75};
  } else if constexpr (kPairs == 4) {
    return {0.375, 0.75, 1.375, 2.5};
  } else {
    return {0.375, 0.625, 1.0, 1.5, 2.5};
  }
}

// Values of one tile stand `step` apart. V: a vector of f32. The order of the products: those of 0, of each
// point and its negative, of infinity.
template <int kTileOf, int kTapsOf>
struct Filtering {
  static constexpr int kTile = kTileOf, kTaps = kTapsOf, kSide = kTile + kTaps - 1, kPairs = kSide / 2 - 1;
  static constexpr bool kAddsOnly = kPairs == 1;  // and halves
  static_assert(kSide % 2 == 0);

  // What is multiplied, from the source in place.
  template <typename V>
  [[gnu::always_inline]] static void source(V* x, int step) {
    V value[kSide];
#pragma GCC unroll 12
    for (int i = 0; i < kSide; ++i) {
      value[i] = x[i * step];
    }
#pragma GCC unroll 5
    for (int pair = 0; pair < kPairs; ++pair) {
      V even = value[2 * kPairs], odd = value[2 * kPairs - 1];
#pragma GCC unroll 4
      for (int k = 0; k < kPairs - 1; ++k) {
        even += kOthers[pair][k] * value[2 * k + 2];
        odd += kOthers[pair][k] * value[2 * k + 1];
      }
      const V scaled = kPowers[pair][1] * odd;
      x[(2 * pair + 1) * step] = even + scaled;
      x[(2 * pair + 2) * step] = even - scaled;
    }
    V first = value[2 * kPairs], last = value[2 * kPairs + 1];
#pragma GCC unroll 5
    for (int k = 0; k < kPairs; ++k) {
      first += kOthers[kPairs][k] * value[2 * k];
      last += kOthers[kPairs][k] * value[2 * k + 1];
    }
    x[0] = first;
    x[(kSide - 1) * step] = last;
  }

  // The results, from the products.
  template <typename V>
  [[gnu::always_inline]] static void result(const V* x, int step, V* y, int y_step) {
    V even = x[step] + x[2 * step], odd = x[step] - x[2 * step];
    y[0] = x[0] + x[step] + x[2 * step];
#pragma GCC unroll 6
    for (int k = 1; k < kTile; ++k) {
      y[k * y_step] = kPowers[0][k] * (k % 2 == 0 ? even : odd);
    }
#pragma GCC unroll 5
    for (int pair = 1; pair < kPairs; ++pair) {
      even = x[(2 * pair + 1) * step] + x[(2 * pair + 2) * step];
      odd = x[(2 * pair + 1) * step] - x[(2 * pair + 2) * step];
#pragma GCC unroll 6
      for (int k = 0; k < kTile; ++k) {
        y[k * y_step] += kPowers[pair][k] * (k % 2 == 0 ? even : odd);
      }
    }
    y[(kTile - 1) * y_step] += x[(kSide - 1) * step];
  }

  // The gradient of the products, from that of the results.
  template <typename V>
  [[gnu::always_inline]] static void diff(const V* y, int step, V* x, int x_step) {
#pragma GCC unroll 5
    for (int pair = 0; pair < kPairs; ++pair) {
      V even = y[0], odd = kPowers[pair][1] * y[step];
#pragma GCC unroll 6
      for (int k = 2; k < kTile; ++k) {
        (k % 2 == 0 ? even : odd) += kPowers[pair][k] * y[k * step];
      }
      x[(2 * pair + 1) * x_step] = even + odd;
      x[(2 * pair + 2) * x_step] = even - odd;
    }
    x[0] = y[0];
    x[(kSide - 1) * x_step] = y[(kTile - 1) * step];
  }

 private:
  static constexpr auto kPoints = winograd_points<kPairs>();

  // By pair the coefficients of the product of (x^2 - q^2) over the points q of all other pairs, lowest
  // first and without the highest, which is 1; at the end those of the product over all pairs.
  static constexpr auto others() {
    std::array<std::array<float, kPairs>, kPairs + 1> result{};
    for (int left_out = 0; left_out <= kPairs; ++left_out) {
      std::array<double, kPairs + 1> product{1.0};
      int degree = 0;
      for (int pair = 0; pair < kPairs; ++pair) {
        if (pair != left_out) {
          ++degree;
          for (int k = degree; k >= 0; --k) {
            product[k] = (k > 0 ? product[k - 1] : 0.0) - kPoints[pair] * kPoints[pair] * product[k];
          }
        }
      }
      for (int k = 0; k < degree; ++k) {
        result[left_out][k] = static_cast<float>(product[k]);
      }
    }
    return result;
  }

  static constexpr auto powers() {
    std::array<std::array<float, kTile>, kPairs> result{};
    for (int pair = 0; pair < kPairs; ++pair) {
      double power = 1.0;
      for (int k = 0; k < kTile; ++k, power *= kPoints[pair]) {
        result[pair][k] = static_cast<float>(power);
      }
    }
    return result;
  }

  static constexpr auto kernel() {
    std::array<std::array<float, kTaps>, kSide> result{};
    double of_zero = 1.0;
    for (int pair = 0; pair < kPairs; ++pair) {
      const double point = kPoints[pair];
      of_zero *= -point * point;
      double scale = 2.0 * point * point;
      for (int other = 0; other < kPairs; ++other) {
        scale *= other == pair ? 1.0 : point * point - kPoints[other] * kPoints[other];
      }
      double power = 1.0 / scale;
      for (int tap = 0; tap < kTaps; ++tap, power *= point) {
        result[2 * pair + 1][tap] = static_cast<float>(power);
        result[2 * pair + 2][tap] = static_cast<float>(tap % 2 == 0 ? power : -power);
      }
    }
    result[0][0] = static_cast<float>(1.0 / of_zero);
    result[kSide - 1][kTaps - 1] = 1.0F;
    return result;
  }

  static constexpr auto kOthers = others();
  static constexpr auto kPowers = powers();

 public:
  // By product the factors of the taps in what the kernel gives.
  static constexpr auto kKernel = kernel();
};

// Along an axis with a single tap: as many products as results.
template <>
struct Filtering<1, 1> {
  static constexpr int kTile = 1, kTaps = 1, kSide = 1;
  static constexpr bool kAddsOnly = true;

  template <typename V>
  [[gnu::always_inline]] static void source(V* /*x*/, int /*step*/) {}
  template <typename V>
  [[gnu::always_inline]] static void result(const V* x, int /*step*/, V* y, int /*y_step*/) {
    y[0] = x[0];
  }
  template <typename V>
  [[gnu::always_inline]] static void diff(const V* y, int /*step*/, V* x, int /*x_step*/) {
    x[0] = y[0];
  }
  static constexpr std::array<std::array<float, 1>, 1> kKernel{{{1.0F}}};
};

}  // namespace headstart
