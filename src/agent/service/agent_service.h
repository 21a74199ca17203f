// The seven calls of api/agent.proto.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent.grpc.pb.h"
#include "agent/capture/capture_queue.h"
#include "agent/models/registry.h"
#include "agent/monitor/watcher.h"
#include "agent/service/tensor_messages.h"

namespace kedge::agent {

// Thread-safe; gRPC calls it from its own threads.
class AgentService final : public pb::Agent::Service {
 public:
  AgentService(Registry& registry, CaptureQueue& captures, Watcher& watcher,
               bool shared_memory_allowed)
      : registry_(registry),
        captures_(captures),
        watcher_(watcher),
        shared_memory_allowed_(shared_memory_allowed) {}

  grpc::Status Predict(grpc::ServerContext* context, const pb::PredictRequest* request,
                       pb::PredictResponse* response) override;
  grpc::Status LoadModel(grpc::ServerContext* context, const pb::LoadModelRequest* request,
                         pb::LoadModelResponse* response) override;
  grpc::Status UnLoadModel(grpc::ServerContext* context, const pb::UnLoadModelRequest* request,
                           pb::UnLoadModelResponse* response) override;
  grpc::Status ListModels(grpc::ServerContext* context, const pb::ListModelsRequest* request,
                          pb::ListModelsResponse* response) override;
  grpc::Status DescribeModel(grpc::ServerContext* context, const pb::DescribeModelRequest* request,
                             pb::DescribeModelResponse* response) override;
  grpc::Status CaptureData(grpc::ServerContext* context, const pb::CaptureDataRequest* request,
                           pb::CaptureDataResponse* response) override;
  grpc::Status GetCaptureDataStatus(grpc::ServerContext* context,
                                    const pb::GetCaptureDataStatusRequest* request,
                                    pb::GetCaptureDataStatusResponse* response) override;

 private:
  Registry& registry_;
  CaptureQueue& captures_;
  Watcher& watcher_;
  const bool shared_memory_allowed_;
};

}  // namespace kedge::agent
