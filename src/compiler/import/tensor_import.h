// Elements of an ONNX tensor, from the model file or from a file beside it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/file.h"
#include "compiler/import/onnx_model.h"
#include "tensor/tensor.h"

namespace kedge::compiler {

// ONNX's number of an element type. kUnimplemented, naming it, for strings, complex numbers, 4- and
// 8-bit floats and 4-bit integers; kInvalidArgument for a number that is none.
Result<DType> DTypeFromOnnx(int64_t data_type);

// Opens files of external data below one folder.
class ExternalFolder {
 public:
  // Empty: every use is refused.
  explicit ExternalFolder(Path folder) : folder_(std::move(folder)) {}
  // `length` bytes (or all up to the end if it is negative) from `offset` of the file `location`, a
  // relative path. The kernel resolves it below the folder without any link (openat2 with
  // RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS); it must be a regular file with one name.
  // kPermissionDenied or kInvalidArgument for another one, kNotFound if it is not there.
  Result<ByteBuffer> Read(std::string_view location, int64_t offset, int64_t length) const;

 private:
  Path folder_;
};

// The tensor, of at most bytes_max bytes: kResourceExhausted above. Nothing is allocated before the
// size of the elements that are there fits the shape. kInvalidArgument if it does not.
Result<Tensor> ImportTensor(const OnnxTensor& tensor, const ExternalFolder& folder,
                            int64_t bytes_max);

}  // namespace kedge::compiler
