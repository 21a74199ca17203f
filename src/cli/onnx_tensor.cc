// SPDX-License-Identifier: Apache-2.0
#include "cli/onnx_tensor.h"

#include <algorithm>
#include <set>

namespace kedge::cli {

namespace {

enum Wire : uint32_t { kVarint = 0, kEightBytes = 1, kLength = 2, kFourBytes = 5 };

struct Field {
  uint32_t number = 0;
  uint32_t wire = 0;
  uint64_t value = 0;  // of kVarint, kEightBytes, kFourBytes
  Bytes bytes;         // of kLength
};

// The fields of one message, from front to back.
class Fields {
 public:
  explicit Fields(Bytes message) : rest_(message) {}

  // False at the end or when the message is malformed.
  bool Next(Field& field) {
    if (rest_.empty() || broken_) return false;
    const uint64_t key = Varint();
    field = {.number = static_cast<uint32_t>(key >> 3), .wire = static_cast<uint32_t>(key & 7)};
    switch (field.wire) {
      case kVarint:
        field.value = Varint();
        break;
      case kEightBytes:
        field.value = Fixed(8);
        break;
      case kFourBytes:
        field.value = Fixed(4);
        break;
      case kLength:
        field.bytes = Take(Varint());
        break;
      default:
        broken_ = true;
    }
    return !broken_;
  }
  bool broken() const { return broken_; }
  uint64_t Varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) break;
      const uint8_t byte = rest_.front();
      rest_ = rest_.subspan(1);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    broken_ = true;
    return 0;
  }
  bool empty() const { return rest_.empty(); }

 private:
  Bytes Take(uint64_t bytes) {
    if (bytes > rest_.size()) {
      broken_ = true;
      return {};
    }
    const Bytes taken = rest_.first(bytes);
    rest_ = rest_.subspan(bytes);
    return taken;
  }
  uint64_t Fixed(size_t bytes) {
    uint64_t value = 0;
    const Bytes taken = Take(bytes);
    if (!taken.empty()) std::memcpy(&value, taken.data(), taken.size());
    return value;
  }

  Bytes rest_;
  bool broken_ = false;
};

// A repeated number, packed or not: appends the values.
bool AppendNumbers(const Field& field, size_t fixed_bytes, std::vector<uint64_t>& to) {
  if (field.wire != kLength) {
    to.push_back(field.value);
    return true;
  }
  if (fixed_bytes == 0) {
    Fields packed(field.bytes);
    while (!packed.empty() && !packed.broken()) to.push_back(packed.Varint());
    return !packed.broken();
  }
  if (field.bytes.size() % fixed_bytes != 0) return false;
  for (size_t at = 0; at < field.bytes.size(); at += fixed_bytes) {
    uint64_t value = 0;
    std::memcpy(&value, field.bytes.data() + at, fixed_bytes);
    to.push_back(value);
  }
  return true;
}

// TensorProto.DataType.
Result<DType> ReadDType(uint64_t number) {
  switch (number) {
    case 1:
      return DType::kF32;
    case 2:
      return DType::kU8;
    case 3:
      return DType::kI8;
    case 4:
      return DType::kU16;
    case 5:
      return DType::kI16;
    case 6:
      return DType::kI32;
    case 7:
      return DType::kI64;
    case 8:
      return Unimplemented("test data of strings");
    case 9:
      return DType::kBool;
    case 10:
      return DType::kF16;
    case 11:
      return DType::kF64;
    case 12:
      return DType::kU32;
    case 13:
      return DType::kU64;
    case 16:
      return DType::kBf16;
    default:
      return Unimplemented("test data of ONNX element type " + std::to_string(number));
  }
}

// TensorProto's field numbers.
constexpr uint32_t kDims = 1, kDataType = 2, kFloatData = 4, kInt32Data = 5, kInt64Data = 7,
                   kName = 8, kRawData = 9, kDoubleData = 10, kUint64Data = 11, kDataLocation = 14;

struct TensorFields {
  std::vector<uint64_t> dims;
  uint64_t dtype = 0;
  std::string name;
  Bytes raw;
  std::vector<uint64_t> numbers;  // of whichever typed field there is; floats as their bits
  bool external = false;
};

Result<TensorFields> ReadTensorFields(Bytes file) {
  TensorFields tensor;
  Fields fields(file);
  bool good = true;
  for (Field field; good && fields.Next(field);) {
    switch (field.number) {
      case kDims:
        good = AppendNumbers(field, 0, tensor.dims);
        break;
      case kDataType:
        tensor.dtype = field.value;
        break;
      case kName:
        tensor.name = AsText(field.bytes);
        break;
      case kRawData:
        tensor.raw = field.bytes;
        break;
      case kFloatData:
        good = AppendNumbers(field, 4, tensor.numbers);
        break;
      case kDoubleData:
        good = AppendNumbers(field, 8, tensor.numbers);
        break;
      case kInt32Data:
      case kInt64Data:
      case kUint64Data:
        good = AppendNumbers(field, 0, tensor.numbers);
        break;
      case kDataLocation:
        tensor.external = field.value != 0;
        break;
      default:
        break;
    }
  }
  if (!good || fields.broken()) return InvalidArgument("malformed TensorProto");
  return tensor;
}

}  // namespace

Result<OnnxTensor> ReadOnnxTensor(Bytes file) {
  KEDGE_TRY(const TensorFields fields, ReadTensorFields(file));
  KEDGE_TRY(const DType dtype, ReadDType(fields.dtype));
  if (fields.external) return Unimplemented("test data in another file");
  Shape shape;
  for (const uint64_t dim : fields.dims) shape.dims.push_back(static_cast<int64_t>(dim));
  KEDGE_TRY_STATUS(CheckShape(shape));
  if (!fields.raw.empty() || fields.numbers.empty()) {
    KEDGE_TRY(Tensor tensor, Tensor::FromBytes(dtype, shape, fields.raw));
    return OnnxTensor{fields.name, std::move(tensor)};
  }
  if (fields.numbers.size() != static_cast<size_t>(shape.elements())) {
    return InvalidArgument("TensorProto of shape " + ToString(shape) + " has " +
                           std::to_string(fields.numbers.size()) + " elements");
  }
  // Narrow types stand in int32_data, one value each; memory is little-endian, so the low bytes
  // count.
  const size_t element_bytes = DTypeSize(dtype);
  ByteBuffer bytes(fields.numbers.size() * element_bytes);
  for (size_t i = 0; i < fields.numbers.size(); ++i)
    std::memcpy(bytes.data() + i * element_bytes, &fields.numbers[i], element_bytes);
  KEDGE_TRY(Tensor tensor, Tensor::FromBytes(dtype, shape, bytes));
  return OnnxTensor{fields.name, std::move(tensor)};
}

namespace {

// The bytes of the last field of that number; empty if there is none.
Bytes Sub(Bytes message, uint32_t number) {
  Bytes result;
  Fields fields(message);
  for (Field field; fields.Next(field);) {
    if (field.number == number && field.wire == kLength) result = field.bytes;
  }
  return result;
}

// TypeProto of a ValueInfoProto: a tensor whose every dimension has a value.
bool HasStaticShape(Bytes type) {
  const Bytes tensor_type = Sub(type, 1);
  bool has_shape = false;
  bool is_static = true;
  Fields fields(tensor_type);
  for (Field field; fields.Next(field);) {
    if (field.number != 2) continue;
    has_shape = true;
    Fields dims(field.bytes);
    for (Field dim; dims.Next(dim);) {
      bool has_value = false;
      Fields parts(dim.bytes);
      for (Field part; parts.Next(part);) has_value |= part.number == 1 && part.wire == kVarint;
      is_static &= has_value;
    }
  }
  return has_shape && is_static;
}

}  // namespace

Result<std::vector<OnnxInput>> ReadOnnxInputs(Bytes file) {
  constexpr uint32_t kGraph = 7, kInitializer = 5, kInput = 11;
  const Bytes graph = Sub(file, kGraph);
  if (graph.empty()) return InvalidArgument("no ONNX model");
  std::set<std::string> initialized;
  std::vector<OnnxInput> inputs;
  Fields fields(graph);
  for (Field field; fields.Next(field);) {
    if (field.number == kInitializer) initialized.emplace(AsText(Sub(field.bytes, kName)));
    if (field.number != kInput) continue;
    inputs.push_back({.name = std::string(AsText(Sub(field.bytes, 1))),
                      .static_shape = HasStaticShape(Sub(field.bytes, 2))});
  }
  if (fields.broken()) return InvalidArgument("malformed ONNX model");
  std::erase_if(inputs, [&](const OnnxInput& input) { return initialized.contains(input.name); });
  return inputs;
}

}  // namespace kedge::cli
