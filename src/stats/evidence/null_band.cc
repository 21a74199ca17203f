// SPDX-License-Identifier: Apache-2.0
#include "stats/evidence/null_band.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "base/check.h"

namespace kedge::stats {
namespace {

constexpr double kStandardErrors = 3;

// The next knot of the taut string after the one at `from`, whose height is `height`: the first
// place at which no straight line stays inside the band any more bends at the tightest edge seen
// until then.
struct Knot {
  int edge;
  double height;
};

Knot NextKnot(const NullBand& band, std::span<const double> x, Knot from) {
  double steepest =
      std::numeric_limits<double>::infinity();  // the least slope that the upper edges allow
  double flattest = -steepest;                  // the greatest slope that the lower edges ask for
  Knot above{from.edge, 0};
  Knot below{from.edge, 0};
  for (int i = from.edge + 1; i <= band.bins; ++i) {
    const double run = x[i] - x[from.edge];
    const double up = (band.upper[i] - from.height) / run;
    const double low = (band.lower[i] - from.height) / run;
    if (low > steepest) return above;
    if (up < flattest) return below;
    if (up <= steepest) {
      steepest = up;
      above = {i, band.upper[i]};
    }
    if (low >= flattest) {
      flattest = low;
      below = {i, band.lower[i]};
    }
  }
  return {band.bins, 1};
}

}  // namespace

double NormalCdf(double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }

double NormalQuantile(double p) {
  KEDGE_DCHECK(p > 0 && p < 1);
  double low = -40;
  double high = 40;
  // Bisection narrows, Newton finishes: 12 halvings put the start within 0.02 of the root.
  for (int i = 0; i < 12; ++i) {
    const double middle = (low + high) / 2;
    (NormalCdf(middle) < p ? low : high) = middle;
  }
  double z = (low + high) / 2;
  for (int i = 0; i < 8; ++i) {
    const double density = std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi);
    if (density < 1e-300) break;
    z -= std::clamp((NormalCdf(z) - p) / density, -0.5, 0.5);
  }
  return z;
}

NullBand MakeNullBand(std::span<const double> cumulated, double rows, double tolerance) {
  KEDGE_CHECK(cumulated.size() >= 2 && cumulated.size() <= kBinsMax + 1);
  NullBand band{.bins = static_cast<int>(cumulated.size()) - 1};
  const double arc = kStandardErrors / (2 * std::sqrt(rows));
  for (int i = 1; i < band.bins; ++i) {
    // Anscombe's 3/8 keeps the band open where the reference has no sample at all.
    const double f = (cumulated[i] * rows + 0.375) / (rows + 0.75);
    const double z = NormalQuantile(f);
    const double angle = std::asin(std::sqrt(f));
    const double low = std::sin(std::max(angle - arc, 0.0));
    const double high = std::sin(std::min(angle + arc, std::numbers::pi / 2));
    band.lower[i] = std::min(NormalCdf(z - tolerance), low * low);
    band.upper[i] = std::max(NormalCdf(z + tolerance), high * high);
  }
  band.lower[band.bins] = band.upper[band.bins] = 1;
  return band;
}

Edges NearestNull(const NullBand& band, std::span<const double> alternative) {
  KEDGE_CHECK(static_cast<int>(alternative.size()) == band.bins + 1);
  Edges nearest{};
  Knot from{0, 0};
  while (from.edge < band.bins) {
    const Knot to = NextKnot(band, alternative, from);
    const double run = alternative[to.edge] - alternative[from.edge];
    for (int i = from.edge + 1; i <= to.edge; ++i) {
      const double along = (alternative[i] - alternative[from.edge]) / run;
      nearest[i] = from.height + (to.height - from.height) * along;
    }
    from = to;
  }
  return nearest;
}

double LargestExpectation(const NullBand& band, std::span<const double> factors) {
  // A linear function over the polytope is largest in a corner, and in a corner every G(i) equals
  // some lower or upper edge. best[k] = the most that edges up to i can give with G(i) =
  // candidates[k].
  std::array<double, 2 * kBinsMax + 2> candidates{};
  int count = 0;
  for (int i = 0; i <= band.bins; ++i) {
    candidates[count++] = band.lower[i];
    candidates[count++] = band.upper[i];
  }
  std::sort(candidates.begin(), candidates.begin() + count);
  constexpr double kNever = -std::numeric_limits<double>::infinity();
  std::array<double, 2 * kBinsMax + 2> best{};
  best.fill(kNever);
  best[0] = 0;  // G(0) = 0
  for (int i = 1; i <= band.bins; ++i) {
    std::array<double, 2 * kBinsMax + 2> next{};
    next.fill(kNever);
    double reach = kNever;  // the largest best[j] - factor * candidates[j] over j <= k
    for (int k = 0; k < count; ++k) {
      reach = std::max(reach, best[k] - factors[i - 1] * candidates[k]);
      if (candidates[k] >= band.lower[i] && candidates[k] <= band.upper[i]) {
        next[k] = reach + factors[i - 1] * candidates[k];
      }
    }
    best = next;
  }
  return *std::max_element(best.begin(), best.begin() + count);
}

}  // namespace kedge::stats
