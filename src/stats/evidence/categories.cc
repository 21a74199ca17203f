// SPDX-License-Identifier: Apache-2.0
#include "stats/evidence/categories.h"

#include <algorithm>
#include <cmath>
#include <math.h>
#include <numbers>
#include <numeric>
#include <string>

namespace kedge::stats {
namespace {

constexpr double kTakenShare = 0.15;  // of all samples, by the classes that rise
constexpr double kLeftShare = 0.1;    // of their own, by the classes that fall

double Sum(std::span<const uint64_t> counts) {
  return static_cast<double>(std::accumulate(counts.begin(), counts.end(), uint64_t{0}));
}

// std::lgamma writes a global sign; this does not. x > 0.
double LogGamma(double x) {
  int sign = 0;
  return ::lgamma_r(x, &sign);
}

// Shares under which the classes of one group have risen or fallen; classes go round the groups.
std::array<double, kBinsMax> Alternative(std::span<const double> shares, int group, bool rises) {
  std::array<double, kBinsMax> result{};
  double mass = 0;
  int members = 0;
  for (size_t c = group; c < shares.size(); c += kBets) {
    mass += shares[c];
    ++members;
  }
  double sum = 0;
  for (size_t c = 0; c < shares.size(); ++c) {
    const bool inside = members > 0 && static_cast<int>(c % kBets) == group;
    if (rises) {
      // Half by their own proportions, half evenly: a class that the reference hardly knows can
      // rise too.
      const double part = inside ? (shares[c] / mass + 1.0 / members) / 2 : 0;
      result[c] = members > 0 ? (1 - kTakenShare) * shares[c] + kTakenShare * part : shares[c];
    } else {
      result[c] = shares[c] * (inside ? kLeftShare : 1);
    }
    sum += result[c];
  }
  for (size_t c = 0; c < shares.size(); ++c) result[c] /= sum;
  return result;
}

}  // namespace

Result<NullBox> MakeNullBox(std::span<const uint64_t> counts, const BetTableOptions& options) {
  KEDGE_TRY_STATUS(CheckReference(counts, options));
  NullBox box{.classes = static_cast<int>(counts.size())};
  const double total = Sum(counts);
  const double rows = options.rows > 0 ? options.rows : total;
  const double arc = std::max(options.tolerance, 3 / std::sqrt(rows)) / 2;
  for (int c = 0; c < box.classes; ++c) {
    const double share = (static_cast<double>(counts[c]) / total * rows + 0.375) / (rows + 0.75);
    const double angle = std::asin(std::sqrt(share));
    const double low = std::sin(std::max(angle - arc, 0.0));
    const double high = std::sin(std::min(angle + arc, std::numbers::pi / 2));
    box.lower[c] = low * low;
    box.upper[c] = high * high;
  }
  return box;
}

std::array<double, kBinsMax> NearestOfBox(const NullBox& box, std::span<const double> shares) {
  // Stationarity: q_c = shares_c / lambda, clipped; the sum falls as lambda grows, so halve on log
  // lambda.
  std::array<double, kBinsMax> nearest{};
  double low = -60;
  double high = 60;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    const double scale = std::exp(-middle);
    double sum = 0;
    for (int c = 0; c < box.classes; ++c) {
      nearest[c] = std::clamp(shares[c] * scale, box.lower[c], box.upper[c]);
      sum += nearest[c];
    }
    (sum > 1 ? low : high) = middle;
  }
  return nearest;
}

Result<CategoryTables> BuildCategoryTables(std::span<const uint64_t> counts,
                                           const BetTableOptions& options) {
  KEDGE_TRY(const NullBox box, MakeNullBox(counts, options));
  CategoryTables tables;
  tables.rises.bins = tables.falls.bins = box.classes;
  std::array<double, kBinsMax> shares{};
  const double total = Sum(counts) + 0.5 * static_cast<double>(counts.size());
  for (int c = 0; c < box.classes; ++c) shares[c] = (static_cast<double>(counts[c]) + 0.5) / total;
  const std::span<const double> reference{shares.data(), counts.size()};
  const int groups = std::min(box.classes, kBets);
  const double decay = (1 - 1 / options.horizon) * (1 - 1e-7);
  for (const bool rises : {true, false}) {
    BetTable& table = rises ? tables.rises : tables.falls;
    table.factors.resize(counts.size());
    for (int group = 0; group < kBets; ++group) {
      table.weights[group] = group < groups ? static_cast<float>((1 - 1e-7) / groups) : 0.0F;
      const auto alternative = Alternative(reference, group, rises);
      const auto nearest = NearestOfBox(box, {alternative.data(), counts.size()});
      for (int c = 0; c < box.classes; ++c) {
        table.factors[c][group] = static_cast<float>(alternative[c] / nearest[c] * decay);
      }
    }
  }
  return tables;
}

double LogDirichletEValue(const NullBox& box, std::span<const uint64_t> reference_counts,
                          std::span<const uint64_t> counts, double prior_rows) {
  KEDGE_CHECK(reference_counts.size() == counts.size());
  KEDGE_CHECK(static_cast<int>(counts.size()) == box.classes);
  const double total = Sum(counts);
  if (total == 0) return 0;
  const double reference_total = Sum(reference_counts);
  std::array<double, kBinsMax> shares{};
  double log_mixture = 0;
  double prior_sum = 0;
  for (int c = 0; c < box.classes; ++c) {
    const auto n = static_cast<double>(counts[c]);
    const double prior =
        0.5 + prior_rows * static_cast<double>(reference_counts[c]) / reference_total;
    shares[c] = n / total;
    prior_sum += prior;
    log_mixture += LogGamma(prior + n) - LogGamma(prior);
  }
  log_mixture += LogGamma(prior_sum) - LogGamma(prior_sum + total);
  const auto likeliest = NearestOfBox(box, {shares.data(), counts.size()});
  double log_null = 0;
  for (int c = 0; c < box.classes; ++c) {
    if (counts[c] > 0) log_null += static_cast<double>(counts[c]) * std::log(likeliest[c]);
  }
  return log_mixture - log_null;
}

}  // namespace kedge::stats
