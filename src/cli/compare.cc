// SPDX-License-Identifier: Apache-2.0
#include "cli/compare.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "cli/inputs.h"

namespace kedge::cli {

namespace {

// Two units in the last place, relative.
double RelativeOf(DType dtype, double relative) {
  if (dtype == DType::kF16) return std::max(relative, std::ldexp(1, -9));
  if (dtype == DType::kBf16) return std::max(relative, std::ldexp(1, -6));
  return relative;
}

// How far beyond what is allowed, 0 if within.
double Excess(double got, double want, double absolute, double relative) {
  if (std::isnan(want) || std::isnan(got))
    return std::isnan(want) && std::isnan(got) ? 0 : INFINITY;
  if (std::isinf(want) || std::isinf(got)) return got == want ? 0 : INFINITY;
  return std::max(0.0, std::abs(got - want) - (absolute + relative * std::abs(want)));
}

std::string Number(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

Status CompareFloats(const Tensor& got, const Tensor& want, const Tolerance& tolerance) {
  const double relative = RelativeOf(want.dtype(), tolerance.relative);
  int64_t wrong = 0;
  int64_t worst = 0;
  double worst_excess = 0;
  for (int64_t i = 0; i < want.elements(); ++i) {
    const double excess =
        Excess(ElementAsDouble(got, i), ElementAsDouble(want, i), tolerance.absolute, relative);
    if (excess > 0) ++wrong;
    if (excess > worst_excess) {
      worst_excess = excess;
      worst = i;
    }
  }
  if (wrong == 0) return {};
  return DataLoss(std::to_string(wrong) + " of " + std::to_string(want.elements()) +
                  " elements differ, worst element " + std::to_string(worst) + " is " +
                  Number(ElementAsDouble(got, worst)) + ", not " +
                  Number(ElementAsDouble(want, worst)));
}

Status CompareBytes(const Tensor& got, const Tensor& want) {
  const size_t element_bytes = DTypeSize(want.dtype());
  const auto [a, b] = std::mismatch(got.bytes().begin(), got.bytes().end(), want.bytes().begin());
  if (a == got.bytes().end()) return {};
  const auto i = static_cast<int64_t>(static_cast<size_t>(a - got.bytes().begin()) / element_bytes);
  return DataLoss("element " + std::to_string(i) + " is " + Number(ElementAsDouble(got, i)) +
                  ", not " + Number(ElementAsDouble(want, i)));
}

}  // namespace

Status Compare(const Tensor& got, const Tensor& want, const Tolerance& tolerance) {
  if (got.dtype() != want.dtype() || got.shape() != want.shape()) {
    return DataLoss("it is " + Describe(got.dtype(), got.shape()) + ", not " +
                    Describe(want.dtype(), want.shape()));
  }
  return IsFloat(want.dtype()) ? CompareFloats(got, want, tolerance) : CompareBytes(got, want);
}

}  // namespace kedge::cli
