// Simulated cameras: pictures from a pool, through a lens that may be dirty and an amplifier whose
// gain may be off, into a real model that a real monitor watches.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <random>
#include <string>
#include <vector>

#include "base/result.h"
#include "tensor/tensor.h"

namespace kedge::cli {

enum class CameraFault { kNone, kDirtyLens, kGain };

// "dirty-lens" or "gain"; kInvalidArgument for another word.
Result<CameraFault> ParseCameraFault(const std::string& name);

// Pictures: f32[n, c, h, w] of values from 0 to 1.
class PicturePool {
 public:
  // kInvalidArgument for another type or rank, or without a picture.
  static Result<PicturePool> Make(Tensor pictures);

  // One picture f32[1, c, h, w] as the camera gives it. A dirty lens blurs with a 3 x 3 mean and
  // takes up to 60 % of the light around a spot; the gain is 1.6, and what is above 1 is cut off.
  Tensor Draw(CameraFault fault, std::mt19937_64& random) const;

 private:
  explicit PicturePool(Tensor pictures) : pictures_(std::move(pictures)) {}
  Tensor pictures_;
};

}  // namespace kedge::cli
