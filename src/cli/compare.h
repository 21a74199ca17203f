// Compares what a compiled model gave with what it should give.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tensor/tensor.h"

namespace kedge::cli {

// As numpy.testing.assert_allclose: |got - want| <= absolute + relative * |want|. The defaults are
// those of ONNX's own backend tests (onnx/backend/test/runner). f16 and bf16 get at least the
// distance of two of their neighbouring values.
struct Tolerance {
  double relative = 1e-3;
  double absolute = 1e-7;
};

// Success, or kDataLoss saying what differs: type, shape, or the worst element. Integers and bools
// must be equal; NaN equals NaN; infinities must be equal.
Status Compare(const Tensor& got, const Tensor& want, const Tolerance& tolerance);

}  // namespace kedge::cli
