// Operations on tones as Pillow's ImageOps and ImageEnhance define them, equal to Pillow byte for byte.
#pragma once

#include "headstart/image.h"

namespace headstart {

void posterize(Image& image, int bits);              // keeps the upper 1 to 8 bits
void solarize(Image& image, double threshold);       // inverts values from the threshold on
void autocontrast(Image& image);                     // each channel to 0..255
void equalize(Image& image);                         // flattens each channel's histogram
Image sharpened(const Image& image, double factor);  // 0: smoothed, 1: as it is, above: sharper

}  // namespace headstart
