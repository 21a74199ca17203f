// SPDX-License-Identifier: Apache-2.0
#include "stats/model_monitor/quality_report.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <random>

#include "stats/quality/metrics.h"

namespace kedge::stats::model_monitor {
namespace {

using json::Array;
using json::Object;
using json::Value;

constexpr int kSamples = 5;
constexpr double kSampleShare = 0.8;

std::optional<double> NumberOf(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

// Labels as 0, 1 ... in the order of numbers where all are, else of texts. "1" and "1.0" are one.
class Classes {
 public:
  static std::string Key(const std::string& text) {
    const auto number = NumberOf(text);
    if (!number) return text;
    std::string key = json::Write(Value(*number));
    if (key.ends_with(".0")) key.resize(key.size() - 2);
    return key;
  }
  void Add(const std::string& text) { keys_.emplace(Key(text), 0); }
  void Number() {
    std::vector<std::pair<std::optional<double>, std::string>> sorted;
    for (const auto& [key, index] : keys_) sorted.emplace_back(NumberOf(key), key);
    std::sort(sorted.begin(), sorted.end());
    for (size_t i = 0; i < sorted.size(); ++i) {
      keys_[sorted[i].second] = static_cast<int>(i);
      names_.push_back(sorted[i].second);
    }
  }
  int Index(const std::string& text) const { return keys_.find(Key(text))->second; }
  const std::vector<std::string>& names() const { return names_; }

 private:
  std::map<std::string, int> keys_;
  std::vector<std::string> names_;
};

// The rows as numbers.
struct Labelled {
  ProblemType problem = ProblemType::kBinary;
  std::vector<std::string> classes;
  std::vector<int> truth;
  std::vector<int> predicted;
  std::vector<double> truth_value;  // of a regression
  std::vector<double> predicted_value;
  std::vector<double> score;  // one a row, or none
  size_t size() const {
    return problem == ProblemType::kRegression ? truth_value.size() : truth.size();
  }
};

using Metrics = std::vector<std::pair<std::string, double>>;

// Of the chosen rows, each of which counts as often as it is chosen.
Metrics RegressionOf(const Labelled& all, const std::vector<size_t>& rows) {
  RegressionQuality quality;
  for (const size_t i : rows) quality.Add(all.predicted_value[i], all.truth_value[i]);
  return {{"mae", quality.MeanAbsoluteError()},
          {"mse", quality.MeanSquaredError()},
          {"rmse", quality.RootMeanSquaredError()},
          {"r2", quality.RSquared()}};
}

ConfusionMatrix MatrixOf(const Labelled& all, const std::vector<size_t>& rows, bool constant) {
  const int classes = std::max<int>(2, static_cast<int>(all.classes.size()));
  std::vector<size_t> counts(static_cast<size_t>(classes));
  for (const size_t i : rows) ++counts[static_cast<size_t>(all.truth[i])];
  const auto most =
      static_cast<int>(std::max_element(counts.begin(), counts.end()) - counts.begin());
  ConfusionMatrix matrix(classes);
  for (const size_t i : rows) matrix.Add(constant ? most : all.predicted[i], all.truth[i]);
  return matrix;
}

double Auc(const Labelled& all, const std::vector<size_t>& rows) {
  std::vector<double> scores;
  std::vector<uint8_t> positive;
  for (const size_t i : rows) {
    scores.push_back(all.score[i]);
    positive.push_back(all.truth[i] == 1 ? 1 : 0);
  }
  const auto area = AreaUnderRocOfScores(scores, positive);
  return area ? *area : std::nan("");
}

Metrics BinaryOf(const Labelled& all, const std::vector<size_t>& rows) {
  Metrics metrics;
  for (const bool constant : {false, true}) {
    const ConfusionMatrix matrix = MatrixOf(all, rows, constant);
    const std::string suffix = constant ? "_best_constant_classifier" : "";
    metrics.emplace_back("recall" + suffix, matrix.Recall(1));
    metrics.emplace_back("precision" + suffix, matrix.Precision(1));
    metrics.emplace_back("accuracy" + suffix, matrix.Accuracy());
    metrics.emplace_back("f0_5" + suffix, matrix.FBeta(1, 0.5));
    metrics.emplace_back("f1" + suffix, matrix.FBeta(1, 1));
    metrics.emplace_back("f2" + suffix, matrix.FBeta(1, 2));
    if (constant) continue;
    metrics.emplace_back("true_positive_rate", matrix.Recall(1));
    metrics.emplace_back("true_negative_rate", matrix.Recall(0));
    metrics.emplace_back("false_positive_rate", matrix.FalsePositiveRate(1));
    metrics.emplace_back("false_negative_rate", matrix.FalsePositiveRate(0));
  }
  if (!all.score.empty()) metrics.emplace_back("auc", Auc(all, rows));
  return metrics;
}

Metrics MulticlassOf(const Labelled& all, const std::vector<size_t>& rows) {
  Metrics metrics;
  for (const bool constant : {false, true}) {
    const ConfusionMatrix matrix = MatrixOf(all, rows, constant);
    const std::string suffix = constant ? "_best_constant_classifier" : "";
    metrics.emplace_back("accuracy" + suffix, matrix.Accuracy());
    metrics.emplace_back("weighted_recall" + suffix, matrix.WeightedRecall());
    metrics.emplace_back("weighted_precision" + suffix, matrix.WeightedPrecision());
    metrics.emplace_back("weighted_f0_5" + suffix, matrix.WeightedFBeta(0.5));
    metrics.emplace_back("weighted_f1" + suffix, matrix.WeightedFBeta(1));
    metrics.emplace_back("weighted_f2" + suffix, matrix.WeightedFBeta(2));
  }
  return metrics;
}

Metrics MetricsOf(const Labelled& all, const std::vector<size_t>& rows) {
  if (all.problem == ProblemType::kRegression) return RegressionOf(all, rows);
  return all.problem == ProblemType::kBinary ? BinaryOf(all, rows) : MulticlassOf(all, rows);
}

Result<Labelled> Read(const std::vector<LabelledRow>& rows, const QualityOptions& options) {
  if (rows.empty()) return InvalidArgument("no prediction has a label");
  Labelled all{.problem = options.problem};
  if (options.problem == ProblemType::kRegression) {
    for (const LabelledRow& row : rows) {
      const auto truth = NumberOf(row.label);
      const auto predicted = NumberOf(row.prediction);
      if (!truth || !predicted) {
        return InvalidArgument("label '" + row.label + "' or prediction '" + row.prediction +
                               "' is no number");
      }
      all.truth_value.push_back(*truth);
      all.predicted_value.push_back(*predicted);
    }
    return all;
  }
  Classes classes;
  for (const LabelledRow& row : rows) {
    classes.Add(row.label);
    if (!row.prediction.empty()) classes.Add(row.prediction);
  }
  const bool binary = options.problem == ProblemType::kBinary;
  if (binary) {
    // A window may hold one class only, or no prediction but probabilities.
    const bool numbers = std::all_of(rows.begin(), rows.end(), [](const LabelledRow& row) {
      return NumberOf(row.label).has_value();
    });
    if (numbers) {
      classes.Add("0");
      classes.Add("1");
    }
  }
  classes.Number();
  if (classes.names().size() > (binary ? 2 : kClassesMax)) {
    return InvalidArgument(std::to_string(classes.names().size()) + " classes are too many");
  }
  all.classes = classes.names();
  const bool scored = binary && std::all_of(rows.begin(), rows.end(), [](const LabelledRow& row) {
                        return row.probability.has_value();
                      });
  for (const LabelledRow& row : rows) {
    all.truth.push_back(classes.Index(row.label));
    if (scored) all.score.push_back(*row.probability);
    if (!row.prediction.empty()) {
      all.predicted.push_back(classes.Index(row.prediction));
    } else if (binary && row.probability) {
      all.predicted.push_back(*row.probability > options.threshold ? 1 : 0);
    } else {
      return InvalidArgument("a row has neither prediction nor probability");
    }
  }
  return all;
}

Value NumberOrNan(double value) { return std::isfinite(value) ? Value(value) : Value("NaN"); }

// {metric: {value, standard_deviation}}
Object MetricsJson(const Labelled& all, uint64_t seed) {
  std::vector<size_t> rows(all.size());
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = i;
  const Metrics metrics = MetricsOf(all, rows);
  std::vector<Metrics> sampled;
  std::mt19937_64 random(seed);
  for (int i = 0; i < kSamples && all.size() >= kDeviationRowsMin; ++i) {
    std::shuffle(rows.begin(), rows.end(), random);
    const auto kept = static_cast<std::ptrdiff_t>(kSampleShare * static_cast<double>(rows.size()));
    sampled.push_back(MetricsOf(all, {rows.begin(), rows.begin() + kept}));
  }
  Object out;
  for (size_t i = 0; i < metrics.size(); ++i) {
    double sum = 0;
    double squares = 0;
    for (const Metrics& one : sampled) {
      sum += one[i].second;
      squares += one[i].second * one[i].second;
    }
    const double mean = sum / kSamples;
    const double deviation =
        sampled.empty() ? std::nan("") : std::sqrt(std::max(0.0, squares / kSamples - mean * mean));
    out.Set(metrics[i].first, Object{{"value", NumberOrNan(metrics[i].second)},
                                     {"standard_deviation", NumberOrNan(deviation)}});
  }
  return out;
}

// {true class: {predicted class: rows}}
Object MatrixJson(const Labelled& all) {
  std::vector<size_t> rows(all.size());
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = i;
  const ConfusionMatrix matrix = MatrixOf(all, rows, false);
  Object out;
  for (size_t truth = 0; truth < all.classes.size(); ++truth) {
    Object line;
    for (size_t predicted = 0; predicted < all.classes.size(); ++predicted) {
      line.Set(all.classes[predicted],
               matrix.Count(static_cast<int>(predicted), static_cast<int>(truth)));
    }
    out.Set(all.classes[truth], std::move(line));
  }
  return out;
}

// The two curves at every distinct probability, at most kCurvePoints of them.
void AddCurves(const Labelled& all, Object& out) {
  constexpr size_t kCurvePoints = 101;
  std::vector<std::pair<double, int>> sorted;
  size_t positives = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    sorted.emplace_back(all.score[i], all.truth[i]);
    positives += all.truth[i] == 1 ? 1 : 0;
  }
  const size_t negatives = all.size() - positives;
  if (positives == 0 || negatives == 0) return;
  std::sort(sorted.rbegin(), sorted.rend());
  Array false_rates{0.0};
  Array true_rates{0.0};
  Array precisions;
  Array recalls;
  size_t seen = 0;
  size_t hits = 0;
  const size_t step = std::max<size_t>(1, sorted.size() / (kCurvePoints - 1));
  size_t next = step;
  for (size_t i = 0; i < sorted.size(); ++i) {
    ++seen;
    hits += sorted[i].second == 1 ? 1 : 0;
    const bool tie = i + 1 < sorted.size() && sorted[i + 1].first == sorted[i].first;
    if (tie || (seen < next && i + 1 < sorted.size())) continue;
    next = seen + step;
    const double recall = static_cast<double>(hits) / static_cast<double>(positives);
    false_rates.push_back(static_cast<double>(seen - hits) / static_cast<double>(negatives));
    true_rates.push_back(recall);
    precisions.push_back(static_cast<double>(hits) / static_cast<double>(seen));
    recalls.push_back(recall);
  }
  out.Set("receiver_operating_characteristic_curve",
          Object{{"false_positive_rates", std::move(false_rates)},
                 {"true_positive_rates", std::move(true_rates)}});
  out.Set("precision_recall_curve",
          Object{{"precisions", std::move(precisions)}, {"recalls", std::move(recalls)}});
}

std::string_view Prefix(ProblemType problem) {
  switch (problem) {
    case ProblemType::kBinary:
      return "binary_classification";
    case ProblemType::kMulticlass:
      return "multiclass_classification";
    case ProblemType::kRegression:
      break;
  }
  return "regression";
}

}  // namespace

Result<ProblemType> ParseProblemType(std::string_view name) {
  if (name == "BinaryClassification") return ProblemType::kBinary;
  if (name == "MulticlassClassification") return ProblemType::kMulticlass;
  if (name == "Regression") return ProblemType::kRegression;
  return InvalidArgument("problem type '" + std::string(name) + "'");
}

Result<json::Value> QualityMetrics(const std::vector<LabelledRow>& rows,
                                   const QualityOptions& options) {
  KEDGE_TRY(const Labelled all, Read(rows, options));
  Object metrics;
  if (all.problem != ProblemType::kRegression) metrics.Set("confusion_matrix", MatrixJson(all));
  Object values = MetricsJson(all, options.seed);
  for (auto& [name, value] : values.members()) metrics.Set(name, std::move(value));
  if (!all.score.empty()) AddCurves(all, metrics);
  return Value(Object{{"version", 0.0},
                      {"dataset", Object{{"item_count", static_cast<int64_t>(rows.size())}}},
                      {std::string(Prefix(all.problem)) + "_metrics", std::move(metrics)}});
}

Result<std::vector<QualityViolation>> CheckQuality(const json::Value& constraints,
                                                   const json::Value& metrics) {
  std::vector<QualityViolation> violations;
  for (const ProblemType problem :
       {ProblemType::kBinary, ProblemType::kMulticlass, ProblemType::kRegression}) {
    const std::string prefix(Prefix(problem));
    const Value* wanted = constraints.Find(prefix + "_constraints");
    const Value* found = metrics.Find(prefix + "_metrics");
    if (wanted == nullptr || found == nullptr || wanted->AsObject() == nullptr) continue;
    for (const auto& [name, constraint] : *wanted->AsObject()) {
      const Value* threshold = constraint.Find("threshold");
      const std::string op = constraint.StringOr("comparison_operator", "");
      if (threshold == nullptr || !threshold->IsNumber() ||
          (op != "LessThanThreshold" && op != "GreaterThanThreshold")) {
        return InvalidArgument("constraint of metric '" + name + "' is " + json::Write(constraint));
      }
      const Value* metric = found->Find(name);
      const Value* value = metric == nullptr ? nullptr : metric->Find("value");
      if (value == nullptr || !value->IsNumber()) continue;
      const double number = value->NumberOr(0);
      const double limit = threshold->NumberOr(0);
      const bool less = op == "LessThanThreshold";
      if (less ? number >= limit : number <= limit) continue;
      violations.push_back({name, op,
                            "Metric " + name + " with " + json::Write(*value) + " was " + op +
                                " '" + json::Write(*threshold) + "'"});
    }
  }
  return violations;
}

std::string WriteQualityViolations(const std::vector<QualityViolation>& violations) {
  Array list;
  for (const QualityViolation& violation : violations) {
    list.push_back(Object{{"constraint_check_type", violation.check},
                          {"description", violation.description},
                          {"metric_name", violation.metric}});
  }
  return json::WritePretty(Object{{"violations", std::move(list)}});
}

}  // namespace kedge::stats::model_monitor
