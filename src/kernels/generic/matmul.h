// Matrix products over strided matrices: C[m][n] = sum over k of A[m][k] * B[k][n].
//
// Two forms. Tiles: B's columns are contiguous; kRows results by a few vectors of columns stay in
// registers over the whole of k. Dots: B's k is contiguous (a transposed B, or one column); each
// result is a dot product in lanes: the form for few rows, where B is read once.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "reduce.h"
#include "tile.h"

namespace kedge::kernels {

struct MatMulShape {
  int64_t m, n, k;
  int64_t a_row, a_k;     // elements between A's rows and along k
  int64_t b_k, b_column;  // elements along k and between B's columns
};

// kRows rows by one tile of columns, of which `columns` count. finish(row, column, value) stores.
template <MatMulShape kShape, int kRows, int kVectors, bool kWhole, class T, class Finish>
KEDGE_INLINE void MatMulTile(const T* a, const T* b, int64_t columns, Finish finish) {
  using Tile = RowTile<T, kVectors>;
  Tile acc[kRows];
  for (int r = 0; r < kRows; ++r) acc[r].Fill(T(0));
  for (int64_t k = 0; k < kShape.k; ++k) {
    Tile row;
    if constexpr (kWhole) {
      row.Load(b + k * kShape.b_k);
    } else {
      T padded[Tile::kWidth] = {};
      for (int64_t i = 0; i < columns; ++i) padded[i] = b[k * kShape.b_k + i];
      row.Load(padded);
    }
    for (int r = 0; r < kRows; ++r) {
      acc[r].AddProduct(a[r * kShape.a_row + k * kShape.a_k], row);
    }
    Fence();
  }
  for (int r = 0; r < kRows; ++r) {
    T values[Tile::kWidth];
    acc[r].Store(values);
    for (int64_t i = 0; i < columns; ++i) finish(r, i, values[i]);
  }
}

// Rows [row, row + kRows) and columns [column, column_end) of the result.
template <MatMulShape kShape, int kRows, int kVectors, class T, class Finish>
inline void MatMulRows(const T* a, const T* b, int64_t row, int64_t column, int64_t column_end,
                       Finish finish) {
  constexpr int64_t kWidth = RowTile<T, kVectors>::kWidth;
  const T* rows = a + row * kShape.a_row;
  for (; column < column_end; column += kWidth) {
    const int64_t left = column_end - column;
    auto at = [&](int64_t r, int64_t c, T value)
                  KEDGE_LAMBDA_INLINE { finish(row + r, column + c, value); };
    if (left >= kWidth) {
      MatMulTile<kShape, kRows, kVectors, true>(rows, b + column, kWidth, at);
    } else {
      MatMulTile<kShape, kRows, kVectors, false>(rows, b + column, left, at);
    }
  }
}

// A block of kRows rows (fewer at the end) and a range of columns, tiles.
template <MatMulShape kShape, int kRows, int kVectors, class T, class Finish>
inline void MatMulTiles(const T* a, const T* b, int64_t row, int64_t column, int64_t column_end,
                        Finish finish) {
  constexpr int kRest = static_cast<int>(kShape.m % kRows);
  if (kRest == 0 || row + kRows <= kShape.m) {
    MatMulRows<kShape, kRows, kVectors>(a, b, row, column, column_end, finish);
  } else {
    MatMulRows<kShape, kRest == 0 ? 1 : kRest, kVectors>(a, b, row, column, column_end, finish);
  }
}

// The same by dot products.
template <MatMulShape kShape, int kRows, class T, class Finish>
inline void MatMulDots(const T* a, const T* b, int64_t row, int64_t column, int64_t column_end,
                       Finish finish) {
  const int64_t rows = kShape.m - row < kRows ? kShape.m - row : kRows;
  for (int64_t c = column; c < column_end; ++c) {
    const T* x = b + c * kShape.b_column;
    for (int64_t r = row; r < row + rows; ++r) {
      const T* y = a + r * kShape.a_row;
      Lanes<Sum<T>> lanes;
      lanes.Add(kShape.k, [&](int64_t k) KEDGE_LAMBDA_INLINE {
        return static_cast<T>(x[k * kShape.b_k] * y[k * kShape.a_k]);
      });
      finish(r, c, lanes.Fold());
    }
  }
}

}  // namespace kedge::kernels
