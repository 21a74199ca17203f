// SPDX-License-Identifier: Apache-2.0
#include "compiler/import/tensor_import.h"

#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "compiler/import/wire.h"

namespace kedge::compiler {
namespace {

struct TypeEntry {
  const char* name;
  DType dtype;
  bool supported = true;
};
// By ONNX's number.
constexpr TypeEntry kTypes[] = {
    {"undefined", DType::kF32, false},
    {"float", DType::kF32},
    {"uint8", DType::kU8},
    {"int8", DType::kI8},
    {"uint16", DType::kU16},
    {"int16", DType::kI16},
    {"int32", DType::kI32},
    {"int64", DType::kI64},
    {"string", DType::kF32, false},
    {"bool", DType::kBool},
    {"float16", DType::kF16},
    {"double", DType::kF64},
    {"uint32", DType::kU32},
    {"uint64", DType::kU64},
    {"complex64", DType::kF32, false},
    {"complex128", DType::kF32, false},
    {"bfloat16", DType::kBf16},
    {"float8e4m3fn", DType::kF32, false},
    {"float8e4m3fnuz", DType::kF32, false},
    {"float8e5m2", DType::kF32, false},
    {"float8e5m2fnuz", DType::kF32, false},
    {"uint4", DType::kF32, false},
    {"int4", DType::kF32, false},
};

Status CheckSize(uint64_t got, uint64_t wanted) {
  if (got == wanted) return {};
  return InvalidArgument("it has " + std::to_string(got) + " bytes of elements, its shape needs " +
                         std::to_string(wanted));
}

// A bool is one byte, 0 or 1, everywhere below.
void NormaliseBools(Tensor& tensor) {
  if (tensor.dtype() != DType::kBool) return;
  for (uint8_t& byte : tensor.mutable_bytes()) byte = byte != 0;
}

Result<Tensor> FromRaw(DType dtype, Shape shape, Bytes raw) {
  KEDGE_TRY_STATUS(
      CheckSize(raw.size(), static_cast<uint64_t>(shape.elements()) * DTypeSize(dtype)));
  KEDGE_TRY(Tensor tensor, Tensor::FromBytes(dtype, std::move(shape), raw));
  NormaliseBools(tensor);
  return tensor;
}

Result<Tensor> FromFixed(DType dtype, Shape shape, const std::vector<Bytes>& chunks) {
  if (dtype != DType::kF32 && dtype != DType::kF64)
    return InvalidArgument("its elements stand in the wrong field");
  if (chunks.size() == 1) return FromRaw(dtype, std::move(shape), chunks[0]);
  uint64_t bytes = 0;
  for (Bytes chunk : chunks) bytes += chunk.size();
  KEDGE_TRY_STATUS(CheckSize(bytes, static_cast<uint64_t>(shape.elements()) * DTypeSize(dtype)));
  Tensor tensor(dtype, std::move(shape));
  uint8_t* to = tensor.mutable_bytes().data();
  for (Bytes chunk : chunks) to = std::copy(chunk.begin(), chunk.end(), to);
  return tensor;
}

Result<Tensor> FromVarints(DType dtype, Shape shape, const std::vector<Bytes>& chunks) {
  if (dtype == DType::kF32 || dtype == DType::kF64)
    return InvalidArgument("its elements stand in the wrong field");
  uint64_t count = 0;
  for (Bytes chunk : chunks) {
    for (uint8_t byte : chunk) count += (byte & 0x80) == 0;
  }
  const auto elements = static_cast<uint64_t>(shape.elements());
  if (count != elements) {
    return InvalidArgument("it has " + std::to_string(count) + " elements, its shape needs " +
                           std::to_string(elements));
  }
  Tensor tensor(dtype, std::move(shape));
  const size_t size = DTypeSize(dtype);
  uint8_t* to = tensor.mutable_bytes().data();
  for (Bytes chunk : chunks) {
    for (VarintReader reader(chunk); !reader.done(); to += size) {
      KEDGE_TRY(const uint64_t value, reader.Next());
      std::memcpy(to, &value, size);
    }
  }
  NormaliseBools(tensor);
  return tensor;
}

Result<int64_t> ParseCount(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0)
    return InvalidArgument("external data has the offset or length '" +
                           std::string(text.substr(0, 32)) + "'");
  return value;
}

Result<Tensor> FromExternal(const OnnxTensor& tensor, const ExternalFolder& folder, DType dtype,
                            Shape shape) {
  std::string_view location;
  int64_t offset = 0;
  int64_t length = -1;
  for (const auto& [key, value] : tensor.external_entries) {
    if (key == "location") location = value;
    if (key == "offset") {
      KEDGE_TRY(offset, ParseCount(value));
    }
    if (key == "length") {
      KEDGE_TRY(length, ParseCount(value));
    }
  }
  const int64_t wanted = shape.elements() * static_cast<int64_t>(DTypeSize(dtype));
  if (length >= 0) KEDGE_TRY_STATUS(CheckSize(length, wanted));
  KEDGE_TRY(const ByteBuffer bytes, folder.Read(location, offset, wanted));
  return FromRaw(dtype, std::move(shape), bytes);
}

Result<FileDescriptor> OpenBeneath(const FileDescriptor& folder, std::string_view location) {
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const std::string path(location);
  const auto fd =
      static_cast<int>(syscall(SYS_openat2, folder.get(), path.c_str(), &how, sizeof how));
  if (fd >= 0) return FileDescriptor(fd);
  const std::string what = "external data '" + path.substr(0, 256) + "'";
  if (errno == EXDEV || errno == ELOOP)
    return PermissionDenied(what + " leaves the model's folder or goes through a link");
  return ErrnoError(errno, what);
}

}  // namespace

Result<DType> DTypeFromOnnx(int64_t data_type) {
  if (data_type <= 0 || data_type >= static_cast<int64_t>(std::size(kTypes)))
    return InvalidArgument("element type " + std::to_string(data_type) + " is not known");
  const TypeEntry& entry = kTypes[data_type];
  if (!entry.supported)
    return Unimplemented("element type " + std::string(entry.name) + " is not supported");
  return entry.dtype;
}

Result<ByteBuffer> ExternalFolder::Read(std::string_view location, int64_t offset,
                                        int64_t length) const {
  if (folder_.empty()) return PermissionDenied("external data is not allowed here");
  if (location.empty() || location.size() > 1024 || location.find('\0') != std::string_view::npos)
    return InvalidArgument("external data has no valid location");
  const std::string what = "external data '" + std::string(location.substr(0, 256)) + "'";
  KEDGE_TRY(const FileDescriptor folder, OpenFile(folder_, O_RDONLY | O_DIRECTORY));
  KEDGE_TRY(const FileDescriptor file, OpenBeneath(folder, location));
  struct stat status{};
  if (fstat(file.get(), &status) != 0) return ErrnoError(errno, what);
  if (!S_ISREG(status.st_mode) || status.st_nlink != 1)
    return PermissionDenied(what + " is not a regular file with one name");
  if (offset > status.st_size || length > status.st_size - offset) {
    return InvalidArgument(what + " has " + std::to_string(status.st_size) + " bytes, needs " +
                           std::to_string(length) + " from " + std::to_string(offset));
  }
  ByteBuffer bytes(static_cast<size_t>(length < 0 ? status.st_size - offset : length));
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t got = pread(file.get(), bytes.data() + done, bytes.size() - done,
                              offset + static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError(errno, what);
    if (got == 0) return DataLoss(what + " became shorter");
    done += static_cast<size_t>(got);
  }
  return bytes;
}

Result<Tensor> ImportTensor(const OnnxTensor& tensor, const ExternalFolder& folder,
                            int64_t bytes_max) {
  KEDGE_TRY(const DType dtype, DTypeFromOnnx(tensor.data_type));
  Shape shape(tensor.dims);
  KEDGE_TRY_STATUS(CheckShape(shape));
  if (shape.elements() > bytes_max / static_cast<int64_t>(DTypeSize(dtype))) {
    return ResourceExhausted("shape " + ToString(shape) + " needs more than " +
                             std::to_string(bytes_max) + " bytes");
  }
  if (tensor.external) return FromExternal(tensor, folder, dtype, std::move(shape));
  if (tensor.raw.has_value()) return FromRaw(dtype, std::move(shape), *tensor.raw);
  if (!tensor.fixed.empty()) return FromFixed(dtype, std::move(shape), tensor.fixed);
  if (shape.elements() == 0 && tensor.varints.empty()) return Tensor(dtype, std::move(shape));
  if (tensor.varints.empty()) return InvalidArgument("it has no elements");
  return FromVarints(dtype, std::move(shape), tensor.varints);
}

}  // namespace kedge::compiler
