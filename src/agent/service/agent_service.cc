// SPDX-License-Identifier: Apache-2.0
#include "agent/service/agent_service.h"

#include "agent/service/to_grpc.h"

namespace kedge::agent {

namespace {

Status RunModel(Registry& registry, Watcher& watcher, const pb::PredictRequest& request,
                bool shared_memory_allowed, pb::PredictResponse* response) {
  KEDGE_TRY(const std::string handle, HandleOf(request.handle(), request.name()));
  KEDGE_TRY(const std::shared_ptr<ServedModel> model, registry.Find(handle));
  KEDGE_TRY_STATUS(watcher.Check(model));
  KEDGE_TRY(const RequestTensors tensors,
            RequestTensors::Read(request.tensors(), shared_memory_allowed));
  KEDGE_TRY(const std::vector<Bytes> inputs, BindInputs(model->inputs(), tensors.tensors()));
  // The worker's results are copied from the ring straight into the answer.
  std::vector<std::span<uint8_t>> outputs;
  outputs.reserve(model->outputs().size());
  for (const ring::IoInfo& output : model->outputs())
    outputs.push_back(PrepareOutput(output, response->add_tensors()));
  const auto before = std::chrono::steady_clock::now();
  KEDGE_TRY_STATUS(model->Run(inputs, outputs));
  watcher.Offer(model, inputs, outputs, std::chrono::steady_clock::now() - before);
  return {};
}

Status Capture(Registry& registry, CaptureQueue& captures, const pb::CaptureDataRequest& request,
               bool shared_memory_allowed) {
  KEDGE_TRY(CaptureRecord record, ReadCapture(request, shared_memory_allowed));
  KEDGE_TRY(const std::shared_ptr<ServedModel> model, registry.Find(record.model_handle));
  record.model_name = model->identity().model_name;
  record.model_version = model->identity().model_version;
  return captures.Put(std::move(record));
}

}  // namespace

grpc::Status AgentService::Predict(grpc::ServerContext*, const pb::PredictRequest* request,
                                   pb::PredictResponse* response) {
  return ToGrpc(RunModel(registry_, watcher_, *request, shared_memory_allowed_, response));
}

grpc::Status AgentService::LoadModel(grpc::ServerContext*, const pb::LoadModelRequest* request,
                                     pb::LoadModelResponse* response) {
  auto handle = HandleOf(request->handle(), request->name());
  if (!handle) return ToGrpc(handle.error());
  auto model = registry_.Load(*handle, request->url());
  if (!model) return ToGrpc(model.error());
  FillModel(**model, response->mutable_model());
  return grpc::Status::OK;
}

grpc::Status AgentService::UnLoadModel(grpc::ServerContext*, const pb::UnLoadModelRequest* request,
                                       pb::UnLoadModelResponse*) {
  auto handle = HandleOf(request->handle(), request->name());
  if (!handle) return ToGrpc(handle.error());
  return ToGrpc(registry_.Unload(*handle));
}

grpc::Status AgentService::ListModels(grpc::ServerContext*, const pb::ListModelsRequest*,
                                      pb::ListModelsResponse* response) {
  for (const auto& model : registry_.List()) FillModel(*model, response->add_models());
  return grpc::Status::OK;
}

grpc::Status AgentService::DescribeModel(grpc::ServerContext*,
                                         const pb::DescribeModelRequest* request,
                                         pb::DescribeModelResponse* response) {
  auto handle = HandleOf(request->handle(), request->name());
  if (!handle) return ToGrpc(handle.error());
  auto model = registry_.Find(*handle);
  if (!model) return ToGrpc(model.error());
  FillModel(**model, response->mutable_model());
  return grpc::Status::OK;
}

grpc::Status AgentService::CaptureData(grpc::ServerContext*, const pb::CaptureDataRequest* request,
                                       pb::CaptureDataResponse*) {
  return ToGrpc(Capture(registry_, captures_, *request, shared_memory_allowed_));
}

grpc::Status AgentService::GetCaptureDataStatus(grpc::ServerContext*,
                                                const pb::GetCaptureDataStatusRequest* request,
                                                pb::GetCaptureDataStatusResponse* response) {
  auto status = captures_.StatusOf(request->capture_id());
  if (!status) return ToGrpc(status.error());
  response->set_status(static_cast<pb::CaptureDataStatus>(*status));
  return grpc::Status::OK;
}

}  // namespace kedge::agent
