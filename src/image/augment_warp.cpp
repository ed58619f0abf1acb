// Geometry of a view: one matrix from output to input pixels, one interpolation by OpenCV.
#include <algorithm>
#include <cmath>
#include <numbers>

#include <opencv2/imgproc.hpp>

#include "image/augment_apply.h"
#include "image/decoders.h"

namespace headstart {
namespace {

using Matrix = cv::Matx33d;

Matrix translation(double x, double y) { return {1, 0, x, 0, 1, y, 0, 0, 1}; }
Matrix scaling(double x, double y) { return {x, 0, 0, 0, y, 0, 0, 0, 1}; }
double radians(double degrees) { return degrees * std::numbers::pi / 180.0; }

// keras.preprocessing.image.apply_affine_transform in (x, y). (Keras's current versions hand the shift of the
// height to x and centre x by the height; with square pictures and equal ranges that is the same
// distribution.)
Matrix keras_matrix(const AugmentDraw& draw, int width, int height) {
  const double theta = radians(draw.rotation);
  const double shear = radians(draw.shear);
  const Matrix rotation(std::cos(theta), -std::sin(theta), 0, std::sin(theta), std::cos(theta), 0, 0, 0, 1);
  const Matrix shearing(1, -std::sin(shear), 0, 0, std::cos(shear), 0, 0, 0, 1);
  const double center_x = width / 2.0 - 0.5;
  const double center_y = height / 2.0 - 0.5;
  return translation(center_x, center_y) * rotation * translation(draw.shift_x, draw.shift_y) * shearing *
         scaling(draw.zoom_x, draw.zoom_y) * translation(-center_x, -center_y);
}

// The whole output shows the box; edges, not centres, coincide.
Matrix crop_matrix(const AugmentBox& box, int width, int height) {
  return translation(box.left * width - 0.5, box.top * height - 0.5) * scaling(box.width, box.height) *
         translation(0.5, 0.5);
}

// The output's corners show points inside of the input.
Matrix skew_matrix(const AugmentDraw& draw, int width, int height) {
  const auto right = static_cast<float>(width - 1);
  const auto bottom = static_cast<float>(height - 1);
  const std::array<cv::Point2f, 4> corners{cv::Point2f{0, 0}, {right, 0}, {right, bottom}, {0, bottom}};
  std::array<cv::Point2f, 4> shown = corners;
  bool skews = false;
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const auto x = static_cast<float>(draw.corners[i][0]) * right;
    const auto y = static_cast<float>(draw.corners[i][1]) * bottom;
    skews = skews || x != 0.0F || y != 0.0F;
    shown[i] += {i == 1 || i == 2 ? -x : x, i >= 2 ? -y : y};
  }
  return skews ? Matrix(cv::getPerspectiveTransform(corners.data(), shown.data())) : Matrix::eye();
}

int border_of(FillMode mode) {
  switch (mode) {
    case FillMode::nearest:
      return cv::BORDER_REPLICATE;
    case FillMode::constant:
      return cv::BORDER_CONSTANT;
    case FillMode::reflect:
      return cv::BORDER_REFLECT;
    case FillMode::wrap:
      return cv::BORDER_WRAP;
  }
  return cv::BORDER_REPLICATE;
}

// OpenCV has no view of constant pixels; sources are only read.
cv::Mat view(const Image& image) {
  return {image.height, image.width, CV_8UC3, const_cast<std::uint8_t*>(image.pixels.data())};
}

Image warp_by(const Image& image, const Matrix& matrix, FillMode mode, float fill_value) {
  if (cv::norm(matrix - Matrix::eye(), cv::NORM_INF) < 1e-9) {
    return image;
  }
  Image warped = make_image(image.width, image.height);
  cv::Mat target = view(warped);
  const int flags = cv::INTER_LINEAR | cv::WARP_INVERSE_MAP;
  const auto fill = cv::Scalar::all(double{fill_value});
  if (matrix(2, 0) == 0.0 && matrix(2, 1) == 0.0) {
    cv::warpAffine(view(image), target, matrix.get_minor<2, 3>(0, 0), target.size(), flags, border_of(mode),
                   fill);
  } else {
    cv::warpPerspective(view(image), target, matrix, target.size(), flags, border_of(mode), fill);
  }
  return warped;
}

}  // namespace

Homography augment_matrix(const AugmentDraw& draw, int width, int height) {
  const Matrix matrix = crop_matrix(draw.crop, width, height) * skew_matrix(draw, width, height) *
                        keras_matrix(draw, width, height);
  Homography values{};
  std::copy_n(matrix.val, values.size(), values.begin());
  return values;
}

Image warp(const Image& image, const AugmentDraw& draw, FillMode mode, float fill_value) {
  return warp_by(image, Matrix(augment_matrix(draw, image.width, image.height).data()), mode, fill_value);
}

Image warp_about_center(const Image& image, const Homography& matrix, FillMode mode, float fill_value) {
  const double center_x = image.width / 2.0 - 0.5;
  const double center_y = image.height / 2.0 - 0.5;
  return warp_by(image,
                 translation(center_x, center_y) * Matrix(matrix.data()) * translation(-center_x, -center_y),
                 mode, fill_value);
}

Image flip(const Image& image, bool horizontally, bool vertically) {
  if (!horizontally && !vertically) {
    return image;
  }
  Image flipped = make_image(image.width, image.height);
  cv::Mat target = view(flipped);
  cv::flip(view(image), target, horizontally ? (vertically ? -1 : 1) : 0);
  return flipped;
}

Image blurred(const Image& image, double deviation) {
  constexpr double kLeastVisible = 0.1;
  if (deviation < kLeastVisible) {
    return image;
  }
  Image result = make_image(image.width, image.height);
  cv::Mat target = view(result);
  cv::GaussianBlur(view(image), target, {}, deviation, deviation, cv::BORDER_REFLECT_101);
  return result;
}

}  // namespace headstart
