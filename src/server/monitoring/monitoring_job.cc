// SPDX-License-Identifier: Apache-2.0
#include "server/monitoring/monitoring_job.h"

#include "base/bytes.h"
#include "server/jobs/job_files.h"
#include "server/monitoring/attribution_analysis.h"
#include "server/monitoring/bias_analysis.h"
#include "server/monitoring/labels.h"
#include "server/monitoring/schedule.h"
#include "stats/model_monitor/dataset_profile.h"
#include "stats/model_monitor/quality_report.h"
#include "store/tables/fleets.h"
#include "store/tables/monitoring.h"

namespace kedge::server {
namespace {

namespace mm = stats::model_monitor;

constexpr int64_t kRuntimeSecondsDefault = 3600;
constexpr uint64_t kRowsBetweenLooks = 256;

// What a kind of monitoring found.
struct Findings {
  std::vector<std::pair<std::string, std::string>> files;  // name, content
  size_t violations = 0;
};

class Execution {
 public:
  Execution(const JobContext& context, const JobRun& run) : context_(context), run_(run) {}
  Result<store::JobOutputs> Run();

 private:
  Status Load();
  Status FindSource();
  Status FindCaptures(const json::Value& input);
  Result<Findings> Analyse();
  Result<Findings> DataQuality();
  Result<Findings> ModelQuality();
  Result<Findings> ModelBias();
  Result<Findings> ModelExplainability();
  Result<json::Value> AnalysisConfig();
  // Gives every record, looks now and then whether to stop, and counts.
  Status EachRecord(const std::function<Status(mm::Record&&)>& each);
  Status Store(const Findings& findings);

  const json::Value* Part(const char* name) const { return request_.Find(row_.kind + name); }
  // The document that a resource of the baseline configuration names; nothing if none is named.
  Result<std::optional<std::string>> Resource(const char* name);
  Result<std::string> Document(const std::string& uri);
  PredictionPlace Place() const;
  Result<Labels> GroundTruth();

  const JobContext& context_;
  const JobRun& run_;
  store::MonitoringExecution row_;
  json::Value request_;
  const json::Value* input_ = nullptr;  // EndpointInput or BatchTransformInput, of request_
  std::string fleet_location_;
  DatasetSource source_;
  EpochMs deadline_ = 0;
  uint64_t rows_ = 0;
};

std::string WithSlash(std::string key) {
  if (!key.empty() && !key.ends_with('/')) key += '/';
  return key;
}

// The place below a URI, "s3://bucket" and "s3://bucket/prefix" alike.
Result<blob::ObjectName> PlaceOf(const std::string& uri) {
  KEDGE_TRY(blob::ObjectName place, blob::ObjectName::Parse(WithSlash(uri) + "x"));
  place.key.pop_back();
  return place;
}

Status Execution::Load() {
  KEDGE_TRY_STATUS(context_.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(auto found, store::FindExecution(transaction, run_.name));
    if (!found) return NotFound("the execution's row is gone");
    row_ = std::move(*found);
    if (row_.endpoint.empty()) return {};
    KEDGE_TRY(const auto fleet, store::FindFleet(transaction, row_.endpoint));
    if (!fleet) return InvalidArgument("No devicefleet with name: " + row_.endpoint);
    KEDGE_TRY(const json::Value output, json::Parse(fleet->output_config));
    fleet_location_ = output.StringOr("S3OutputLocation", "");
    return {};
  }));
  KEDGE_TRY(request_, json::Parse(row_.request));
  int64_t seconds = kRuntimeSecondsDefault;
  if (const json::Value* condition = request_.Find("StoppingCondition")) {
    seconds = condition->IntOr("MaxRuntimeInSeconds", seconds);
  }
  deadline_ = context_.clock.NowMs() + seconds * 1000;
  return FindSource();
}

Status Execution::FindSource() {
  const json::Value* job_input = Part("JobInput");
  if (job_input == nullptr) return InvalidArgument("the definition has no input");
  source_.window = {.from = row_.from, .to = row_.to};
  if (const json::Value* endpoint = job_input->Find("EndpointInput"))
    return FindCaptures(*endpoint);
  const json::Value* batch = job_input->Find("BatchTransformInput");
  if (batch == nullptr) return InvalidArgument("the definition has no input");
  input_ = batch;
  KEDGE_TRY(const blob::ObjectName place,
            PlaceOf(batch->StringOr("DataCapturedDestinationS3Uri", "")));
  source_.places.push_back(place);
  const json::Value* format = batch->Find("DatasetFormat");
  const json::Value* csv = format == nullptr ? nullptr : format->Find("Csv");
  const json::Value* lines = format == nullptr ? nullptr : format->Find("Json");
  source_.format.csv = csv != nullptr;
  source_.format.header = csv != nullptr && csv->BoolOr("Header", false);
  source_.format.json_lines = lines == nullptr || lines->BoolOr("Line", true);
  return {};
}

// Captures stand below <location>/<fleet>/<model>/; with several models KEDGE_MODEL says which.
Status Execution::FindCaptures(const json::Value& input) {
  input_ = &input;
  KEDGE_TRY(blob::ObjectName place, PlaceOf(fleet_location_));
  place.key += row_.endpoint + "/";
  const json::Value* app = Part("AppSpecification");
  const json::Value* environment = app == nullptr ? nullptr : app->Find("Environment");
  std::string model = environment == nullptr ? "" : environment->StringOr("KEDGE_MODEL", "");
  if (model.empty()) {
    KEDGE_TRY(const auto listing,
              context_.blobs.List(place.bucket, {.prefix = place.key, .delimiter = "/"}));
    if (listing.common_prefixes.size() > 1) {
      return InvalidArgument("fleet " + row_.endpoint + " has captures of " +
                             std::to_string(listing.common_prefixes.size()) +
                             " models; name one by KEDGE_MODEL in Environment");
    }
    if (listing.common_prefixes.empty()) return InvalidArgument("Job inputs had no data");
    place.key = listing.common_prefixes.front();
  } else {
    place.key += model + "/";
  }
  source_.places.push_back(place);
  return {};
}

Result<std::string> Execution::Document(const std::string& uri) {
  KEDGE_TRY(const blob::ObjectName name, blob::ObjectName::Parse(uri));
  auto bytes = blob::GetObject(context_.blobs, name, mm::kDocumentBytesMax);
  if (!bytes) return Wrap(bytes.error(), uri);
  return std::string(AsText(*bytes));
}

Result<std::optional<std::string>> Execution::Resource(const char* name) {
  const json::Value* baseline = Part("BaselineConfig");
  const json::Value* resource = baseline == nullptr ? nullptr : baseline->Find(name);
  const std::string uri = resource == nullptr ? "" : resource->StringOr("S3Uri", "");
  if (uri.empty()) return std::optional<std::string>();
  KEDGE_TRY(std::string text, Document(uri));
  return std::optional<std::string>(std::move(text));
}

Status Execution::EachRecord(const std::function<Status(mm::Record&&)>& each) {
  KEDGE_TRY_STATUS(ForEachRecord(context_.blobs, source_, [&](mm::Record&& record) -> Status {
    if (rows_++ % kRowsBetweenLooks == 0) {
      if (run_.cancelled) return Cancelled("the execution was stopped");
      if (context_.clock.NowMs() > deadline_) {
        return InvalidArgument("the execution took longer than its StoppingCondition allows");
      }
    }
    return each(std::move(record));
  }));
  if (rows_ == 0) return InvalidArgument("Job inputs had no data");
  return {};
}

// ---- Data quality ----

Result<Findings> Execution::DataQuality() {
  mm::Constraints constraints;
  KEDGE_TRY(const auto constraints_text, Resource("ConstraintsResource"));
  if (constraints_text) {
    auto read = mm::ReadConstraints(*constraints_text);
    if (!read) return Wrap(read.error(), "constraints.json");
    constraints = std::move(*read);
  }
  std::optional<mm::Statistics> baseline;
  KEDGE_TRY(const auto statistics_text, Resource("StatisticsResource"));
  if (statistics_text) {
    auto read = mm::ReadStatistics(*statistics_text);
    if (!read) return Wrap(read.error(), "statistics.json");
    baseline = std::move(*read);
  }
  mm::DatasetProfile profile;
  const Status read_all = EachRecord([&](mm::Record&& record) -> Status {
    // Rows without names take those of the baseline, by their place.
    const bool rename = !record.named && record.cells.size() == constraints.features.size();
    profile.BeginRow();
    for (size_t i = 0; i < record.cells.size(); ++i) {
      KEDGE_TRY_STATUS(profile.Add(rename ? constraints.features[i].name : record.cells[i].first,
                                   record.cells[i].second));
    }
    return {};
  });
  if (!read_all) return read_all.error();
  std::vector<mm::Violation> violations;
  if (constraints_text) violations = Check(constraints, baseline ? &*baseline : nullptr, profile);
  return Findings{.files = {{"statistics.json", mm::WriteStatistics(profile.ToStatistics())},
                            {"constraints.json", mm::WriteConstraints(profile.Suggest())},
                            {"constraint_violations.json", mm::WriteViolations(violations)}},
                  .violations = violations.size()};
}

// ---- With ground truth ----

PredictionPlace Execution::Place() const {
  PredictionPlace place{.inference = input_->StringOr("InferenceAttribute", ""),
                        .probability = input_->StringOr("ProbabilityAttribute", ""),
                        .threshold = std::nullopt};
  if (const json::Value* threshold = input_->Find("ProbabilityThresholdAttribute")) {
    place.threshold = threshold->NumberOr(0.5);
  }
  return place;
}

// Labels come later than what they label: their folders are read up to the slot.
Result<Labels> Execution::GroundTruth() {
  const json::Value* truth = Part("JobInput")->Find("GroundTruthS3Input");
  KEDGE_TRY(const blob::ObjectName place,
            PlaceOf(truth == nullptr ? "" : truth->StringOr("S3Uri", "")));
  return ReadLabels(context_.blobs, place,
                    {.from = row_.from, .to = std::max(row_.to, row_.scheduled)});
}

Result<Findings> Execution::ModelQuality() {
  mm::QualityOptions options;
  const json::Value* app = Part("AppSpecification");
  const std::string problem = app == nullptr ? "" : app->StringOr("ProblemType", "");
  if (problem.empty()) return InvalidArgument("ModelQualityAppSpecification names no ProblemType");
  KEDGE_TRY(options.problem, mm::ParseProblemType(problem));
  const PredictionPlace place = Place();
  options.threshold = place.threshold.value_or(options.threshold);
  KEDGE_TRY(const Labels labels, GroundTruth());
  std::vector<mm::LabelledRow> rows;
  KEDGE_TRY_STATUS(EachRecord([&](mm::Record&& record) -> Status {
    const std::string* label = LabelOf(labels, record);
    if (label == nullptr) return {};
    if (rows.size() == mm::kLabelledRowsMax) {
      return InvalidArgument("there are more than " + std::to_string(mm::kLabelledRowsMax) +
                             " labelled inferences");
    }
    KEDGE_TRY(Prediction prediction, PredictionOf(record, place));
    rows.push_back({.label = *label,
                    .prediction = std::move(prediction.value),
                    .probability = prediction.probability});
    return {};
  }));
  KEDGE_TRY(const json::Value metrics, mm::QualityMetrics(rows, options));
  std::vector<mm::QualityViolation> violations;
  KEDGE_TRY(const auto constraints, Resource("ConstraintsResource"));
  if (constraints) {
    KEDGE_TRY(const json::Value wanted, json::Parse(*constraints));
    KEDGE_TRY(violations, mm::CheckQuality(wanted, metrics));
  }
  return Findings{.files = {{"statistics.json", json::WritePretty(metrics)},
                            {"constraint_violations.json", mm::WriteQualityViolations(violations)}},
                  .violations = violations.size()};
}

Result<json::Value> Execution::AnalysisConfig() {
  const json::Value* app = Part("AppSpecification");
  KEDGE_TRY(const std::string text, Document(app == nullptr ? "" : app->StringOr("ConfigUri", "")));
  return json::Parse(text);
}

Result<Findings> Execution::ModelBias() {
  KEDGE_TRY(const json::Value config, AnalysisConfig());
  KEDGE_TRY(BiasCollector collector, BiasCollector::Make(config));
  const PredictionPlace place = Place();
  KEDGE_TRY(const Labels labels, GroundTruth());
  KEDGE_TRY_STATUS(EachRecord([&](mm::Record&& record) -> Status {
    const std::string* label = LabelOf(labels, record);
    if (label == nullptr) return {};
    KEDGE_TRY(Prediction prediction, PredictionOf(record, place));
    if (prediction.probability && prediction.value.empty()) {
      prediction.value = *prediction.probability > place.threshold.value_or(0.5) ? "1" : "0";
    }
    return collector.Add(record, *label, prediction.value);
  }));
  KEDGE_TRY(const std::vector<mm::FacetBias> facets, collector.Compute());
  std::vector<mm::BiasViolation> violations;
  KEDGE_TRY(const auto constraints, Resource("ConstraintsResource"));
  if (constraints) {
    KEDGE_TRY(const json::Value baseline, json::Parse(*constraints));
    KEDGE_TRY(violations, mm::CheckBias(baseline, facets));
  }
  return Findings{
      .files = {{"analysis.json", json::WritePretty(mm::BiasAnalysis("post_training_bias_metrics",
                                                                     collector.label(), facets))},
                {"constraint_violations.json", mm::WriteBiasViolations(violations)}},
      .violations = violations.size()};
}

Result<Findings> Execution::ModelExplainability() {
  KEDGE_TRY(const json::Value config, AnalysisConfig());
  KEDGE_TRY(AttributionAnalysis analysis, AttributionAnalysis::Make(context_, run_, config));
  KEDGE_TRY_STATUS(EachRecord([&](mm::Record&& record) { return analysis.Add(record); }));
  KEDGE_TRY_STATUS(analysis.Compute());
  std::vector<AttributionViolation> violations;
  KEDGE_TRY(const auto constraints, Resource("ConstraintsResource"));
  if (constraints) {
    KEDGE_TRY(const json::Value baseline, json::Parse(*constraints));
    KEDGE_TRY(violations, analysis.Check(baseline));
  }
  return Findings{.files = {{"analysis.json", json::WritePretty(analysis.Report())},
                            {"constraint_violations.json", WriteAttributionViolations(violations)}},
                  .violations = violations.size()};
}

Result<Findings> Execution::Analyse() {
  if (row_.kind == "DataQuality") return DataQuality();
  if (row_.kind == "ModelQuality") return ModelQuality();
  return row_.kind == "ModelBias" ? ModelBias() : ModelExplainability();
}

// ---- Results ----

Status Execution::Store(const Findings& findings) {
  const json::Value* config = Part("JobOutputConfig");
  const json::Value& output = config->Find("MonitoringOutputs")->AsArray()->front();
  KEDGE_TRY(blob::ObjectName place, PlaceOf(output.Find("S3Output")->StringOr("S3Uri", "")));
  if (!row_.endpoint.empty()) place.key += row_.endpoint + "/";
  place.key += row_.schedule + "/" + HourFolder(row_.scheduled) + "/";
  row_.artifact_uri = place.Uri();
  KEDGE_TRY(const TemporaryDirectory scratch, TemporaryDirectory::Make(context_.scratch));
  for (const auto& [name, content] : findings.files) {
    const Path file = scratch.path() / name;
    KEDGE_TRY_STATUS(context_.disk.WriteAtomically(file, AsBytes(content), 0600));
    const blob::ObjectName object{place.bucket, place.key + name};
    run_.log.Line("storing " + object.Uri());
    KEDGE_TRY([[maybe_unused]] const StoredFile stored,
              StoreFile(context_.blobs, file,
                        {object, "application/json", config->StringOr("KmsKeyId", "")}, run_.hold));
  }
  return {};
}

Result<store::JobOutputs> Execution::Run() {
  KEDGE_TRY_STATUS(Load());
  KEDGE_TRY(const Findings findings, Analyse());
  run_.log.Line(std::to_string(rows_) + " records, " + std::to_string(findings.violations) +
                " violations");
  KEDGE_TRY_STATUS(Store(findings));
  const std::string outcome = findings.violations > 0 ? "CompletedWithViolations" : "Completed";
  const std::string count =
      findings.violations > 0 ? std::to_string(findings.violations) : std::string("no");
  return store::JobOutputs{
      .artifact_uri = row_.artifact_uri,
      .outcome = outcome,
      .exit_message = outcome + ": Job completed successfully with " + count + " violations."};
}

}  // namespace

Result<store::JobOutputs> RunMonitoringJob(const JobContext& context, const JobRun& run) {
  return Execution(context, run).Run();
}

}  // namespace kedge::server
