// Between the messages of api/agent.proto and the agent's own types.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <vector>

#include "agent.pb.h"
#include "agent/capture/record.h"
#include "agent/models/bind_inputs.h"
#include "agent/models/served_model.h"
#include "agent/service/shared_segment.h"

namespace kedge::agent {

namespace pb = ::AWS::SageMaker::Edge;

// The handle of a request: either field may name it. kInvalidArgument if both do and differ.
Result<std::string> HandleOf(const std::string& handle, const std::string& older_name);

// The tensors of a Predict request as views into the message and its shared memory.
class RequestTensors {
 public:
  // kInvalidArgument for a type or size outside the interface or a refused segment. With size 0, a
  // segment's tensor takes what its shape and type need. Borrows the message.
  static Result<RequestTensors> Read(const google::protobuf::RepeatedPtrField<pb::Tensor>& tensors,
                                     bool shared_memory_allowed);
  std::span<const RequestTensor> tensors() const { return tensors_; }

 private:
  std::vector<RequestTensor> tensors_;
  std::deque<SharedSegment> segments_;
};

// Fills one answer tensor's metadata and makes room for its elements; gives that room.
std::span<uint8_t> PrepareOutput(const ring::IoInfo& output, pb::Tensor* tensor);

void FillModel(const ServedModel& model, pb::Model* message);

// A capture request without its model's name and version, which the caller adds.
Result<CaptureRecord> ReadCapture(const pb::CaptureDataRequest& request,
                                  bool shared_memory_allowed);

}  // namespace kedge::agent
