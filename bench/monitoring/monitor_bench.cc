// What watching a model costs: time a feature and sample, memory, bytes a report, merging a million
// reports. Prints one line a figure; bench/README.md has the last ones. `--quick` merges 20,000
// reports.
// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdio>
#include <cstring>
#include <random>

#include "stats/baseline/testing/sample_baseline.h"
#include "stats/counts/block_code.h"
#include "stats/features/embedding.h"
#include "stats/features/image.h"
#include "stats/features/scores.h"
#include "stats/monitor.h"

namespace kedge::stats {
namespace {

using SteadyClock = std::chrono::steady_clock;

double Seconds(SteadyClock::time_point since) {
  return std::chrono::duration<double>(SteadyClock::now() - since).count();
}

// The best of five rounds of `run`, in ns a call.
template <class F>
double BestNs(int calls, const F& run) {
  double best = 1e30;
  for (int round = 0; round < 5; ++round) {
    const auto start = SteadyClock::now();
    for (int i = 0; i < calls; ++i) run(i);
    best = std::min(best, Seconds(start) / calls * 1e9);
  }
  return best;
}

ModelMonitor MonitorOf(const Baseline& baseline) {
  auto monitor = ModelMonitor::Make(baseline, BaselineId{1}, {}, 0);
  KEDGE_CHECK(monitor.has_value());
  return std::move(*monitor);
}

std::vector<Tensor> GaussianRows(size_t features, size_t rows) {
  std::mt19937_64 random(1);
  std::normal_distribution<float> normal;
  std::vector<Tensor> tensors;
  for (size_t i = 0; i < rows; ++i) {
    Tensor& tensor = tensors.emplace_back(DType::kF32, Shape{1, static_cast<int64_t>(features)});
    for (float& x : tensor.As<float>()) x = normal(random);
  }
  return tensors;
}

void FeatureCost(size_t features, uint32_t stride) {
  Baseline baseline = testing::GaussianBaseline(features, 100'000);
  for (FeatureBaseline& feature : baseline.features) feature.stride = stride;
  ModelMonitor monitor = MonitorOf(baseline);
  const std::vector<Tensor> rows = GaussianRows(features, 512);
  const double ns = BestNs(4096, [&](int i) {
    const TensorView view = TensorView::Of(rows[static_cast<size_t>(i) % rows.size()]);
    monitor.Observe({&view, 1}, {}, i);
  });
  std::printf("observe, %zu features, stride %u: %.1f ns a feature and sample, memory %.1f KiB\n",
              features, stride, ns / static_cast<double>(features),
              static_cast<double>(monitor.MemoryBytes()) / 1024);
}

void ReportSizes() {
  std::printf("report bytes (base64) by features and samples, header of 60 bytes included\n");
  for (const size_t features : {16, 64, 128}) {
    ModelMonitor monitor = MonitorOf(testing::GaussianBaseline(features, 100'000));
    const std::vector<Tensor> rows = GaussianRows(features, 10'000);
    std::printf("  %3zu features:", features);
    for (const size_t samples : {20, 60, 300, 1000, 3600, 86'400}) {
      for (size_t i = 0; i < samples; ++i) {
        const TensorView view = TensorView::Of(rows[i % rows.size()]);
        monitor.Observe({&view, 1}, {}, 0);
      }
      const StatisticsReport report{
          .boot = 1,
          .sequence = 300,
          .models = {monitor.TakeReport(1'790'000'000,
                                        {.model_name = "resnet8", .model_version = "1.0"})}};
      const auto bytes = EncodeReport(report);
      KEDGE_CHECK(bytes.has_value());
      std::printf("  %zu: %zu (%zu)", samples, bytes->size(), Base64Encode(*bytes).size());
    }
    std::printf("\n");
  }
}

void ImageCost(DType dtype, bool channels_last, size_t side, size_t channels) {
  const auto s = static_cast<int64_t>(side), c = static_cast<int64_t>(channels);
  const Tensor image =
      RandomTensor(dtype, channels_last ? Shape{1, s, s, c} : Shape{1, c, s, s}, 1);
  ImageStatistics statistics({.height = side,
                              .width = side,
                              .channels = channels,
                              .channels_last = channels_last,
                              .white = dtype == DType::kU8 ? 255.0 : 1.0});
  double sum = 0;
  const double ns =
      BestNs(200, [&](int) { sum += statistics.Compute(TensorView::Of(image), 0)[0]; });
  std::printf("image %zux%zu, %zu channels, %s %s: %.1f us a frame%s\n", side, side, channels,
              std::string(DTypeName(dtype)).c_str(), channels_last ? "NHWC" : "NCHW", ns / 1000,
              sum > 0 ? "" : " ");
}

void OutputCost() {
  std::vector<float> logits(1000), embedding(512);
  std::mt19937_64 random(2);
  std::normal_distribution<float> normal;
  for (float& x : embedding) x = normal(random);
  double sum = 0;
  const double scores_ns = BestNs(500, [&](int i) {
    for (size_t k = 0; k < logits.size(); ++k)
      logits[k] = embedding[(k + static_cast<size_t>(i)) % 512];
    ScoreSummary summary;
    SummarizeScores(logits, true, summary);
    sum += summary.entropy;
  });
  const EmbeddingDirections directions(512, 1);
  std::array<float, kDirections> shadows{};
  const double project_ns = BestNs(500, [&](int) {
    directions.Project(embedding, shadows);
    sum += static_cast<double>(shadows[3]);
  });
  std::printf("scores of 1000 logits: %.1f us; 16 projections of 512: %.1f us%s\n",
              scores_ns / 1000, project_ns / 1000, sum == 0 ? " " : "");
}

// Different reports of one model, as bytes.
std::vector<ByteBuffer> ManyReports(size_t count, size_t features) {
  std::mt19937_64 random(3);
  std::discrete_distribution<size_t> bin(kExpectedPerMille.begin(), kExpectedPerMille.end());
  std::vector<ByteBuffer> reports;
  for (size_t r = 0; r < count; ++r) {
    ModelReport model{.model_name = "resnet8",
                      .model_version = "1.0",
                      .window_s = 60,
                      .counts = ReportCounts(std::vector<FeatureShape>(features)),
                      .evidence = std::vector<uint8_t>(features, 33)};
    model.counts.samples = 1000;
    for (size_t f = 0; f < features; ++f) {
      for (int i = 0; i < 1000; ++i) ++model.counts.bins(f)[bin(random)];
    }
    const auto bytes = EncodeReport({.boot = r, .sequence = 1, .models = {std::move(model)}});
    KEDGE_CHECK(bytes.has_value());
    reports.push_back(*bytes);
  }
  return reports;
}

void MergeCost(size_t total) {
  const std::vector<ByteBuffer> reports = ManyReports(256, 64);
  MergedCounts merged(std::vector<FeatureShape>(64));
  auto start = SteadyClock::now();
  for (size_t i = 0; i < total; ++i) {
    const auto report = DecodeReport(reports[i % reports.size()]);
    KEDGE_CHECK(report.has_value() && merged.Add(report->models[0].counts).has_value());
  }
  const double with_decoding = Seconds(start);
  std::vector<StatisticsReport> decoded;
  for (const ByteBuffer& bytes : reports) decoded.push_back(*DecodeReport(bytes));
  start = SteadyClock::now();
  for (size_t i = 0; i < total; ++i)
    KEDGE_CHECK(merged.Add(decoded[i % decoded.size()].models[0].counts).has_value());
  const double alone = Seconds(start);
  KEDGE_CHECK(merged.samples == 2000 * total);
  std::printf(
      "merge of %zu reports of 64 features on one core: %.2f s from bytes, %.2f s decoded\n", total,
      with_decoding, alone);
}

}  // namespace
}  // namespace kedge::stats

int main(int argc, char** argv) {
  using namespace kedge::stats;
  const bool quick = argc > 1 && std::strcmp(argv[1], "--quick") == 0;
  for (const uint32_t stride : {1u, 10u}) {
    FeatureCost(64, stride);
    FeatureCost(128, stride);
  }
  ReportSizes();
  ImageCost(kedge::DType::kU8, true, 224, 3);
  ImageCost(kedge::DType::kU8, false, 224, 3);
  ImageCost(kedge::DType::kU8, false, 224, 1);
  ImageCost(kedge::DType::kF32, false, 224, 3);
  ImageCost(kedge::DType::kF32, true, 224, 3);
  ImageCost(kedge::DType::kU8, true, 640, 3);
  ImageCost(kedge::DType::kF32, false, 32, 3);
  OutputCost();
  MergeCost(quick ? 20'000 : 1'000'000);
  return 0;
}
