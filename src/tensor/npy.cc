// SPDX-License-Identifier: Apache-2.0
#include "tensor/npy.h"

#include <charconv>

namespace kedge {

namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

struct DescriptorRow {
  std::string_view text;
  DType dtype;
};

// The first row of a type is the one written.
constexpr DescriptorRow kDescriptors[] = {
    {"<f4", DType::kF32}, {"<f8", DType::kF64}, {"<f2", DType::kF16}, {"|i1", DType::kI8},
    {"<i2", DType::kI16}, {"<i4", DType::kI32}, {"<i8", DType::kI64}, {"|u1", DType::kU8},
    {"<u2", DType::kU16}, {"<u4", DType::kU32}, {"<u8", DType::kU64}, {"|b1", DType::kBool},
    {"<i1", DType::kI8},  {"<u1", DType::kU8},  {"<b1", DType::kBool}};

// The text between `open` and `close` after the key, for example of 'descr' or 'shape'.
Result<std::string_view> Field(std::string_view header, std::string_view key, char open,
                               char close) {
  const size_t at = header.find(key);
  if (at == std::string_view::npos) return InvalidArgument("npy header has no " + std::string(key));
  const size_t begin = header.find(open, header.find(':', at + key.size()));
  const size_t end = begin == std::string_view::npos ? begin : header.find(close, begin + 1);
  if (end == std::string_view::npos)
    return InvalidArgument("npy header has a malformed " + std::string(key));
  return header.substr(begin + 1, end - begin - 1);
}

Result<Shape> ParseTuple(std::string_view text) {
  Shape shape;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    if (*at == ' ' || *at == ',') {
      ++at;
      continue;
    }
    int64_t size = 0;
    const auto [next, error] = std::from_chars(at, end, size);
    if (error != std::errc()) return InvalidArgument("npy header has a malformed shape");
    shape.dims.push_back(size);
    at = next;
  }
  KEDGE_TRY_STATUS(CheckShape(shape));
  return shape;
}

}  // namespace

Result<Tensor> ParseNpy(Bytes file) {
  const std::string_view text = AsText(file);
  if (text.size() < 10 || text.substr(0, 6) != kMagic)
    return InvalidArgument("file is not a .npy file");
  const int version = file[6];
  if (version < 1 || version > 3)
    return InvalidArgument("npy version " + std::to_string(version) + " is unknown");
  const size_t prefix = version == 1 ? 10 : 12;
  if (text.size() < prefix) return InvalidArgument("npy file is cut short");
  const size_t length =
      version == 1 ? LoadLittle<uint16_t>(&file[8]) : LoadLittle<uint32_t>(&file[8]);
  if (length > text.size() - prefix) return InvalidArgument("npy file is cut short in its header");
  const std::string_view header = text.substr(prefix, length);
  KEDGE_TRY(const std::string_view descriptor, Field(header, "'descr'", '\'', '\''));
  KEDGE_TRY(const std::string_view tuple, Field(header, "'shape'", '(', ')'));
  KEDGE_TRY(Shape shape, ParseTuple(tuple));
  if (header.find("'fortran_order': True") != std::string_view::npos && shape.rank() > 1) {
    return InvalidArgument("npy file is in Fortran order; save it in C order");
  }
  for (const DescriptorRow& row : kDescriptors) {
    if (row.text == descriptor)
      return Tensor::FromBytes(row.dtype, std::move(shape), file.subspan(prefix + length));
  }
  return InvalidArgument("npy element type '" + std::string(descriptor.substr(0, 20)) +
                         "' is not supported");
}

ByteBuffer WriteNpy(const Tensor& tensor) {
  if (tensor.dtype() == DType::kBf16) {
    Tensor wide(DType::kF32, tensor.shape());
    const auto from = tensor.As<uint16_t>();
    const auto to = wide.As<float>();
    for (size_t i = 0; i < to.size(); ++i) to[i] = BFloatToFloat(from[i]);
    return WriteNpy(wide);
  }
  std::string header = "{'descr': '";
  for (const DescriptorRow& row : kDescriptors) {
    if (row.dtype == tensor.dtype()) {
      header += row.text;
      break;
    }
  }
  header += "', 'fortran_order': False, 'shape': (";
  for (int64_t size : tensor.shape().dims)
    header += std::to_string(size) + (tensor.shape().rank() == 1 ? "," : ", ");
  if (tensor.shape().rank() > 1) header.resize(header.size() - 2);
  header += "), }";
  const size_t total = (10 + header.size() + 1 + 63) / 64 * 64;
  header.resize(total - 11, ' ');
  header += '\n';
  ByteBuffer file = ToBuffer(AsBytes(kMagic));
  file.insert(file.end(), {1, 0, static_cast<uint8_t>(header.size() & 255),
                           static_cast<uint8_t>(header.size() >> 8)});
  file.insert(file.end(), header.begin(), header.end());
  file.insert(file.end(), tensor.bytes().begin(), tensor.bytes().end());
  return file;
}

}  // namespace kedge
