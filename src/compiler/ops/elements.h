// Elements of tensors as the reference evaluation computes with them: floats as double, integers
// as int64_t (u64 by its bit pattern). Converting a whole tensor keeps the operators free of types.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/tensor.h"

namespace kedge::compiler {

std::vector<double> ReadDoubles(const Tensor& tensor);
// Rounds to the tensor's type; integers saturate, NaN becomes 0.
void WriteDoubles(std::span<const double> values, Tensor& tensor);
// For integer and bool tensors.
std::vector<int64_t> ReadIntegers(const Tensor& tensor);
// Wraps to the tensor's type; a bool becomes value != 0.
void WriteIntegers(std::span<const int64_t> values, Tensor& tensor);

// Strides of an operand under a broadcast to `shape`: 0 where it stretches.
std::vector<int64_t> BroadcastStrides(const Shape& operand, const Shape& shape);

// Counts through all indices of a shape in row-major order, keeping for each operand the offset at
// its own strides.
class Odometer {
 public:
  Odometer(const Shape& shape, std::vector<std::vector<int64_t>> strides,
           std::vector<int64_t> starts = {});
  bool done() const { return left_ == 0; }
  int64_t offset(size_t operand) const { return offsets_[operand]; }
  const std::vector<int64_t>& index() const { return index_; }
  void Next();

 private:
  std::vector<int64_t> dims_;
  std::vector<std::vector<int64_t>> strides_;
  std::vector<int64_t> offsets_;
  std::vector<int64_t> index_;
  int64_t left_;
};

// to[i] = from[start + sum of index * strides] for every index i of `to` in row-major order.
void CopyStrided(const Tensor& from, const std::vector<int64_t>& strides, int64_t start,
                 Tensor& to);

// A tensor seen as [outer, axis, inner] around one axis.
struct AxisView {
  int64_t outer = 1;
  int64_t length = 1;
  int64_t inner = 1;
  AxisView(const Shape& shape, int64_t axis);
};

}  // namespace kedge::compiler
