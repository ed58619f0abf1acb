#include "explain/occlusion.h"

#include <algorithm>
#include <utility>

#include "headstart/error.h"
#include "headstart/image.h"

namespace headstart {
namespace {

struct Square {
  std::int64_t top = 0, left = 0, bottom = 0, right = 0;
};

// Where squares begin along an axis: every half square, and one that ends at the border.
std::vector<std::int64_t> begins(std::int64_t extent, std::int64_t side) {
  std::vector<std::int64_t> result;
  for (std::int64_t at = 0; at + side < extent; at += std::max<std::int64_t>(1, side / 2)) {
    result.push_back(at);
  }
  result.push_back(std::max<std::int64_t>(0, extent - side));
  return result;
}

std::vector<Square> squares_over(std::int64_t height, std::int64_t width, std::int64_t side) {
  std::vector<Square> squares;
  for (const auto top : begins(height, side)) {
    for (const auto left : begins(width, side)) {
      squares.push_back({top, left, std::min(height, top + side), std::min(width, left + side)});
    }
  }
  return squares;
}

// Medium gray as the network sees it.
std::vector<float> gray(const Preprocessing& preprocessing, std::int64_t channels) {
  constexpr std::uint8_t kMedium = 128;
  Preprocessing one = preprocessing;
  one.width = one.height = 1;
  std::vector<float> values(static_cast<std::size_t>(channels));
  normalize_into({.width = 1, .height = 1, .pixels = {kMedium, kMedium, kMedium}}, one, values.data());
  return values;
}

void cover(float* image, std::int64_t width, const Square& square, const std::vector<float>& colour) {
  for (auto y = square.top; y < square.bottom; ++y) {
    for (auto x = square.left; x < square.right; ++x) {
      std::copy(colour.begin(), colour.end(),
                image + (y * width + x) * static_cast<std::int64_t>(colour.size()));
    }
  }
}

// Sums over squares, to become means.
class Drops {
 public:
  Drops(std::int64_t height, std::int64_t width)
      : sums_({height, width}), counts_({height, width}), width_(width) {}

  void add(const Square& square, float drop) {
    for (auto y = square.top; y < square.bottom; ++y) {
      for (auto x = square.left; x < square.right; ++x) {
        sums_[y * width_ + x] += drop;
        counts_[y * width_ + x] += 1.0F;
      }
    }
  }

  HeatMap map() && {
    for (std::int64_t i = 0; i < sums_.size(); ++i) {
      sums_[i] /= std::max(1.0F, counts_[i]);
    }
    return normalized(std::move(sums_));
  }

 private:
  Tensor sums_, counts_;
  std::int64_t width_;
};

}  // namespace

std::vector<HeatMap> occlusion_maps(const Model& model, Predictor& predictor, const Tensor& input,
                                    const Tensor& whole, const std::vector<int>& classes, int square_side,
                                    Progress& progress) {
  const auto height = input.shape()[1], width = input.shape()[2], channels = input.shape()[3];
  const auto shorter = std::min(height, width);
  const auto side =
      square_side > 0 ? std::min<std::int64_t>(square_side, shorter) : std::max<std::int64_t>(1, shorter / 4);
  const auto squares = squares_over(height, width, side);
  const auto colour = gray(model.preprocessing, channels);
  std::vector<Drops> drops(classes.size(), Drops(height, width));
  progress.begin("covering", static_cast<std::int64_t>(squares.size()));
  for (std::size_t first = 0; first < squares.size(); first += kSquaresAtOnce) {
    throw_if_stopped();
    const auto count = std::min<std::size_t>(kSquaresAtOnce, squares.size() - first);
    Tensor covered({static_cast<std::int64_t>(count), height, width, channels});
    for (std::size_t i = 0; i < count; ++i) {
      float* image = covered.data() + static_cast<std::int64_t>(i) * input.size();
      std::copy_n(input.data(), input.size(), image);
      cover(image, width, squares[first + i], colour);
    }
    const Tensor rows = class_probabilities_of_logits(model, predictor.run(covered).front());
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t c = 0; c < classes.size(); ++c) {
        drops[c].add(squares[first + i],
                     whole[classes[c]] - rows[static_cast<std::int64_t>(i) * rows.shape()[1] + classes[c]]);
      }
    }
    progress.advance(static_cast<std::int64_t>(first + count));
  }
  progress.end();
  std::vector<HeatMap> maps;
  maps.reserve(drops.size());
  for (auto& drop : drops) {
    maps.push_back(std::move(drop).map());
  }
  return maps;
}

}  // namespace headstart
