// Whether a shape given at run time is the one that the code was made for.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "../kernel.h"

namespace kedge::kernels {

// ONNX Reshape: 0 copies the input's size (unless zero_is_zero), one -1 is what remains.
template <class T>
inline bool CheckReshape(const T* asked, int64_t count, const int64_t* from, int64_t from_rank,
                         const int64_t* to, int64_t rank, bool zero_is_zero) {
  if (count != rank) return false;
  int64_t unknown = 0;
  for (int64_t d = 0; d < rank; ++d) {
    const auto size = static_cast<int64_t>(asked[d]);
    if (size == -1) {
      if (++unknown > 1) return false;
    } else if (size == 0 && !zero_is_zero) {
      if (d >= from_rank || from[d] != to[d]) return false;
    } else if (size != to[d]) {
      return false;
    }
  }
  return true;
}

// ONNX Expand: both shapes broadcast to the result.
template <class T>
inline bool CheckExpand(const T* asked, int64_t count, const int64_t* from, int64_t from_rank,
                        const int64_t* to, int64_t rank) {
  if (count > rank) return false;
  for (int64_t d = 1; d <= rank; ++d) {
    const int64_t wanted = d <= count ? static_cast<int64_t>(asked[count - d]) : 1;
    const int64_t own = d <= from_rank ? from[from_rank - d] : 1;
    if (wanted != own && wanted != 1 && own != 1) return false;
    if ((own == 1 ? wanted : own) != to[rank - d]) return false;
  }
  return true;
}

}  // namespace kedge::kernels
