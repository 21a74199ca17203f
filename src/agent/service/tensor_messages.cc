// SPDX-License-Identifier: Apache-2.0
#include "agent/service/tensor_messages.h"

namespace kedge::agent {

namespace {

Result<WireType> ToWireType(pb::DataType type) {
  const int number = static_cast<int>(type);
  if (number < 0 || number > static_cast<int>(WireType::kFloat64))
    return InvalidArgument("data type " + std::to_string(number) + " is unknown");
  return static_cast<WireType>(number);
}

void FillMetadata(const ring::IoInfo& io, pb::TensorMetadata* metadata) {
  metadata->set_name(io.name);
  metadata->set_data_type(static_cast<pb::DataType>(WireTypeOf(io.dtype)));
  for (const int64_t dim : io.shape.dims) metadata->add_shape(static_cast<int32_t>(dim));
}

// Bytes of a tensor of that type and shape, or 0 if the shape is none.
uint64_t NeededBytes(WireType type, std::span<const int32_t> dims) {
  const Shape shape(std::vector<int64_t>(dims.begin(), dims.end()));
  if (!CheckShape(shape)) return 0;
  return static_cast<uint64_t>(shape.elements()) * WireTypeSize(type);
}

Result<SharedSegment> AttachHandle(const pb::SharedMemoryHandle& handle, bool allowed,
                                   uint64_t needed_bytes) {
  if (!allowed)
    return InvalidArgument("tensors in shared memory are switched off by the configuration");
  const uint64_t size = handle.size() == 0 ? needed_bytes : handle.size();
  return SharedSegment::Attach(handle.segment_id(), handle.offset(), size);
}

Result<std::vector<CapturedTensor>> ReadCapturedTensors(
    const google::protobuf::RepeatedPtrField<pb::Tensor>& messages, bool shared_memory_allowed) {
  KEDGE_TRY(const RequestTensors read, RequestTensors::Read(messages, shared_memory_allowed));
  std::vector<CapturedTensor> tensors;
  for (const RequestTensor& tensor : read.tensors())
    tensors.push_back({std::string(tensor.name),
                       tensor.type,
                       {tensor.shape.begin(), tensor.shape.end()},
                       std::string(AsText(tensor.bytes))});
  return tensors;
}

Result<std::vector<CapturedAuxiliary>> ReadAuxiliaries(
    const google::protobuf::RepeatedPtrField<pb::AuxiliaryData>& messages,
    bool shared_memory_allowed) {
  std::vector<CapturedAuxiliary> parts;
  for (const pb::AuxiliaryData& message : messages) {
    CapturedAuxiliary part;
    part.name = message.name();
    if (!pb::Encoding_IsValid(static_cast<int>(message.encoding())))
      return InvalidArgument("encoding " + std::to_string(message.encoding()) + " is unknown");
    part.encoding = static_cast<CaptureEncoding>(message.encoding());
    if (message.has_shared_memory_handle()) {
      KEDGE_TRY(const SharedSegment segment,
                AttachHandle(message.shared_memory_handle(), shared_memory_allowed, 0));
      part.bytes = AsText(segment.bytes());
    } else {
      part.bytes = message.byte_data();
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace

Result<std::string> HandleOf(const std::string& handle, const std::string& older_name) {
  if (!handle.empty() && !older_name.empty() && handle != older_name)
    return InvalidArgument("the request names two models, by handle '" + handle.substr(0, 80) +
                           "' and by name '" + older_name.substr(0, 80) + "'");
  return handle.empty() ? older_name : handle;
}

Result<RequestTensors> RequestTensors::Read(
    const google::protobuf::RepeatedPtrField<pb::Tensor>& tensors, bool shared_memory_allowed) {
  RequestTensors read;
  read.tensors_.reserve(static_cast<size_t>(tensors.size()));
  for (const pb::Tensor& message : tensors) {
    RequestTensor tensor;
    const pb::TensorMetadata& metadata = message.tensor_metadata();
    tensor.name = metadata.name();
    KEDGE_TRY(tensor.type, ToWireType(metadata.data_type()));
    tensor.shape = {metadata.shape().data(), static_cast<size_t>(metadata.shape_size())};
    if (message.has_shared_memory_handle()) {
      KEDGE_TRY(SharedSegment segment,
                AttachHandle(message.shared_memory_handle(), shared_memory_allowed,
                             NeededBytes(tensor.type, tensor.shape)));
      read.segments_.push_back(std::move(segment));
      tensor.bytes = read.segments_.back().bytes();
    } else {
      tensor.bytes = AsBytes(message.byte_data());
    }
    read.tensors_.push_back(tensor);
  }
  return read;
}

std::span<uint8_t> PrepareOutput(const ring::IoInfo& output, pb::Tensor* tensor) {
  FillMetadata(output, tensor->mutable_tensor_metadata());
  std::string* bytes = tensor->mutable_byte_data();
  bytes->resize(output.bytes);
  return {reinterpret_cast<uint8_t*>(bytes->data()), bytes->size()};
}

void FillModel(const ServedModel& model, pb::Model* message) {
  message->set_url(model.identity().url);
  message->set_name(model.identity().handle);
  message->set_handle(model.identity().handle);
  for (const ring::IoInfo& input : model.inputs())
    FillMetadata(input, message->add_input_tensor_metadatas());
  for (const ring::IoInfo& output : model.outputs())
    FillMetadata(output, message->add_output_tensor_metadatas());
}

Result<CaptureRecord> ReadCapture(const pb::CaptureDataRequest& request,
                                  bool shared_memory_allowed) {
  CaptureRecord record;
  KEDGE_TRY(record.model_handle, HandleOf(request.model_handle(), request.model_name()));
  record.capture_id = request.capture_id();
  if (request.has_inference_timestamp()) {
    constexpr int64_t kSecondsMax = 253'402'300'799;  // the end of the year 9999
    const int64_t seconds = request.inference_timestamp().seconds();
    if (seconds < 0 || seconds > kSecondsMax)
      return OutOfRange("inference timestamp " + std::to_string(seconds) + " s is no time");
    record.inference_time = seconds * 1000 + request.inference_timestamp().nanos() / 1'000'000;
  }
  KEDGE_TRY(record.input_tensors,
            ReadCapturedTensors(request.input_tensors(), shared_memory_allowed));
  KEDGE_TRY(record.output_tensors,
            ReadCapturedTensors(request.output_tensors(), shared_memory_allowed));
  KEDGE_TRY(record.inputs, ReadAuxiliaries(request.inputs(), shared_memory_allowed));
  KEDGE_TRY(record.outputs, ReadAuxiliaries(request.outputs(), shared_memory_allowed));
  return record;
}

}  // namespace kedge::agent
