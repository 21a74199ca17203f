// NumPy's .npy files, format versions 1 to 3, C order, little-endian.
// Source: numpy/lib/format.py's description of the format.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tensor/tensor.h"

namespace kedge {

// kInvalidArgument for a malformed file, Fortran order of rank > 1, big-endian, an element type we
// do not have (strings, complex numbers, objects), or a size that does not match the shape.
Result<Tensor> ParseNpy(Bytes file);
// Version 1.0; bf16, which NumPy does not have, is written as f32.
ByteBuffer WriteNpy(const Tensor& tensor);

}  // namespace kedge
