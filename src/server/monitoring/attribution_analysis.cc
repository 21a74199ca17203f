// SPDX-License-Identifier: Apache-2.0
#include "server/monitoring/attribution_analysis.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fcntl.h>

#include "package/package.h"
#include "ring/worker_process.h"
#include "runtime/session.h"
#include "server/jobs/job_files.h"
#include "server/keys/installed_key.h"
#include "stats/features/element.h"
#include "stats/model_monitor/attribution.h"

namespace kedge::server {
namespace {

namespace mm = stats::model_monitor;

constexpr uint64_t kPackageBytesMax = uint64_t{4} << 30;
constexpr size_t kOrdersDefault = 4;
constexpr size_t kOrderingsMax = 64;

// Targets that this machine runs, best first.
std::vector<std::string> Targets() {
  const std::vector<std::string> x86 = {"x86-64-v4", "x86-64-v3", "x86-64-v2"};
  const std::string native = runtime::NativeTarget();
  const auto best = std::find(x86.begin(), x86.end(), native);
  return best == x86.end() ? std::vector<std::string>{native}
                           : std::vector<std::string>(best, x86.end());
}

template <class T>
void PutElement(double value, uint8_t* to) {
  const auto element = static_cast<T>(value);
  std::memcpy(to, &element, sizeof(element));
}

// False for a type that no column of numbers can fill.
bool StoreElement(DType dtype, double value, uint8_t* to) {
  switch (dtype) {
    case DType::kF32:
      PutElement<float>(value, to);
      return true;
    case DType::kF64:
      PutElement<double>(value, to);
      return true;
    case DType::kI32:
      PutElement<int32_t>(std::clamp(value, -2147483648.0, 2147483647.0), to);
      return true;
    case DType::kI64:
      PutElement<int64_t>(std::clamp(value, -9e18, 9e18), to);
      return true;
    case DType::kU8:
      PutElement<uint8_t>(std::clamp(value, 0.0, 255.0), to);
      return true;
    default:
      return false;
  }
}

// The packaged model in its worker: one input of numbers, scores out.
class PackagedModel {
 public:
  static Result<PackagedModel> Start(const JobContext& context, const Path& file) {
    trust::TrustedRoots roots;
    KEDGE_TRY(const InstalledKey key,
              LoadInstalledKey(context.store, context.keyring, kPackageSigningPurpose));
    KEDGE_TRY_STATUS(roots.Add(key.certificate_pem));
    KEDGE_TRY(const auto package, package::OpenPackageAt(file, roots));
    KEDGE_TRY(const package::TargetEntry entry, package.SelectTarget(Targets()));
    KEDGE_TRY(const FileDescriptor model, package.OpenFile(entry.model_file));
    FileDescriptor weights;
    if (!entry.weights_file.empty()) {
      KEDGE_TRY(weights, package.OpenFile(entry.weights_file));
    }
    PackagedModel made;
    KEDGE_TRY(made.worker_,
              ring::WorkerProcess::Start({.program = context.programs / "kedge-worker",
                                          .model_so_fd = model.get(),
                                          .weights_fd = weights.valid() ? weights.get() : -1,
                                          .arena_bytes_max = entry.arena_bytes_max}));
    if (made.worker_->inputs().size() != 1 || made.worker_->outputs().empty()) {
      return InvalidArgument("the model has " + std::to_string(made.worker_->inputs().size()) +
                             " inputs; one can be explained");
    }
    return made;
  }

  size_t features() const {
    const ring::IoInfo& input = worker_->inputs()[0];
    return static_cast<size_t>(input.bytes) / DTypeSize(input.dtype);
  }
  size_t labels() const {
    const ring::IoInfo& output = worker_->outputs()[0];
    return std::min(static_cast<size_t>(output.bytes) / DTypeSize(output.dtype),
                    kExplainedLabelsMax);
  }

  // One label's score of each row.
  Result<std::vector<double>> Scores(std::span<const double> rows, size_t label) {
    const ring::IoInfo& input = worker_->inputs()[0];
    const ring::IoInfo& output = worker_->outputs()[0];
    std::vector<ByteBuffer> results;
    std::vector<std::span<uint8_t>> to;
    for (const ring::IoInfo& one : worker_->outputs()) results.emplace_back(one.bytes);
    for (ByteBuffer& one : results) to.emplace_back(one);
    ByteBuffer bytes(input.bytes);
    std::vector<double> scores;
    for (size_t row = 0; row < rows.size(); row += features()) {
      for (size_t i = 0; i < features(); ++i) {
        if (!StoreElement(input.dtype, rows[row + i], bytes.data() + i * DTypeSize(input.dtype))) {
          return InvalidArgument("the model's input is of type " +
                                 std::string(DTypeName(input.dtype)));
        }
      }
      const Bytes in[] = {bytes};
      KEDGE_TRY_STATUS(worker_->Run(in, to));
      scores.push_back(
          stats::ElementOf({.dtype = output.dtype, .dims = {}, .bytes = results.front()}, label));
    }
    return scores;
  }

 private:
  std::unique_ptr<ring::WorkerProcess> worker_;
};

std::optional<double> NumberIn(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

Result<AttributionAnalysis> AttributionAnalysis::Make(const JobContext& context, const JobRun& run,
                                                      const json::Value& config) {
  AttributionAnalysis analysis(context, run);
  const json::Value* predictor = config.Find("predictor");
  const std::string job = predictor == nullptr ? "" : predictor->StringOr("model_name", "");
  if (job.empty()) {
    return InvalidArgument("predictor.model_name must name an edge packaging job");
  }
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const auto found, store::FindPackagingJob(transaction, job));
    if (!found || found->status != store::kJobCompleted) {
      return InvalidArgument("edge packaging job " + job +
                             " of predictor.model_name is not completed");
    }
    analysis.package_uri_ = found->artifact_uri;
    return {};
  }));
  if (const json::Value* headers = predictor->Find("label_headers");
      headers != nullptr && headers->AsArray() != nullptr) {
    for (const json::Value& header : *headers->AsArray()) {
      if (header.AsString() != nullptr) analysis.label_headers_.push_back(*header.AsString());
    }
  }
  const json::Value* methods = config.Find("methods");
  const json::Value* shap = methods == nullptr ? nullptr : methods->Find("shap");
  if (shap == nullptr) return InvalidArgument("the analysis configuration has no methods.shap");
  analysis.samples_ =
      static_cast<size_t>(std::clamp<int64_t>(shap->IntOr("num_samples", 0), 0, 1'000'000));
  if (const json::Value* rows = shap->Find("baseline");
      rows != nullptr && rows->AsArray() != nullptr && !rows->AsArray()->empty()) {
    const json::Value& row = rows->AsArray()->front();
    if (row.AsArray() == nullptr)
      return InvalidArgument("methods.shap.baseline is no list of rows");
    for (const json::Value& value : *row.AsArray()) {
      if (!value.IsNumber())
        return InvalidArgument("methods.shap.baseline holds what is no number");
      analysis.reference_.push_back(value.NumberOr(0));
    }
  }
  return analysis;
}

Status AttributionAnalysis::Add(const mm::Record& record) {
  if (rows_.size() == kExplainedRowsMax) return {};
  std::vector<std::string> names;
  std::vector<double> row;
  for (size_t i = record.outputs; i < record.cells.size(); ++i) {
    const auto number = NumberIn(record.cells[i].second);
    if (!number) {
      return InvalidArgument("column '" + record.cells[i].first + "' is '" +
                             record.cells[i].second + "', no number");
    }
    names.push_back(record.cells[i].first);
    row.push_back(*number);
  }
  if (features_.empty()) features_ = names;
  if (names != features_) return InvalidArgument("rows differ in their columns");
  rows_.push_back(std::move(row));
  return {};
}

std::vector<double> AttributionAnalysis::Reference() const {
  if (!reference_.empty()) return reference_;
  std::vector<double> mean(features_.size());
  for (const std::vector<double>& row : rows_) {
    for (size_t i = 0; i < mean.size(); ++i) mean[i] += row[i] / static_cast<double>(rows_.size());
  }
  return mean;
}

Status AttributionAnalysis::Compute() {
  KEDGE_TRY(const blob::ObjectName object, blob::ObjectName::Parse(package_uri_));
  KEDGE_TRY(const TemporaryDirectory scratch, TemporaryDirectory::Make(context_.scratch));
  const Path file = scratch.path() / "package.tar.gz";
  KEDGE_TRY([[maybe_unused]] const std::string digest,
            FetchObject(context_.blobs, object, file, kPackageBytesMax));
  KEDGE_TRY(PackagedModel model, PackagedModel::Start(context_, file));
  if (features_.size() != model.features()) {
    return InvalidArgument("the rows have " + std::to_string(features_.size()) +
                           " columns, the model's input " + std::to_string(model.features()));
  }
  const size_t orders =
      samples_ == 0 ? kOrdersDefault
                    : std::clamp<size_t>(samples_ / (2 * (features_.size() + 1)), 1, kOrderingsMax);
  const std::vector<double> reference = Reference();
  for (size_t label = 0; label < model.labels(); ++label) {
    std::vector<std::vector<double>> values;
    for (size_t i = 0; i < rows_.size(); ++i) {
      const auto scores = [&](std::span<const double> rows) -> Result<std::vector<double>> {
        if (run_.cancelled) return Cancelled("the execution was stopped");
        return model.Scores(rows, label);
      };
      KEDGE_TRY(auto one,
                mm::ShapleyValues(scores, rows_[i], reference, {.orders = orders, .seed = i}));
      values.push_back(std::move(one));
    }
    global_.push_back(mm::GlobalAttribution(values));
  }
  return {};
}

std::string AttributionAnalysis::LabelName(size_t label) const {
  return label < label_headers_.size() ? label_headers_[label] : "label" + std::to_string(label);
}

json::Value AttributionAnalysis::Report() const {
  json::Object labels;
  for (size_t label = 0; label < global_.size(); ++label) {
    json::Object values;
    for (size_t i = 0; i < features_.size(); ++i) values.Set(features_[i], global_[label][i]);
    labels.Set(LabelName(label), json::Object{{"global_shap_values", std::move(values)}});
  }
  return json::Object{{"version", "1.0"},
                      {"explanations", json::Object{{"kernel_shap", std::move(labels)}}}};
}

Result<std::vector<AttributionViolation>> AttributionAnalysis::Check(
    const json::Value& baseline) const {
  const json::Value* explanations = baseline.Find("explanations");
  const json::Value* shap = explanations == nullptr ? nullptr : explanations->Find("kernel_shap");
  if (shap == nullptr) return InvalidArgument("the baseline has no explanations.kernel_shap");
  std::vector<AttributionViolation> violations;
  for (size_t label = 0; label < global_.size(); ++label) {
    const json::Value* entry = shap->Find(LabelName(label));
    const json::Value* values = entry == nullptr ? nullptr : entry->Find("global_shap_values");
    if (values == nullptr) continue;
    std::vector<double> grades;
    for (const std::string& feature : features_) {
      const json::Value* value = values->Find(feature);
      grades.push_back(value == nullptr ? 0 : std::abs(value->NumberOr(0)));
    }
    const double ndcg = mm::AttributionNdcg(grades, global_[label]);
    if (ndcg >= mm::kAttributionDriftNdcg) continue;
    violations.push_back(
        {LabelName(label), "Feature attribution drift " + json::Write(json::Value(ndcg)) +
                               " exceeds threshold " +
                               json::Write(json::Value(mm::kAttributionDriftNdcg))});
  }
  return violations;
}

std::string WriteAttributionViolations(const std::vector<AttributionViolation>& violations) {
  json::Array list;
  for (const AttributionViolation& violation : violations) {
    list.push_back(json::Object{{"label", violation.label},
                                {"metric_name", "shap"},
                                {"constraint_check_type", "feature_attribution_drift_check"},
                                {"description", violation.description}});
  }
  return json::WritePretty(json::Object{{"version", "1.0"}, {"violations", std::move(list)}});
}

}  // namespace kedge::server
