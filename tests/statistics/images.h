// Generated pictures of ten classes, 28 x 28, grey 0..255, and the ways cameras and scenes go
// wrong.
//
// Glyphs: strokes of ten figures on black, random affine map, thickness and noise. Textures:
// gratings of five directions at two frequencies over a background of smooth noise, with random
// contrast and light. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "statistics/random.h"

namespace kedge::statistics {

inline constexpr int kSide = 28;
inline constexpr int kPixels = kSide * kSide;
inline constexpr int kImageClasses = 10;

struct Image {
  std::array<float, kPixels> pixels{};
  int label = 0;
};

enum class Kind { kGlyphs, kTextures };

// How a glyph was drawn; what covariate shift shifts.
struct Pose {
  double tilt = 0;       // radians
  double thickness = 1;  // pixels
};

Image DrawGlyph(int label, const Pose& pose, Random& random);
Image DrawImage(Kind kind, int label, Random& random);  // glyphs in a random pose

// The shifts. `sample` of a shifted stream: knock-out chooses labels, the others change pixels.
enum class ImageShift {
  kNone,
  kNoise1,  // Gaussian noise, deviation 1, 10 and 100 of 255
  kNoise10,
  kNoise100,
  kRotateSmall,   // 10 degrees, translation 0.05, shear 0.1, zoom 0.1 at most
  kRotateMedium,  // 40, 0.2, 0.2, 0.2 and flips of columns
  kRotateLarge,   // 90, 0.4, 0.3, 0.4 and flips of both
  kBlur,          // Gaussian, deviation 1 pixel
  kKnockOut,      // a share of class 0 is missing
  kDim,           // brightness times 0.7
  kDirt,          // the same dark spot on the lens in all pictures
};
inline constexpr int kImageShifts = 11;
std::string_view Name(ImageShift shift);

// Changes the pixels (kNone and kKnockOut leave them).
void Apply(ImageShift shift, Image& image, Random& random);

}  // namespace kedge::statistics
