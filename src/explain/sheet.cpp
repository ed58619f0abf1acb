// Photos, overlays and captions on one picture.
#include <algorithm>
#include <cmath>
#include <filesystem>

#include <fmt/format.h>

#include "core/parallel.h"
#include "explain/canvas.h"
#include "headstart/error.h"
#include "headstart/explain_pictures.h"

namespace headstart {
namespace {

constexpr Colour kInk{0.11, 0.14, 0.19};
constexpr Colour kMuted{0.36, 0.40, 0.46};
constexpr Colour kGround{0.95, 0.96, 0.97};

std::string label_of(const SheetText& text, int index) {
  const auto i = static_cast<std::size_t>(index);
  return i < text.labels.size() ? text.labels[i] : std::to_string(index);
}

std::string ranked_text(const SheetText& text, const RankedClass& ranked) {
  return fmt::format("{} {:.3f}", label_of(text, ranked.index), ranked.probability);
}

// The longer side to `side`, never larger than it is by more than whole pixels.
Image fitted(const Image& picture, int side) {
  const double scale = static_cast<double>(side) / std::max(picture.width, picture.height);
  const int width = std::max(1, static_cast<int>(std::lround(scale * picture.width)));
  const int height = std::max(1, static_cast<int>(std::lround(scale * picture.height)));
  return resize(picture, width, height, scale < 1.0 ? ResizeKernel::area : ResizeKernel::nearest);
}

// Enlarged whole times until there is room for words; reduced where so many panels are more than can be
// drawn.
Image panel_of(const Image& photo, int panels) {
  constexpr int kReadable = 224, kLargest = 30'000;  // of a whole sheet; cairo ends at 32,767
  const int widest = kLargest / panels;
  const int factor =
      std::min({(kReadable + photo.width - 1) / photo.width, widest / photo.width, kLargest / photo.height});
  if (factor > 1) {
    return resize(photo, factor * photo.width, factor * photo.height, ResizeKernel::nearest);
  }
  const double scale =
      std::min(static_cast<double>(widest) / photo.width, static_cast<double>(kLargest) / photo.height);
  const auto scaled = [scale](int extent) { return std::max(1, static_cast<int>(scale * extent)); };
  return scale < 1.0 ? resize(photo, scaled(photo.width), scaled(photo.height), ResizeKernel::area) : photo;
}

}  // namespace

Image explanation_sheet(const Image& original, const Explanation& explanation, const SheetText& text,
                        const Preprocessing& preprocessing, const OverlayOptions& options) {
  const int panels = 1 + static_cast<int>(explanation.classes.size());
  const Image photo = panel_of(original, panels);
  const double size = std::clamp(photo.width / 22.0, 9.0, 40.0);
  const int line = static_cast<int>(std::ceil(1.5 * size));
  const int gap = line / 3;
  const int head = 2 * line + gap;
  Canvas canvas(panels * (photo.width + gap) - gap, head + photo.height);
  const PictureWindow window = fitted_window(photo.width, photo.height, preprocessing);
  const auto panel = [&](int index, const Image& picture, const std::string& first,
                         const std::string& second) {
    const int x = index * (photo.width + gap);
    const double margin = gap;
    canvas.text(first, {x + margin, gap / 2.0, photo.width - 2 * margin, static_cast<double>(line)}, size,
                kInk);
    canvas.text(second, {x + margin, gap / 2.0 + line, photo.width - 2 * margin, static_cast<double>(line)},
                0.75 * size, kMuted);
    canvas.put(picture, x, head);
  };
  std::string ranking;
  if (explanation.unknown()) {
    const RankedClass& nearest = explanation.ranking.front();
    ranking = unknown_text(label_of(text, nearest.index), nearest.probability);
  }
  for (std::size_t i = 0; !explanation.unknown() && i < std::min<std::size_t>(3, explanation.ranking.size());
       ++i) {
    ranking += (i > 0 ? ", " : "") + ranked_text(text, explanation.ranking[i]);
  }
  panel(0, photo, std::filesystem::path(explanation.path).filename().string(), ranking);
  for (int i = 1; i < panels; ++i) {
    const auto& each = explanation.classes[static_cast<std::size_t>(i - 1)];
    panel(i, overlaid(photo, each.map, window, options), ranked_text(text, each.ranked),
          each.map.is_zero() ? text.method + ": nothing speaks for it (all zeros)" : text.method);
  }
  return canvas.image();
}

std::vector<Image> evidence_thumbnails(std::span<const Explanation> explanations,
                                       const Preprocessing& preprocessing, int side,
                                       const OverlayOptions& options) {
  std::vector<Image> pictures(explanations.size());
  parallel_for(pictures.size(), 0, [&](std::size_t i) {
    const auto& each = explanations[i];
    const Image photo = fitted(read_image(each.path, {.minimum_width = side, .minimum_height = side}), side);
    pictures[i] = overlaid(photo, each.classes.at(0).map,
                           fitted_window(photo.width, photo.height, preprocessing), options);
  });
  return pictures;
}

Image contact_sheet(std::span<const CaptionedPicture> cells, int columns, int side,
                    const std::string& title) {
  if (cells.empty() || columns < 1 || side < 1) {
    throw Error("[explain] pictures and columns were expected for a sheet; received none");
  }
  constexpr int kGap = 8, kWidestTitle = 1200;
  const double size = std::clamp(side / 13.0, 8.0, 14.0);
  const int line = static_cast<int>(std::ceil(1.6 * size));
  const int used = std::min(columns, static_cast<int>(cells.size()));
  const int rows = (static_cast<int>(cells.size()) + used - 1) / used;
  const bool captions = std::any_of(cells.begin(), cells.end(),
                                    [](const CaptionedPicture& each) { return !each.caption.empty(); });
  const int caption = captions ? line : 0;
  const int head = title.empty() ? 0 : line + kGap;
  const double title_size = 1.15 * size;
  const auto title_width = static_cast<int>(std::ceil(Canvas::text_width(title, title_size))) + 2 * kGap;
  const int width = std::max(used * (side + kGap) + kGap, std::min(title_width, kWidestTitle));
  Canvas canvas(width, head + rows * (side + caption + kGap) + kGap);
  if (!title.empty()) {
    canvas.text(title, {kGap, kGap / 2.0, width - 2.0 * kGap, static_cast<double>(line)}, title_size, kInk);
  }
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const int x = kGap + static_cast<int>(i) % used * (side + kGap);
    const int y = head + kGap + static_cast<int>(i) / used * (side + caption + kGap);
    const Image picture = fitted(cells[i].picture, side);
    canvas.fill({static_cast<double>(x), static_cast<double>(y), static_cast<double>(side),
                 static_cast<double>(side)},
                kGround);
    canvas.put(picture, x + (side - picture.width) / 2, y + (side - picture.height) / 2);
    canvas.text(cells[i].caption,
                {static_cast<double>(x), static_cast<double>(y + side), static_cast<double>(side),
                 static_cast<double>(caption)},
                size, kInk);
  }
  return canvas.image();
}

Image stacked(std::span<const Image> pictures) {
  int width = 1, height = 0;
  for (const auto& picture : pictures) {
    width = std::max(width, picture.width);
    height += picture.height;
  }
  Canvas canvas(width, std::max(1, height));
  int y = 0;
  for (const auto& picture : pictures) {
    canvas.put(picture, 0, y);
    y += picture.height;
  }
  return canvas.image();
}

}  // namespace headstart
