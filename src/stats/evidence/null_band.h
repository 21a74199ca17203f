// What "no drift" means: a band of distribution functions, and the best bet against it.
//
// A test against "exactly the reference" always alarms in the end: the reference is a finite
// sample, and no two months are equal. So the null hypothesis is a set Q of distributions over the
// bins, given at each of the B-1 inner cuts i by a band  lower[i] <= G(cut i) <= upper[i]  around
// the reference's distribution function F. The band is the wider of two at each cut:
//
//   tolerance   Phi(Phi^-1(F) -+ tolerance): each quantile may move by what `tolerance` deviations
//   would move it
//               in a Gaussian. For Gaussian data this is exactly a move of the mean by `tolerance`
//               deviations; for any other it is the same statement about ranks, so neither a heavy
//               tail nor a logarithm changes what is tolerated.
//   sampling    three standard errors of F itself, of which we know only `rows` samples, on the
//   arcsine scale:
//               sin^2(asin sqrt(F) -+ 1.5 / sqrt(rows)). It matters for small references and far
//               tails.
//
// The best bet. For an alternative a (probabilities of bins) let q* be the member of Q nearest to
// it, argmin over Q of KL(a || q). Then the bet a/q* has E_q[a/q*] <= 1 under EVERY q of Q, since Q
// is convex and moving from q* towards q cannot lower the divergence; and no other bet that holds
// under all of Q grows faster under a (the reverse information projection: Gruenwald, de Heide,
// Koolen, "Safe testing", 1906.07801; for bands of distribution functions it is the least
// favourable pair of Huber and Strassen 1973). Here q* needs no optimiser: put a's cumulated
// probability on the x axis and the band on the y axis; the taut string from (0, 0) to (1, 1)
// through the band minimises the integral of every convex function of its slope dq/da, -log among
// them. So the slopes of a taut string are the bets' reciprocals, exactly, in O(B^2).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace kedge::stats {

inline constexpr int kBinsMax = 64;

// Phi(z), and its inverse for 0 < p < 1 (error under 1e-12).
double NormalCdf(double z);
double NormalQuantile(double p);

// Values at the edges 0..bins of the bins; edge 0 holds 0 and edge `bins` holds 1.
using Edges = std::array<double, kBinsMax + 1>;

struct NullBand {
  int bins = 0;
  Edges lower{};
  Edges upper{};
};

// The band around a reference.
//   cumulated  F at the edges 0..bins, not falling
//   rows       independent samples that F was estimated from, > 0
//   tolerance  in deviations, >= 0
NullBand MakeNullBand(std::span<const double> cumulated, double rows, double tolerance);

// The band's member nearest to `alternative`, as cumulated probabilities at the edges.
//   alternative  cumulated probabilities at the edges 0..bins, rising strictly
Edges NearestNull(const NullBand& band, std::span<const double> alternative);

// The largest E_q[factors] over all q of the band, by dynamic programming over the band's corners
// in O(bins^2). What tests hold against 1.
double LargestExpectation(const NullBand& band, std::span<const double> factors);

}  // namespace kedge::stats
