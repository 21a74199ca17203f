// SPDX-License-Identifier: Apache-2.0
#include "agent/monitor/model_watch.h"

#include <array>
#include <cmath>

#include "base/crypto/crypto.h"
#include "base/log.h"

namespace kedge::agent {

namespace {

constexpr size_t kTensorsMax = 64;  // of one side; what a model has beyond is not watched

Result<stats::ModelMonitor> MakeMonitorOf(const std::string& text, EpochMs now) {
  KEDGE_TRY(const stats::Baseline baseline, stats::ParseBaseline(text));
  return stats::ModelMonitor::Make(baseline, stats::BaselineIdOf(text), {}, now);
}

// Views of the copied tensors, in `views`.
std::span<const stats::TensorView> ViewsOf(const std::vector<ring::IoInfo>& io,
                                           const std::vector<ByteBuffer>& bytes,
                                           std::array<stats::TensorView, kTensorsMax>& views) {
  const size_t count = std::min({io.size(), bytes.size(), kTensorsMax});
  for (size_t i = 0; i < count; ++i) {
    views[i] = {.dtype = io[i].dtype, .dims = io[i].shape.dims, .bytes = bytes[i]};
  }
  return {views.data(), count};
}

std::vector<CapturedTensor> Captured(const std::vector<ring::IoInfo>& io,
                                     const std::vector<ByteBuffer>& bytes) {
  std::vector<CapturedTensor> tensors;
  for (size_t i = 0; i < io.size() && i < bytes.size(); ++i) {
    CapturedTensor tensor{.name = io[i].name, .type = WireTypeOf(io[i].dtype)};
    for (const int64_t size : io[i].shape.dims) tensor.shape.push_back(static_cast<int32_t>(size));
    tensor.bytes = std::string(AsText(bytes[i]));
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

int64_t BytesOf(const InferenceCopy& inference) {
  size_t bytes = 0;
  for (const ByteBuffer& tensor : inference.inputs) bytes += tensor.size();
  for (const ByteBuffer& tensor : inference.outputs) bytes += tensor.size();
  return static_cast<int64_t>(bytes);
}

}  // namespace

ModelWatch::ModelWatch(const std::shared_ptr<ServedModel>& model, const WatchOptions& options)
    : model_(model),
      identity_(model->identity()),
      inputs_(model->inputs()),
      outputs_(model->outputs()),
      options_(options),
      budget_(options.cpu_fraction),
      has_baseline_(!model->baseline().empty()) {}

void ModelWatch::Prepare(EpochMs now) {
  if (!has_baseline_ || monitor_) return;
  const auto model = model_.lock();
  if (model == nullptr) return;
  auto monitor = MakeMonitorOf(model->baseline(), now);
  if (monitor) {
    monitor_.emplace(std::move(*monitor));
    return;
  }
  has_baseline_.store(false);
  LogWarning("the model is not watched: its baseline does not fit",
             {{"handle", identity_.handle}, {"why", monitor.error().message}});
}

Observation ModelWatch::Observe(const InferenceCopy& inference) {
  std::array<stats::TensorView, kTensorsMax> inputs, outputs;
  monitor_->Observe(ViewsOf(inputs_, inference.inputs, inputs),
                    ViewsOf(outputs_, inference.outputs, outputs), inference.time);
  level_.store(monitor_->Level(), std::memory_order_relaxed);
  Observation observation{.look_share = budget_.share(),
                          .drift = monitor_->alarm(),
                          .novel = monitor_->last_was_novel()};
  if (const double margin = monitor_->last_margin(); !std::isnan(margin)) {
    observation.margin = margin;
  }
  if (observation.drift && !acted_) FollowRule();
  observation.drift = observation.drift || inference.time < drift_until_.load();
  return observation;
}

void ModelWatch::Look(const InferenceCopy& inference, const CapturePolicy& policy,
                      AutoCapture& chooser, DayBudget& day, CaptureQueue& captures) {
  Observation observation;
  if (monitor_) observation = Observe(inference);
  observation.floor = inference.floor;
  looked_at_.fetch_add(1, std::memory_order_relaxed);
  const auto choice = chooser.Choose(policy, observation);
  if (!choice) return;
  const bool kept = day.Take(inference.time, BytesOf(inference)) &&
                    captures.Put(MakeRecord(inference, *choice)).has_value();
  (kept ? captured_ : over_budget_).fetch_add(1, std::memory_order_relaxed);
}

void ModelWatch::FollowRule() {
  acted_ = true;
  const std::string& handle = identity_.handle;
  LogWarning("the model's inputs or outputs drift",
             {{"handle", handle}, {"level", std::to_string(monitor_->Level())}});
  // Whoever falls back stops too: until the former version has the handle, and for good if there is
  // none.
  if (options_.rule != DriftRule::kNothing) stopped_.store(true);
  if (options_.rule == DriftRule::kFallBack) {
    if (const auto model = model_.lock()) {
      model->Condemn("its inputs or outputs drift, and kedge_drift_rule is 'fall_back'");
    }
  }
}

CaptureRecord ModelWatch::MakeRecord(const InferenceCopy& inference,
                                     const CaptureChoice& choice) const {
  CaptureRecord record;
  record.capture_id = "auto-" + HexEncode(crypto::RandomBytes(16));
  record.inference_time = inference.time;
  record.model_handle = identity_.handle;
  record.model_name = identity_.model_name;
  record.model_version = identity_.model_version;
  record.input_tensors = Captured(inputs_, inference.inputs);
  record.output_tensors = Captured(outputs_, inference.outputs);
  record.reason = Name(choice.reason);
  record.inclusion_probability = choice.probability;
  return record;
}

std::optional<stats::ModelReport> ModelWatch::TakeReport(EpochMs now, uint64_t samples_min) {
  if (!monitor_ || monitor_->waiting_samples() < samples_min) return std::nullopt;
  return monitor_->TakeReport(
      now / 1000, {.model_name = identity_.model_name, .model_version = identity_.model_version});
}

std::string ModelWatch::StoppedWhy() const {
  if (!stopped_.load(std::memory_order_relaxed)) return "";
  return "model '" + identity_.handle + "' is stopped by kedge_drift_rule '" +
         (options_.rule == DriftRule::kStop ? "stop" : "fall_back") +
         "': its inputs or outputs drift; load it anew to go on";
}

WatchCounters ModelWatch::counters() const {
  return {.looked_at = looked_at_.load(),
          .missed = missed_.load(),
          .captured = captured_.load(),
          .over_budget = over_budget_.load(),
          .look_share = budget_.share(),
          .look_time = std::chrono::nanoseconds(look_ns_.load()),
          .drift_level = level_.load(),
          .watched = has_baseline_};
}

}  // namespace kedge::agent
