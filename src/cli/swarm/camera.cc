// SPDX-License-Identifier: Apache-2.0
#include "cli/swarm/camera.h"

#include <algorithm>
#include <cmath>

namespace kedge::cli {
namespace {

constexpr float kGainFactor = 1.6F;
constexpr float kLightTaken = 0.6F;
constexpr float kSpotRadius = 0.35F;  // of the picture's width

struct Plane {
  std::span<float> pixels;
  int64_t height;
  int64_t width;
};

// Mean of the 3 x 3 neighbours; the border is repeated.
void Blur(const Plane& plane) {
  const std::vector<float> from(plane.pixels.begin(), plane.pixels.end());
  const auto at = [&](int64_t y, int64_t x) {
    y = std::clamp<int64_t>(y, 0, plane.height - 1);
    x = std::clamp<int64_t>(x, 0, plane.width - 1);
    return from[static_cast<size_t>(y * plane.width + x)];
  };
  for (int64_t y = 0; y < plane.height; ++y) {
    for (int64_t x = 0; x < plane.width; ++x) {
      float sum = 0;
      for (int64_t dy = -1; dy <= 1; ++dy) {
        for (int64_t dx = -1; dx <= 1; ++dx) sum += at(y + dy, x + dx);
      }
      plane.pixels[static_cast<size_t>(y * plane.width + x)] = sum / 9;
    }
  }
}

// A spot a little off the centre.
void Smear(const Plane& plane) {
  Blur(plane);
  const auto width = static_cast<float>(plane.width);
  const float cx = 0.55F * width;
  const float cy = 0.45F * static_cast<float>(plane.height);
  const float radius = kSpotRadius * width;
  for (int64_t y = 0; y < plane.height; ++y) {
    for (int64_t x = 0; x < plane.width; ++x) {
      const float dx = static_cast<float>(x) - cx;
      const float dy = static_cast<float>(y) - cy;
      const float taken = kLightTaken * std::exp(-(dx * dx + dy * dy) / (radius * radius));
      plane.pixels[static_cast<size_t>(y * plane.width + x)] *= 1 - taken;
    }
  }
}

}  // namespace

Result<CameraFault> ParseCameraFault(const std::string& name) {
  if (name == "dirty-lens") return CameraFault::kDirtyLens;
  if (name == "gain") return CameraFault::kGain;
  return InvalidArgument("'" + name + "' is no fault of a camera: dirty-lens, gain");
}

Result<PicturePool> PicturePool::Make(Tensor pictures) {
  const Shape& shape = pictures.shape();
  if (pictures.dtype() != DType::kF32 || shape.dims.size() != 4 || pictures.elements() == 0) {
    return InvalidArgument("pictures must be f32 of shape [n, c, h, w]");
  }
  return PicturePool(std::move(pictures));
}

Tensor PicturePool::Draw(CameraFault fault, std::mt19937_64& random) const {
  const std::vector<int64_t> dims(pictures_.shape().dims.begin(), pictures_.shape().dims.end());
  Tensor picture(DType::kF32, Shape{1, dims[1], dims[2], dims[3]});
  const auto pixels = picture.As<float>();
  const size_t number = random() % static_cast<uint64_t>(dims[0]);
  const auto from = pictures_.As<float>().subspan(number * pixels.size(), pixels.size());
  std::copy(from.begin(), from.end(), pixels.begin());
  if (fault == CameraFault::kGain) {
    for (float& pixel : pixels) pixel = std::min(1.0F, pixel * kGainFactor);
  } else if (fault == CameraFault::kDirtyLens) {
    const auto plane = static_cast<size_t>(dims[2] * dims[3]);
    for (size_t c = 0; c < static_cast<size_t>(dims[1]); ++c) {
      Smear({pixels.subspan(c * plane, plane), dims[2], dims[3]});
    }
  }
  return picture;
}

}  // namespace kedge::cli
