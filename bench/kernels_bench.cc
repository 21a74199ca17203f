// Times the fast kernels alone, on shapes of the networks we compare with ONNX Runtime: hot caches,
// one thread, thread CPU time, the least of nine slices. Prints GFLOP/s, and the rate of a loop of
// nothing but multiply-adds as the machine's limit. Compiled by clang, like generated code, so it
// uses no benchmark library.
//
// usage: kernels_bench [TEXT]      only the kernels whose name contains TEXT
// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernels/conv.h"
#include "kernels/depthwise.h"
#include "kernels/epilogue.h"
#include "kernels/winograd.h"

namespace kedge::kernels {
namespace {

constexpr size_t kFloats = size_t{1} << 23;
constexpr ptrdiff_t kFirst = 1 << 16;  // room for any halo before the interior
float* in;
float* weights;
float* scratch;
float* out;
const char* wanted = "";

double NowUs() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) * 1e-3;
}

template <class Run>
void Measure(const char* name, double flop, Run run) {
  if (strstr(name, wanted) == nullptr) return;
  run();
  double best_us = 1e12;
  for (int slice = 0; slice < 9; ++slice) {
    const double start = NowUs();
    double elapsed = 0;
    int runs = 0;
    do {
      run();
      ++runs;
      elapsed = NowUs() - start;
    } while (elapsed < 3000);
    if (elapsed / runs < best_us) best_us = elapsed / runs;
  }
  printf("%-34s %9.1f us %7.1f GFLOP/s\n", name, best_us, flop / best_us * 1e-3);
}

constexpr View Blocked(int c, int h, int w, int halo) {
  constexpr int kN = kVectorFloats;
  const int row = (w + 2 * halo) * kN;
  return {.channels = c,
          .height = h,
          .width = w,
          .block = kN,
          .pixel = kN,
          .row = row,
          .plane = static_cast<ptrdiff_t>(row) * (h + 2 * halo)};
}

template <ConvConfig C>
void BenchConv(const char* name) {
  const double flop = 2.0 * C.out.height * C.out.width * C.out.channels * ConvShape<C>::kSteps;
  Measure(name, flop, [] {
    Conv<C, activation::Relu>(in + kFirst, weights, weights, nullptr, out + kFirst, 0);
  });
}

template <WinogradConfig C>
void BenchWinograd(const char* name) {
  const double flop = 18.0 * C.out.height * C.out.width * C.out.channels * C.in.channels;
  Measure(name, flop, [] {
    WinogradInput<C>(in + kFirst, scratch, 0);
    WinogradProduct<C, activation::Relu>(scratch, weights, weights, nullptr, out + kFirst, 0);
  });
}

template <DepthwiseConfig C>
void BenchDepthwise(const char* name) {
  const double flop = 18.0 * C.out.height * C.out.width * C.out.channels;
  Measure(name, flop,
          [] { Depthwise<C, activation::Relu>(in + kFirst, weights, weights, out + kFirst, 0); });
}

template <int kIn, int kOut, int kSide, Tile kTile>
void Bench3x3(const char* name) {
  BenchConv<ConvConfig{.in = Blocked(kIn, kSide, kSide, 1),
                       .out = Blocked(kOut, kSide, kSide, 1),
                       .window = {3, 3, 1, 1, 1, 1, 1, 1},
                       .tile = kTile,
                       .prefetch = kIn >= 128}>(name);
}

template <int kIn, int kOut, int kPixels, Tile kTile>
void BenchPoint(const char* name) {
  BenchConv<ConvConfig{.in = Blocked(kIn, 1, kPixels, 0),
                       .out = Blocked(kOut, 1, kPixels, 0),
                       .tile = kTile,
                       .prefetch = kIn >= 256}>(name);
}

template <int kChannels, int kSide, int kSize, int kTiles, int kVectors>
void BenchWinograd3x3(const char* name) {
  BenchWinograd<WinogradConfig{.in = Blocked(kChannels, kSide, kSide, 3),
                               .out = Blocked(kChannels, kSide, kSide, 1),
                               .pad_top = 1,
                               .pad_left = 1,
                               .size = kSize,
                               .tiles = kTiles,
                               .vectors = kVectors}>(name);
}

template <int kChannels, int kHeight, int kWidth, int kStride, Tile kTile>
void BenchDepthwise3x3(const char* name) {
  BenchDepthwise<DepthwiseConfig{.in = Blocked(kChannels, kHeight, kWidth, 1),
                                 .out = Blocked(kChannels, kHeight / kStride, kWidth / kStride, 1),
                                 .window = {3, 3, kStride, kStride, 1, 1, 1, 1},
                                 .tile = kTile}>(name);
}

void BenchPeak() {
  constexpr int kSums = kRegisters >= 32 ? 24 : 12;
  constexpr int kRounds = 10000;
  Measure("multiply-add only", 2.0 * kSums * kVectorFloats * kRounds, [] {
    using V = Vec<kVectorFloats>;
    V sum[kSums];
    KEDGE_UNROLL
    for (int i = 0; i < kSums; ++i) sum[i] = Load<kVectorFloats>(in + i * kVectorFloats);
    const V x = (V)weights[0], y = (V)weights[1];
    for (int round = 0; round < kRounds; ++round) {
      KEDGE_UNROLL
      for (int i = 0; i < kSums; ++i) sum[i] = sum[i] * x + y;
      Fence();
    }
    KEDGE_UNROLL
    for (int i = 0; i < kSums; ++i) Store<kVectorFloats>(out + i * kVectorFloats, sum[i]);
  });
}

// Small even numbers between -1 and 1, so that nothing overflows or turns subnormal.
float* Allocate() {
  auto* floats = static_cast<float*>(aligned_alloc(64, kFloats * sizeof(float)));
  for (size_t i = 0; i < kFloats; ++i) floats[i] = static_cast<float>(i % 31) / 15.0f - 1.0f;
  return floats;
}

}  // namespace
}  // namespace kedge::kernels

int main(int argc, char** argv) {
  using namespace kedge::kernels;
  if (argc > 1) wanted = argv[1];
  in = Allocate();
  weights = Allocate();
  scratch = Allocate();
  out = Allocate();
  constexpr bool kMany = kRegisters >= 32;
  constexpr Tile kWide = kMany ? Tile{1, 14, 2} : Tile{1, 6, 2};
  BenchPeak();
  Bench3x3<16, 16, 32, kMany ? Tile{1, 16, 1} : Tile{1, 6, 2}>("direct 3x3 16@32");
  Bench3x3<32, 32, 16, kWide>("direct 3x3 32@16");
  Bench3x3<64, 64, 8, kMany ? Tile{1, 8, 2} : Tile{1, 6, 2}>("direct 3x3 64@8");
  Bench3x3<64, 64, 56, kWide>("direct 3x3 64@56");
  Bench3x3<256, 256, 14, kWide>("direct 3x3 256@14");
  BenchWinograd3x3<16, 32, 4, kMany ? 13 : 6, 1>("winograd 4x4 16@32");
  BenchWinograd3x3<32, 16, 4, kMany ? 8 : 6, 2>("winograd 4x4 32@16");
  BenchWinograd3x3<64, 8, 4, 4, 2>("winograd 4x4 64@8");
  BenchWinograd3x3<64, 56, 4, kMany ? 14 : 6, 2>("winograd 4x4 64@56");
  BenchWinograd3x3<256, 14, 4, kMany ? 8 : 6, 2>("winograd 4x4 256@14");
  BenchWinograd3x3<256, 14, 2, kMany ? 14 : 6, 2>("winograd 2x2 256@14");
  BenchPoint<16, 32, 19200, kWide>("1x1 16->32 @120x160");
  BenchPoint<64, 64, 1200, kMany ? Tile{1, 6, 4} : Tile{1, 6, 2}>("1x1 64->64 @30x40");
  BenchPoint<256, 256, 80, kWide>("1x1 256->256 @8x10");
  BenchDepthwise3x3<16, 120, 160, 1, kMany ? Tile{2, 8, 1} : Tile{2, 2, 1}>("depthwise 16@120x160");
  BenchDepthwise3x3<64, 30, 40, 1, kMany ? Tile{2, 8, 1} : Tile{2, 2, 1}>("depthwise 64@30x40");
  BenchDepthwise3x3<32, 120, 160, 2, kMany ? Tile{1, 8, 1} : Tile{1, 4, 1}>(
      "depthwise 32@120x160 stride 2");
  return 0;
}
