// SPDX-License-Identifier: Apache-2.0
#include "statistics/images.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace kedge::statistics {
namespace {

using Stroke = std::array<double, 4>;  // x0 y0 x1 y1 in -1..1

const std::vector<Stroke>& Strokes(int label) {
  static const std::array<std::vector<Stroke>, kImageClasses> strokes = {{
      {{-.5, -.8, .5, -.8}, {.5, -.8, .5, .8}, {.5, .8, -.5, .8}, {-.5, .8, -.5, -.8}},
      {{0, -.8, 0, .8}, {0, -.8, -.4, -.4}},
      {{-.5, -.8, .5, -.8}, {.5, -.8, -.5, .8}, {-.5, .8, .5, .8}},
      {{-.5, -.8, .5, -.8}, {.5, -.8, 0, 0}, {0, 0, .5, .8}, {.5, .8, -.5, .8}},
      {{-.4, -.8, -.5, .2}, {-.5, .2, .6, .2}, {.3, -.4, .3, .8}},
      {{.5, -.8, -.5, -.8},
       {-.5, -.8, -.5, 0},
       {-.5, 0, .5, 0},
       {.5, 0, .5, .8},
       {.5, .8, -.5, .8}},
      {{.3, -.8, -.5, .2},
       {-.5, .2, -.5, .8},
       {-.5, .8, .5, .8},
       {.5, .8, .5, .1},
       {.5, .1, -.5, .1}},
      {{-.6, -.8, .6, -.8}, {.6, -.8, -.1, .8}},
      {{-.5, -.8, .5, .8}, {.5, -.8, -.5, .8}, {-.5, -.8, .5, -.8}, {-.5, .8, .5, .8}},
      {{0, -.8, -.6, 0}, {-.6, 0, 0, .8}, {0, .8, .6, 0}, {.6, 0, 0, -.8}},
  }};
  return strokes[label];
}

double DistanceToStroke(const Stroke& s, double x, double y) {
  const double dx = s[2] - s[0];
  const double dy = s[3] - s[1];
  const double along =
      std::clamp(((x - s[0]) * dx + (y - s[1]) * dy) / (dx * dx + dy * dy), 0.0, 1.0);
  return std::hypot(x - s[0] - along * dx, y - s[1] - along * dy);
}

float Clip(double value) { return static_cast<float>(std::clamp(value, 0.0, 255.0)); }

// Smooth noise: random values on a coarse grid, interpolated.
std::array<double, kPixels> Smooth(Random& random, int cells) {
  std::vector<double> grid((cells + 1) * (cells + 1));
  for (double& g : grid) g = random.Normal();
  std::array<double, kPixels> result{};
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      const double u = static_cast<double>(x) * cells / kSide;
      const double v = static_cast<double>(y) * cells / kSide;
      const int i = static_cast<int>(u);
      const int j = static_cast<int>(v);
      const double a = u - i;
      const double b = v - j;
      const double* corner = &grid[j * (cells + 1) + i];
      result[y * kSide + x] = (1 - b) * ((1 - a) * corner[0] + a * corner[1]) +
                              b * ((1 - a) * corner[cells + 1] + a * corner[cells + 2]);
    }
  }
  return result;
}

Image DrawTexture(int label, Random& random) {
  Image image{.label = label};
  const double angle = label % 5 * std::numbers::pi / 5 + 0.12 * random.Normal();
  const double frequency = (label < 5 ? 0.55 : 1.0) * (1 + 0.08 * random.Normal());
  const double phase = 2 * std::numbers::pi * random.Uniform();
  const double contrast = 25 + 25 * random.Uniform();
  const double light = 110 + 18 * random.Normal();
  const auto coarse = Smooth(random, 3);
  const auto fine = Smooth(random, 9);
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      const double wave = std::sin(frequency * (x * std::cos(angle) + y * std::sin(angle)) + phase);
      const int p = y * kSide + x;
      image.pixels[p] =
          Clip(light + contrast * wave + 14 * coarse[p] + 8 * fine[p] + 4 * random.Normal());
    }
  }
  return image;
}

// Samples the image at mapped places, bilinear, black outside.
void Warp(Image& image, const std::array<double, 6>& map) {
  const auto before = image.pixels;
  const double middle = (kSide - 1) / 2.0;
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      const double u = map[0] * (x - middle) + map[1] * (y - middle) + map[2] + middle;
      const double v = map[3] * (x - middle) + map[4] * (y - middle) + map[5] + middle;
      const int i = static_cast<int>(std::floor(u));
      const int j = static_cast<int>(std::floor(v));
      double sum = 0;
      for (int k = 0; k < 4; ++k) {
        const int px = i + k % 2;
        const int py = j + k / 2;
        if (px < 0 || py < 0 || px >= kSide || py >= kSide) continue;
        const double weight = (1 - std::abs(u - px)) * (1 - std::abs(v - py));
        sum += weight * static_cast<double>(before[py * kSide + px]);
      }
      image.pixels[y * kSide + x] = static_cast<float>(sum);
    }
  }
}

struct Affine {
  double degrees, translation, shear, zoom;
  bool flip_columns, flip_rows;
};

void WarpRandomly(Image& image, const Affine& most, Random& random) {
  const auto within = [&](double limit) { return limit * (2 * random.Uniform() - 1); };
  const double angle = within(most.degrees) * std::numbers::pi / 180;
  const double zoom = 1 + within(most.zoom);
  const double shear = within(most.shear);
  const double flip_x = most.flip_columns && random.Uniform() < 0.5 ? -1 : 1;
  const double flip_y = most.flip_rows && random.Uniform() < 0.5 ? -1 : 1;
  const double c = std::cos(angle) / zoom;
  const double s = std::sin(angle) / zoom;
  Warp(image, {flip_x * c, flip_x * (-s + shear * c), within(most.translation) * kSide, flip_y * s,
               flip_y * (c + shear * s), within(most.translation) * kSide});
}

void Blur(Image& image) {
  constexpr std::array<float, 5> kTaps = {0.0545F, 0.2442F, 0.4026F, 0.2442F,
                                          0.0545F};  // Gaussian of deviation 1
  for (const bool rows : {true, false}) {
    const auto before = image.pixels;
    for (int y = 0; y < kSide; ++y) {
      for (int x = 0; x < kSide; ++x) {
        float sum = 0;
        for (int k = -2; k <= 2; ++k) {
          const int px = std::clamp(x + (rows ? k : 0), 0, kSide - 1);
          const int py = std::clamp(y + (rows ? 0 : k), 0, kSide - 1);
          sum += kTaps[k + 2] * before[py * kSide + px];
        }
        image.pixels[y * kSide + x] = sum;
      }
    }
  }
}

void AddNoise(Image& image, double deviation, Random& random) {
  for (float& p : image.pixels) p = Clip(static_cast<double>(p) + deviation * random.Normal());
}

}  // namespace

Image DrawGlyph(int label, const Pose& pose, Random& random) {
  Image image{.label = label};
  const double size = 9.5 * (1 + 0.1 * random.Normal());
  const double x0 = kSide / 2.0 + 1.2 * random.Normal();
  const double y0 = kSide / 2.0 + 1.2 * random.Normal();
  const double shear = 0.12 * random.Normal();
  const double c = std::cos(pose.tilt) / size;
  const double s = std::sin(pose.tilt) / size;
  const double ink = 200 + 20 * random.Normal();
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      const double u = c * (x - x0) + s * (y - y0);
      const double v = -s * (x - x0) + c * (y - y0);
      double near = 10;
      for (const Stroke& stroke : Strokes(label))
        near = std::min(near, DistanceToStroke(stroke, u + shear * v, v));
      const double cover = std::clamp(pose.thickness + 0.5 - near * size, 0.0, 1.0);
      image.pixels[y * kSide + x] = Clip(ink * cover + 10 * random.Normal());
    }
  }
  return image;
}

Image DrawImage(Kind kind, int label, Random& random) {
  if (kind == Kind::kTextures) return DrawTexture(label, random);
  return DrawGlyph(
      label,
      {.tilt = 0.2 * random.Normal(), .thickness = std::max(0.6, 1.2 + 0.3 * random.Normal())},
      random);
}

std::string_view Name(ImageShift shift) {
  constexpr std::array<std::string_view, kImageShifts> kNames = {
      "none",         "noise 1", "noise 10",  "noise 100", "rotate small", "rotate medium",
      "rotate large", "blur",    "knock-out", "dim",       "dirt"};
  return kNames[static_cast<int>(shift)];
}

void Apply(ImageShift shift, Image& image, Random& random) {
  switch (shift) {
    case ImageShift::kNone:
    case ImageShift::kKnockOut:
      return;
    case ImageShift::kNoise1:
      return AddNoise(image, 1, random);
    case ImageShift::kNoise10:
      return AddNoise(image, 10, random);
    case ImageShift::kNoise100:
      return AddNoise(image, 100, random);
    case ImageShift::kRotateSmall:
      return WarpRandomly(image, {10, 0.05, 0.1, 0.1, false, false}, random);
    case ImageShift::kRotateMedium:
      return WarpRandomly(image, {40, 0.2, 0.2, 0.2, true, false}, random);
    case ImageShift::kRotateLarge:
      return WarpRandomly(image, {90, 0.4, 0.3, 0.4, true, true}, random);
    case ImageShift::kBlur:
      return Blur(image);
    case ImageShift::kDim:
      for (float& p : image.pixels) p *= 0.7F;
      return;
    case ImageShift::kDirt:
      for (int y = 0; y < kSide; ++y) {
        for (int x = 0; x < kSide; ++x) {
          const double spot =
              std::exp(-((x - 9) * (x - 9) + (y - 17) * (y - 17)) / (2 * 3.0 * 3.0));
          image.pixels[y * kSide + x] *= static_cast<float>(1 - 0.8 * spot);
        }
      }
      return;
  }
}

}  // namespace kedge::statistics
