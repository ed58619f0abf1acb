// Maps of evidence as pictures: laid over photos, side by side, many on a sheet, averaged by class.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "headstart/explain.h"
#include "headstart/image.h"

namespace headstart {

struct OverlayOptions {
  std::string colormap = "jet";  // one of colormap_names()
  double alpha = 0.4;            // how much of the colour is seen, 0 to 1
};
std::vector<std::string> colormap_names();
// Throws Error for another colormap or an alpha outside 0 to 1.
void check_overlay(const OverlayOptions& options);

// `values` from 0 to 1, (h, w), as a picture of that size.
Image coloured(const Tensor& values, const std::string& colormap);

// The map as it lies over a photo of the given size: (height, width), -1 where the network did not see.
Tensor heat_over(const HeatMap& map, int width, int height, const PictureWindow& window);

// The map, resized to what `window` says of the photo (fitted_window), over the photo at its own size. What
// the network did not see is dark.
Image overlaid(const Image& photo, const HeatMap& map, const PictureWindow& window,
               const OverlayOptions& options);

// What is said beside pictures.
struct SheetText {
  std::vector<std::string> labels{};  // class_labels
  std::string method{};               // "gradcam at block5_pool"
};

// The photo, and beside it the overlay of each explained class, with the prediction over them, or that it is
// unknown; at the photo's
// own size, or whole times larger when it is below 224 pixels wide.
Image explanation_sheet(const Image& photo, const Explanation& explanation, const SheetText& text,
                        const Preprocessing& preprocessing, const OverlayOptions& options);

// The overlays of the first explained class of pictures, their longer side `side` pixels; drawn on all cores.
// Every picture must have been explained.
std::vector<Image> evidence_thumbnails(std::span<const Explanation> explanations,
                                       const Preprocessing& preprocessing, int side,
                                       const OverlayOptions& options);

// The maps of the pictures that were predicted as one class.
struct ClassEvidence {
  int index = 0;
  std::int64_t pictures = 0;
  HeatMap mean{};
  double border = 0.0;  // border_share of the mean
};
// How much of a map lies in the outer tenth of its sides; an even map has 0.36.
double border_share(const Tensor& values);
// Beyond this the network looks at the surroundings rather than at a thing in the middle.
inline constexpr double kBorderWarning = 0.55;
// By class index; pictures without a map, unknown ones and maps of zeros are left out.
std::vector<ClassEvidence> evidence_by_class(std::span<const Explanation> explanations);

// One cell of a contact sheet: a picture and a line of text under it.
struct CaptionedPicture {
  Image picture{};
  std::string caption{};
};
// Cells of one size in rows, each picture fitted into `side` pixels; a title over them when it is not empty.
Image contact_sheet(std::span<const CaptionedPicture> cells, int columns, int side,
                    const std::string& title = "");
// Pictures under each other, aligned left.
Image stacked(std::span<const Image> pictures);

}  // namespace headstart
