// Labels for inferences, and the quality measured on them.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "server/api/drift_json.h"
#include "server/api/lookup.h"
#include "server/api/wire.h"
#include "stats/quality/metrics.h"
#include "store/tables/ground_truth.h"

namespace kedge::server {
namespace {

constexpr int64_t kRecordsMax = 100'000;  // of one model's version in a fleet
constexpr size_t kClassesMax = 256;
constexpr size_t kClassesShown = 100;
constexpr size_t kCellsShown = 10'000;

store::GroundTruthFilter FilterOf(const Input& input) {
  return {.fleet = input.Text("DeviceFleetName"),
          .model = input.Text("ModelName"),
          .version = input.Text("ModelVersion"),
          .begin = input.Time("TimeAfter").value_or(0),
          .end = input.Time("TimeBefore").value_or(std::numeric_limits<EpochMs>::max())};
}

std::optional<double> NumberOrNone(const json::Value& record, const char* member) {
  const json::Value* const value = record.Find(member);
  if (value == nullptr) return std::nullopt;
  return value->NumberOr(0);
}

// A record has classes or values, both of its kind.
Result<store::GroundTruth> ReadRecord(const store::GroundTruthFilter& model,
                                      const json::Value& value, EpochMs now) {
  const Input record(value);
  store::GroundTruth truth{.fleet = model.fleet,
                           .model = model.model,
                           .version = model.version,
                           .inference = record.Text("InferenceId"),
                           .time = record.Time("InferenceTime").value_or(now),
                           .received = now,
                           .device = record.Text("DeviceName"),
                           .label = record.Text("Label"),
                           .prediction = record.Text("Prediction"),
                           .score = NumberOrNone(value, "Score"),
                           .label_value = NumberOrNone(value, "LabelValue"),
                           .prediction_value = NumberOrNone(value, "PredictionValue")};
  const bool classes = !truth.label.empty() && !truth.prediction.empty();
  const bool values = truth.label_value && truth.prediction_value;
  const bool mixed = (!truth.label.empty() || !truth.prediction.empty()) &&
                     (truth.label_value || truth.prediction_value);
  if (classes == values || mixed) {
    return InvalidArgument("Record '" + truth.inference +
                           "' needs either Label and Prediction or LabelValue and "
                           "PredictionValue");
  }
  return truth;
}

Result<json::Value> UploadGroundTruth(const Context& context, const Call& call) {
  const Input input = call.input();
  const store::GroundTruthFilter model = FilterOf(input);
  std::vector<store::GroundTruth> records;
  for (const json::Value& value : input.List("Records")) {
    KEDGE_TRY(auto record, ReadRecord(model, value, context.clock.NowMs()));
    records.push_back(std::move(record));
  }
  int64_t kept = 0;
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY([[maybe_unused]] const auto fleet, NeedFleet(transaction, model.fleet));
    KEDGE_TRY_STATUS(store::PutGroundTruth(transaction, records));
    KEDGE_TRY(kept, store::CountGroundTruth(transaction, model));
    if (kept <= kRecordsMax) return {};
    KEDGE_TRY(const int64_t trimmed,
              store::TrimGroundTruth(transaction, model, kept - kRecordsMax));
    kept -= trimmed;
    return {};
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  return json::Value(
      json::Object{{"Accepted", static_cast<int64_t>(records.size())}, {"Records", kept}});
}

json::Value Metric(const char* name, double value, std::optional<double> error = {}) {
  json::Object object{{"Name", name}, {"Value", value}};
  if (error) object.Set("StandardError", *error);
  return object;
}

// Classes of the records by their number of labels, the most frequent first; at most kClassesMax,
// the last of which then stands for all others.
std::vector<std::string> ClassesOf(const std::vector<store::GroundTruth>& records) {
  std::map<std::string, int64_t> rows;
  for (const store::GroundTruth& record : records) {
    if (record.label.empty()) continue;
    ++rows[record.label];
    rows.try_emplace(record.prediction, 0);
  }
  std::vector<std::string> classes;
  for (const auto& [name, n] : rows) classes.push_back(name);
  std::stable_sort(classes.begin(), classes.end(),
                   [&](const auto& a, const auto& b) { return rows.at(a) > rows.at(b); });
  if (classes.size() > kClassesMax) {
    classes.resize(kClassesMax - 1);
    classes.emplace_back("(other)");
  }
  return classes;
}

void SetClassification(const std::vector<store::GroundTruth>& records, json::Array& metrics,
                       json::Object& answer) {
  const std::vector<std::string> classes = ClassesOf(records);
  std::map<std::string, int> places;
  for (size_t i = 0; i < classes.size(); ++i) places[classes[i]] = static_cast<int>(i);
  const int last = static_cast<int>(classes.size()) - 1;
  const auto place = [&](const std::string& name) {
    const auto found = places.find(name);
    return found == places.end() ? last : found->second;
  };
  stats::ConfusionMatrix confusion(std::max(2, static_cast<int>(classes.size())));
  for (const store::GroundTruth& record : records) {
    if (!record.label.empty()) confusion.Add(place(record.prediction), place(record.label));
  }
  const double rows = static_cast<double>(confusion.Rows());
  const double accuracy = confusion.Accuracy();
  double recalls = 0;
  int labelled = 0;
  json::Array per_class;
  json::Array cells;
  for (int truth = 0; truth <= last; ++truth) {
    int64_t samples = 0;
    for (int predicted = 0; predicted <= last; ++predicted) {
      const auto n = static_cast<int64_t>(confusion.Count(predicted, truth));
      samples += n;
      if (n > 0 && cells.size() < kCellsShown) {
        cells.push_back(json::Object{{"Label", classes[static_cast<size_t>(truth)]},
                                     {"Prediction", classes[static_cast<size_t>(predicted)]},
                                     {"Samples", n}});
      }
    }
    if (samples > 0) {
      recalls += confusion.Recall(truth);
      ++labelled;
    }
    if (per_class.size() >= kClassesShown) continue;
    per_class.push_back(json::Object{{"Label", classes[static_cast<size_t>(truth)]},
                                     {"Samples", samples},
                                     {"Precision", confusion.Precision(truth)},
                                     {"Recall", confusion.Recall(truth)},
                                     {"F1", confusion.FBeta(truth, 1)}});
  }
  metrics.push_back(
      Metric("accuracy", accuracy, std::sqrt(accuracy * (1 - accuracy) / std::max(rows, 1.0))));
  metrics.push_back(Metric("balanced_accuracy", labelled > 0 ? recalls / labelled : 0));
  metrics.push_back(Metric("precision", confusion.WeightedPrecision()));
  metrics.push_back(Metric("recall", confusion.WeightedRecall()));
  metrics.push_back(Metric("f1", confusion.WeightedFBeta(1)));
  answer.Set("Classes", std::move(per_class));
  answer.Set("Confusion", std::move(cells));
}

Result<json::Value> GetModelQuality(const Context& context, const Call& call) {
  const store::GroundTruthFilter filter = FilterOf(call.input());
  std::vector<store::GroundTruth> records;
  std::optional<store::DriftSubject> subject;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY([[maybe_unused]] const auto fleet, NeedFleet(transaction, filter.fleet));
    KEDGE_TRY(records, store::ReadGroundTruth(transaction, filter, kRecordsMax));
    KEDGE_TRY(subject, store::LatestSubject(transaction, {.fleet = filter.fleet,
                                                          .model = filter.model,
                                                          .version = filter.version}));
    return {};
  }));
  if (records.empty() && !subject) {
    return NotFound("No labels and no counts of version " + filter.version + " of model " +
                    filter.model + " in fleet " + filter.fleet);
  }
  json::Array metrics;
  json::Object answer{{"Samples", static_cast<int64_t>(records.size())},
                      {"Classes", json::Array{}},
                      {"Confusion", json::Array{}}};
  stats::RegressionQuality regression;
  bool any_class = false;
  for (const store::GroundTruth& record : records) {
    any_class = any_class || !record.label.empty();
    if (record.label_value) regression.Add(*record.prediction_value, *record.label_value);
  }
  if (any_class) SetClassification(records, metrics, answer);
  if (regression.rows() > 0) {
    metrics.push_back(Metric("mae", regression.MeanAbsoluteError()));
    metrics.push_back(Metric("mse", regression.MeanSquaredError()));
    metrics.push_back(Metric("rmse", regression.RootMeanSquaredError()));
    metrics.push_back(Metric("r2", regression.RSquared()));
  }
  answer.Set("Metrics", std::move(metrics));
  if (subject) {
    const Judgement judgement = ReadJudgement(subject->judgement);
    if (judgement.estimate) answer.Set("Estimate", EstimateJson(*judgement.estimate));
  }
  return json::Value(std::move(answer));
}

}  // namespace

void AddModelQualityRoutes(Router& router, const Context& context) {
  router.Add("UploadGroundTruth",
             [&context](const Call& call) { return UploadGroundTruth(context, call); });
  router.Add("GetModelQuality",
             [&context](const Call& call) { return GetModelQuality(context, call); });
}

}  // namespace kedge::server
