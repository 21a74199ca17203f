// Programme (e), accuracy without labels: error of the estimate under covariate shift and under
// label shift, how often its interval holds the truth, and what finds concept drift. SEA, rotating
// hyperplane (Kolter and Maloof 2003; Hulten et al. 2001) and glyphs; windows of 2,000 samples, of
// which one in ten gets a label afterwards. SPDX-License-Identifier: Apache-2.0
#include "stats/quality/label_free.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "statistics/binned_stream.h"
#include "statistics/images.h"
#include "statistics/network.h"
#include "statistics/random.h"
#include "stats/quality/audit.h"

namespace kedge::statistics {
namespace {

constexpr int kWindow = 2000;
constexpr double kAuditAlarm = 10000;  // labels per false flag

struct Example {
  std::vector<float> input;
  int label = 0;
};
using Source = std::function<Example(Random&)>;

struct Stream {
  std::string name;
  Source source;
};

struct Problem {
  const char* name;
  int classes;
  int hidden;
  Source clean;
  // Inputs from a part of the reference's; from its rim, where scores of few reference rows must
  // speak for all.
  std::vector<Stream> covariate, far;
  std::vector<Stream> label, concept_drift;
};

int DrawClass(const std::vector<double>& shares, Random& random) {
  double at = random.Uniform();
  int drawn = 0;
  while (drawn + 1 < static_cast<int>(shares.size()) && at >= shares[drawn]) at -= shares[drawn++];
  return drawn;
}

// Draws from `source` until the class is one drawn from `shares`: P(x | y) stays, P(y) becomes
// `shares`.
Source WithClasses(const Source& source, std::vector<double> shares) {
  return [source, shares](Random& random) {
    const int wanted = DrawClass(shares, random);
    Example example = source(random);
    while (example.label != wanted) example = source(random);
    return example;
  };
}

// SEA: three uniforms in 0..10 (to a power, which tilts them), label f1 + f2 <= theta, 10 %
// flipped.
Source Sea(double theta, double power) {
  return [theta, power](Random& random) {
    double f[3];
    for (double& v : f) v = 10 * std::pow(random.Uniform(), power);
    int label = f[0] + f[1] <= theta ? 1 : 0;
    if (random.Uniform() < 0.1) label = 1 - label;
    Example example{.label = label};
    for (const double v : f) example.input.push_back(static_cast<float>(v / 5 - 1));
    return example;
  };
}

// Hyperplane in 10 dimensions: label w.x > its middle, 5 % flipped; `flipped` of the weights have
// changed sign and inputs lean towards 1 by `lean`.
Source Hyperplane(int flipped, double lean) {
  return [flipped, lean](Random& random) {
    Example example;
    double sum = 0;
    for (int i = 0; i < 10; ++i) {
      double x = 2 * random.Uniform() - 1;
      if (random.Uniform() < std::abs(lean) && i < 5) x = lean > 0 ? std::abs(x) : -std::abs(x);
      const double weight = (1 + 0.3 * i) * (i % 3 == 2 ? -1 : 1) * (i >= 10 - flipped ? -1 : 1);
      sum += weight * x;
      example.input.push_back(static_cast<float>(x));
    }
    example.label = sum > 0 ? 1 : 0;
    if (random.Uniform() < 0.05) example.label = 1 - example.label;
    return example;
  };
}

// Glyphs whose pose is one of training that `keep` accepts; `swapped`: figures 3 and 8 have changed
// their meaning.
// Glyphs whose pose is one of training that `keep` accepts; `swapped`: figures 3 and 8 have changed
// their meaning.
Source Glyphs(std::function<bool(const Pose&)> keep, bool swapped,
              std::vector<double> shares = std::vector<double>(10, 0.1)) {
  return [keep, swapped, shares](Random& random) {
    Pose pose;
    do {
      pose = {.tilt = 0.25 * random.Normal(),
              .thickness = std::max(0.5, 1.1 + 0.35 * random.Normal())};
    } while (!keep(pose));
    const int figure = DrawClass(shares, random);
    Image image = DrawGlyph(figure, pose, random);
    // Without noise the network is always right and there is nothing to estimate.
    for (float& p : image.pixels) p += static_cast<float>(60 * random.Normal());
    Example example{.label = swapped && figure == 3 ? 8 : swapped && figure == 8 ? 3 : figure};
    for (const float p : image.pixels) example.input.push_back(p / 255 - 0.25F);
    return example;
  };
}

std::vector<Problem> Problems() {
  const auto all = [](const Pose&) { return true; };
  std::vector<double> few(10, 0.02), ramp(10);
  few[2] = few[5] = 0.42;
  for (int c = 0; c < 10; ++c) ramp[c] = (c + 1) / 55.0;
  return {
      {.name = "SEA",
       .classes = 2,
       .hidden = 16,
       .clean = Sea(8, 1),
       .covariate = {{"high", Sea(8, 0.6)},
                     {"higher", Sea(8, 0.4)},
                     {"low", Sea(8, 1.5)},
                     {"lower", Sea(8, 2.5)}},
       .label = {{"0.1", WithClasses(Sea(8, 1), {0.9, 0.1})},
                 {"0.6", WithClasses(Sea(8, 1), {0.4, 0.6})},
                 {"0.9", WithClasses(Sea(8, 1), {0.1, 0.9})}},
       .concept_drift = {{"theta 9.5", Sea(9.5, 1)}, {"theta 5", Sea(5, 1)}}},
      {.name = "hyperplane",
       .classes = 2,
       .hidden = 16,
       .clean = Hyperplane(0, 0),
       .covariate = {{"+0.3", Hyperplane(0, 0.3)},
                     {"+0.8", Hyperplane(0, 0.8)},
                     {"-0.5", Hyperplane(0, -0.5)}},
       .label = {{"0.1", WithClasses(Hyperplane(0, 0), {0.9, 0.1})},
                 {"0.8", WithClasses(Hyperplane(0, 0), {0.2, 0.8})}},
       .concept_drift = {{"1 of 10 turned", Hyperplane(1, 0)},
                         {"3 of 10 turned", Hyperplane(3, 0)}}},
      {.name = "glyphs",
       .classes = 10,
       .hidden = 48,
       .clean = Glyphs(all, false),
       .covariate = {{"thin", Glyphs([](const Pose& p) { return p.thickness < 1; }, false)},
                     {"thick", Glyphs([](const Pose& p) { return p.thickness > 1.3; }, false)},
                     {"tilted",
                      Glyphs([](const Pose& p) { return std::abs(p.tilt) > 0.2; }, false)}},
       .far = {{"very tilted",
                Glyphs([](const Pose& p) { return std::abs(p.tilt) > 0.45; }, false)}},
       .label = {{"two classes", Glyphs(all, false, few)}, {"ramp", Glyphs(all, false, ramp)}},
       .concept_drift = {{"3 and 8 swapped", Glyphs(all, true)}}},
  };
}

class Model {
 public:
  Model(const Problem& problem, int training, int epochs, int reference_rows)
      : problem_(problem),
        network_(static_cast<int>(FirstInput(problem).size()), problem.hidden, problem.classes, 3) {
    Random random(4);
    std::vector<Example> examples;
    for (int i = 0; i < training; ++i) examples.push_back(problem.clean(random));
    for (int e = 0; e < epochs; ++e) {
      for (const Example& x : examples)
        network_.Learn(x.input, x.label, 0.02F / static_cast<float>(1 + e));
    }
    MakeQualityReference(reference_rows);
  }

  struct Window {
    std::vector<uint64_t> classes, scores;
    std::vector<uint64_t> labelled, labelled_correct;
    std::vector<std::pair<int, bool>> labels;  // score bin, right; in order
    double accuracy = 0;
  };

  Window Watch(const Source& source, uint64_t seed) const {
    Random random(seed);
    Window w{.classes = std::vector<uint64_t>(problem_.classes, 0),
             .scores = std::vector<uint64_t>(16, 0),
             .labelled = std::vector<uint64_t>(16, 0),
             .labelled_correct = std::vector<uint64_t>(16, 0)};
    for (int i = 0; i < kWindow; ++i) {
      const Example x = source(random);
      const auto out = network_.Run(x.input);
      const int bin = scores_.Bin(static_cast<double>(out.probabilities[out.best]));
      const bool right = out.best == x.label;
      ++w.classes[out.best];
      ++w.scores[bin];
      w.accuracy += right ? 1.0 / kWindow : 0;
      if (i % 10 != 0) continue;
      ++w.labelled[bin];
      w.labelled_correct[bin] += right ? 1 : 0;
      w.labels.emplace_back(bin, right);
    }
    return w;
  }

  const stats::QualityReference& reference() const { return quality_; }

 private:
  static std::vector<float> FirstInput(const Problem& problem) {
    Random random(1);
    return problem.clean(random).input;
  }

  void MakeQualityReference(int rows) {
    Random random(5);
    std::vector<Example> examples;
    std::vector<Network::Output> outputs;
    std::vector<double> top;
    for (int i = 0; i < rows; ++i) {
      examples.push_back(problem_.clean(random));
      outputs.push_back(network_.Run(examples.back().input));
      top.push_back(static_cast<double>(outputs.back().probabilities[outputs.back().best]));
    }
    scores_ = MakeReference(top, {});
    const int k = problem_.classes;
    quality_ = {.classes = k,
                .score_bins = 16,
                .confusion = std::vector<uint64_t>(k * k, 0),
                .score_by_class = std::vector<uint64_t>(k * 16, 0),
                .score_correct = std::vector<uint64_t>(16, 0)};
    for (int i = 0; i < rows; ++i) {
      const int best = outputs[i].best;
      const int bin = scores_.Bin(static_cast<double>(outputs[i].probabilities[best]));
      ++quality_.confusion[best * k + examples[i].label];
      ++quality_.score_by_class[examples[i].label * 16 + bin];
      quality_.score_correct[bin] += best == examples[i].label ? 1 : 0;
    }
  }

  const Problem& problem_;
  Network network_;
  Reference scores_;
  stats::QualityReference quality_;
};

struct Score {
  double accuracy = 0, error = 0, covered = 0, corrected_error = 0, corrected_covered = 0;
  double by_confidence = 0, by_classes = 0;  // mean absolute errors of both
  double outside = 0;                        // share of windows flagged by counts alone
  double audited = 0;                        // share of windows whose audit of 200 labels flagged
  double labels_to_flag = 0;  // median over windows that follow each other until flagged
};

Score Judge(const Model& model, const Source& source, int windows, uint64_t seed) {
  Score score;
  std::vector<double> to_flag;
  stats::CalibrationAudit run(model.reference());
  double labels = 0;
  for (int i = 0; i < windows; ++i) {
    const Model::Window w = model.Watch(source, seed + i);
    const auto estimate = stats::EstimateAccuracy(model.reference(), w.classes, w.scores);
    EXPECT_TRUE(estimate.has_value());
    if (!estimate.has_value()) return score;
    const auto corrected =
        stats::CorrectByLabels(model.reference(), w.scores, {w.labelled, w.labelled_correct});
    const auto add = [&](double& to, double value) { to += value / windows; };
    add(score.accuracy, w.accuracy);
    add(score.error, std::abs(estimate->accuracy.value - w.accuracy));
    add(score.by_confidence, std::abs(estimate->by_confidence.value - w.accuracy));
    add(score.by_classes, std::abs(estimate->by_classes.value - w.accuracy));
    add(score.covered,
        estimate->accuracy.lower <= w.accuracy && w.accuracy <= estimate->accuracy.upper ? 1 : 0);
    add(score.corrected_error, std::abs(corrected.value - w.accuracy));
    add(score.corrected_covered,
        corrected.lower <= w.accuracy && w.accuracy <= corrected.upper ? 1 : 0);
    add(score.outside, estimate->outside ? 1 : 0);
    stats::CalibrationAudit audit(model.reference());
    bool flagged = false;
    for (const auto& [bin, right] : w.labels) {
      audit.Step(bin, right);
      run.Step(bin, right);
      ++labels;
      flagged = flagged || audit.Evidence() >= kAuditAlarm;
      if (run.Evidence() >= kAuditAlarm) {
        to_flag.push_back(labels);
        labels = 0;
        run.Restart();
      }
    }
    add(score.audited, flagged ? 1 : 0);
  }
  score.labels_to_flag = to_flag.empty() ? 0 : Quantile(to_flag, 0.5);
  return score;
}

TEST(LabelFree, AccuracyIsEstimatedUnderItsAssumptionsAndAuditedBeyondThem) {
  const int windows = FullSize() ? 100 : 5;
  std::printf(
      "| problem, shift | accuracy | error | CBPE | BBSE | covered | with 200 labels | covered | "
      "outside | audit in 200 labels | labels to flag |\n");
  const auto problems = Problems();
  for (const Problem& problem : problems) {
    const Model model(problem, FullSize() ? 20000 : 5000, 4, FullSize() ? 20000 : 6000);
    const auto row = [&](const std::string& kind, const Stream& stream) {
      const Score s = Judge(model, stream.source, windows, 7000);
      std::printf(
          "| %s, %s %s | %.3f | %.4f | %.4f | %.4f | %.2f | %.4f | %.2f | %.2f | %.2f | %.0f |\n",
          problem.name, kind.c_str(), stream.name.c_str(), s.accuracy, s.error, s.by_confidence,
          s.by_classes, s.covered, s.corrected_error, s.corrected_covered, s.outside, s.audited,
          s.labels_to_flag);
      std::fflush(stdout);
      return s;
    };
    const Score none = row("no", {"shift", problem.clean});
    EXPECT_LE(none.error, 0.015);
    EXPECT_LE(none.audited, 0.02);
    const auto mean_error = [&](const std::string& kind, const std::vector<Stream>& streams) {
      double mean = 0;
      for (const Stream& stream : streams) {
        mean += row(kind, stream).error / static_cast<double>(streams.size());
      }
      std::printf("%s: mean error %.4f under %s shift\n", problem.name, mean, kind.c_str());
      return mean;
    };
    EXPECT_LE(mean_error("covariate", problem.covariate), 0.02) << problem.name;
    EXPECT_LE(mean_error("label", problem.label), 0.03) << problem.name;
    for (const Stream& stream : problem.far) row("far covariate", stream);  // said, not promised
    for (const Stream& stream : problem.concept_drift) {
      const Score s = row("concept", stream);
      EXPECT_TRUE(s.labels_to_flag > 0 && s.labels_to_flag <= 1000)
          << problem.name << " " << stream.name;
    }
  }
}

}  // namespace
}  // namespace kedge::statistics
