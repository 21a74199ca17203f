// The conformance program of the kernels: runs every configuration of a generated table against a
// naive loop in double precision and prints what differs. It is compiled by clang for each target
// (the templates are clang's vectors) and runs natively or under qemu, so it uses no test
// framework.
//
// Every element must lie within |error| <= (terms + 2) * 2^-24 * sum |a||b|, the bound of a sum
// computed in any order in single precision. All memory starts as NaN, so that reading what nobody
// wrote shows; what a kernel has no business to write must still be NaN afterwards.
// SPDX-License-Identifier: Apache-2.0
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <string>
#include <vector>

#include "kernels/blocked.h"
#include "kernels/conv.h"
#include "kernels/depthwise.h"
#include "kernels/epilogue.h"
#include "kernels/pool.h"
#include "kernels/reorder.h"
#include "kernels/softmax.h"
#include "kernels/winograd.h"

namespace kedge::kernels {
namespace {

constexpr View Framed(int c, int h, int w, int block, Halo halo, int batch) {
  View view{.channels = c, .height = h, .width = w, .block = block, .pixel = block};
  view.row = (halo.left + w + halo.right) * block;
  view.plane = static_cast<ptrdiff_t>(halo.top + h + halo.bottom) * view.row;
  view.batch = batch;
  view.image = view.plane * ((c + block - 1) / block);
  return view;
}
constexpr View Blocked(int c, int h, int w, Halo halo, int batch) {
  return Framed(c, h, w, kVectorFloats, halo, batch);
}
constexpr View Planar(int c, int h, int w, Halo halo, int batch) {
  return Framed(c, h, w, 1, halo, batch);
}
constexpr View Last(int c, int h, int w, Halo halo, int batch) {
  return Framed(c, h, w, c, halo, batch);
}

uint32_t random_state = 1;
float Random() {
  random_state = random_state * 1664525u + 1013904223u;
  return static_cast<float>(static_cast<int32_t>(random_state)) * (1.0f / 2147483648.0f);
}
std::vector<float> RandomFloats(size_t count) {
  std::vector<float> floats(count);
  for (float& f : floats) f = Random();
  return floats;
}

// A tensor in memory as a view says, with NaN wherever nothing was written, and its plain content.
struct Stored {
  explicit Stored(const View& v)
      : view(v),
        memory(static_cast<size_t>(v.image) * v.batch + 2 * kMargin, NAN),
        plain(static_cast<size_t>(v.batch) * v.channels * v.height * v.width) {}

  static constexpr int kMargin = 65536;
  // Rows of the frame above and left of the interior are found by the caller's halo; the interior
  // starts late enough for any of them.
  float* first() { return memory.data() + kMargin; }
  size_t Index(int n, int c, int y, int x) const {
    return ((static_cast<size_t>(n) * view.channels + c) * view.height + y) * view.width + x;
  }
  float* At(int n, int c, int y, int x) { return first() + n * view.image + view.At(c, y, x); }

  void Randomise() {
    plain = RandomFloats(plain.size());
    ForEach([&](int n, int c, int y, int x) { *At(n, c, y, x) = plain[Index(n, c, y, x)]; });
  }
  // Zero wherever the window may reach outside the interior.
  void ZeroBorder(const Window& w, const View& out) {
    const int padded = (view.channels + view.block - 1) / view.block * view.block;
    for (int n = 0; n < view.batch; ++n) {
      for (int c = 0; c < padded; ++c) {
        for (int y = -w.pad_top;
             y < (out.height - 1) * w.stride_h + (w.height - 1) * w.dilation_h + 1 - w.pad_top;
             ++y) {
          for (int x = -w.pad_left;
               x < (out.width - 1) * w.stride_w + (w.width - 1) * w.dilation_w + 1 - w.pad_left;
               ++x) {
            if (y < 0 || y >= view.height || x < 0 || x >= view.width) *At(n, c, y, x) = 0.0f;
          }
        }
      }
    }
  }
  template <class F>
  void ForEach(F f) const {
    for (int n = 0; n < view.batch; ++n) {
      for (int c = 0; c < view.channels; ++c) {
        for (int y = 0; y < view.height; ++y) {
          for (int x = 0; x < view.width; ++x) f(n, c, y, x);
        }
      }
    }
  }
  const View view;
  std::vector<float> memory;
  std::vector<float> plain;
};

struct Expected {
  double value = 0, magnitude = 0;
  int terms = 0;
  void Add(double a, double b = 1) {
    value += a * b;
    magnitude += fabs(a * b);
    ++terms;
  }
};

// Compares an output with expected(n, c, y, x) and sees that nothing beside it was written: the
// interior's padding channels may be, anything else must still be NaN. Empty if all is well.
template <class Epilogue, class F>
std::string Compare(Stored& out, F expected) {
  std::string error;
  std::vector<bool> may(out.memory.size());
  out.ForEach([&](int n, int c, int y, int x) {
    const Expected want = expected(n, c, y, x);
    const double value =
        Epilogue::template Apply<Vec<4>>((Vec<4>)static_cast<float>(want.value))[0];
    const double got = *out.At(n, c, y, x);
    const double bound = (want.terms + 2) * 0x1p-24 * want.magnitude + 1e-30;
    if (!(fabs(got - value) <= bound) && error.empty()) {
      char text[160];
      snprintf(text, sizeof text, "at n %d c %d y %d x %d: got %.9g, expected %.9g +- %.3g", n, c,
               y, x, got, value, bound);
      error = text;
    }
    const ptrdiff_t at =
        out.At(n, c / out.view.block * out.view.block, y, x) - out.first() + Stored::kMargin;
    for (int i = 0; i < out.view.block; ++i) may[static_cast<size_t>(at + i)] = true;
  });
  for (size_t i = 0; i < out.memory.size() && error.empty(); ++i) {
    if (!may[i] && !isnan(out.memory[i]))
      error = "wrote outside the interior at float " + std::to_string(i);
  }
  return error;
}

// Weights as conv.h reads them, from plain [out channel][in channel of the group][kh][kw].
template <ConvConfig C>
std::vector<float> PackConv(const std::vector<float>& plain) {
  using Shape = ConvShape<C>;
  std::vector<float> packed;
  const Window w = C.window;
  for (int g = 0; g < C.groups; ++g) {
    for (int part = 0; part < Shape::kVectorSplit.parts; ++part) {
      const int first = Shape::kVectorSplit.Begin(part) * C.vector;
      const int width = Shape::kVectorSplit.Size(part) * C.vector;
      for (int block = 0; block < Shape::kIn; block += C.in.block) {
        for (int k = 0; k < w.height * w.width; ++k) {
          for (int i = block; i < block + C.in.block && i < Shape::kIn; ++i) {
            for (int o = first; o < first + width; ++o) {
              packed.push_back(
                  o < Shape::kOut
                      ? plain[static_cast<size_t>(
                            ((g * Shape::kOut + o) * Shape::kIn + i) * w.height * w.width + k)]
                      : 0.0f);
            }
          }
        }
      }
    }
  }
  packed.resize(packed.size() + 16);
  return packed;
}

template <ConvConfig C, class Epilogue>
std::string CheckConv() {
  using Shape = ConvShape<C>;
  const Window w = C.window;
  Stored in(C.in), out(C.out), addend(C.addend);
  in.Randomise();
  in.ZeroBorder(w, C.out);
  if (Shape::kHasAddend) addend.Randomise();
  const std::vector<float> weights =
      RandomFloats(static_cast<size_t>(C.out.channels) * Shape::kSteps);
  const std::vector<float> bias = RandomFloats(static_cast<size_t>(C.out.channels));
  const std::vector<float> packed = PackConv<C>(weights);
  std::vector<float> packed_bias(static_cast<size_t>(C.groups * Shape::kVectors * C.vector));
  for (int o = 0; o < C.out.channels; ++o) {
    packed_bias[static_cast<size_t>(o / Shape::kOut * Shape::kVectors * C.vector +
                                    o % Shape::kOut)] = bias[static_cast<size_t>(o)];
  }
  for (uint32_t task = 0; task < static_cast<uint32_t>(C.channel_tasks * C.pixel_tasks); ++task) {
    Conv<C, Epilogue>(in.first(), packed.data(), packed_bias.data(), addend.first(), out.first(),
                      task);
  }
  return Compare<Epilogue>(out, [&](int n, int o, int y, int x) {
    Expected sum;
    sum.Add(bias[static_cast<size_t>(o)]);
    if (Shape::kHasAddend) sum.Add(addend.plain[addend.Index(n, o, y, x)]);
    for (int i = 0; i < Shape::kIn; ++i) {
      for (int kh = 0; kh < w.height; ++kh) {
        for (int kw = 0; kw < w.width; ++kw) {
          const int iy = y * w.stride_h - w.pad_top + kh * w.dilation_h;
          const int ix = x * w.stride_w - w.pad_left + kw * w.dilation_w;
          if (iy < 0 || iy >= C.in.height || ix < 0 || ix >= C.in.width) continue;
          sum.Add(
              in.plain[in.Index(n, o / Shape::kOut * Shape::kIn + i, iy, ix)],
              weights[static_cast<size_t>(((o * Shape::kIn + i) * w.height + kh) * w.width + kw)]);
        }
      }
    }
    return sum;
  });
}

template <DepthwiseConfig C, class Epilogue>
std::string CheckDepthwise() {
  const Window w = C.window;
  constexpr int kN = C.vector;
  Stored in(C.in), out(C.out);
  in.Randomise();
  in.ZeroBorder(w, C.out);
  const int taps = w.height * w.width;
  const std::vector<float> weights = RandomFloats(static_cast<size_t>(C.out.channels * taps));
  const size_t padded = static_cast<size_t>(C.out.Vectors(kN) * kN);
  std::vector<float> packed(padded * taps), bias(padded);
  for (int c = 0; c < C.out.channels; ++c) {
    bias[static_cast<size_t>(c)] = Random();
    for (int k = 0; k < taps; ++k) {
      packed[static_cast<size_t>((c / kN * taps + k) * kN + c % kN)] =
          weights[static_cast<size_t>(c * taps + k)];
    }
  }
  for (uint32_t task = 0; task < static_cast<uint32_t>(C.channel_tasks * C.pixel_tasks); ++task) {
    Depthwise<C, Epilogue>(in.first(), packed.data(), bias.data(), out.first(), task);
  }
  return Compare<Epilogue>(out, [&](int n, int c, int y, int x) {
    Expected sum;
    sum.Add(bias[static_cast<size_t>(c)]);
    for (int k = 0; k < taps; ++k) {
      const int iy = y * w.stride_h - w.pad_top + k / w.width * w.dilation_h;
      const int ix = x * w.stride_w - w.pad_left + k % w.width * w.dilation_w;
      if (iy < 0 || iy >= C.in.height || ix < 0 || ix >= C.in.width) continue;
      sum.Add(in.plain[in.Index(n, c, iy, ix)], weights[static_cast<size_t>(c * taps + k)]);
    }
    return sum;
  });
}

template <PoolConfig C, class Epilogue>
std::string CheckPool() {
  const Window w = C.window;
  Stored in(C.in), out(C.out);
  in.Randomise();
  for (uint32_t task = 0; task < static_cast<uint32_t>(C.channel_tasks * C.pixel_tasks); ++task) {
    Pool<C, Epilogue>(in.first(), out.first(), task);
  }
  return Compare<Epilogue>(out, [&](int n, int c, int y, int x) {
    Expected sum;
    double most = -INFINITY;
    int count = 0;
    for (int k = 0; k < w.height * w.width; ++k) {
      const int iy = y * w.stride_h - w.pad_top + k / w.width * w.dilation_h;
      const int ix = x * w.stride_w - w.pad_left + k % w.width * w.dilation_w;
      if (iy < 0 || iy >= C.in.height || ix < 0 || ix >= C.in.width) continue;
      const double value = in.plain[in.Index(n, c, iy, ix)];
      sum.Add(value);
      most = value > most ? value : most;
      ++count;
    }
    if (C.kind == PoolKind::kMax) {
      sum.value = count > 0 ? most : 0;
      return sum;
    }
    const int divisor = C.kind == PoolKind::kAverage ? (count > 0 ? count : 1) : w.height * w.width;
    sum.value /= divisor;
    sum.magnitude /= divisor;
    return sum;
  });
}

template <GlobalPoolConfig C, class Epilogue>
std::string CheckGlobalAverage() {
  Stored in(C.in), out(C.out);
  in.Randomise();
  for (uint32_t task = 0; task < static_cast<uint32_t>(C.channel_tasks); ++task) {
    GlobalAverage<C, Epilogue>(in.first(), out.first(), task);
  }
  return Compare<Epilogue>(out, [&](int n, int c, int, int) {
    Expected sum;
    for (int i = 0; i < C.in.height * C.in.width; ++i) {
      sum.Add(in.plain[in.Index(n, c, i / C.in.width, i % C.in.width)],
              1.0 / (C.in.height * C.in.width));
    }
    return sum;
  });
}

template <BlockedConfig C, class Epilogue>
std::string CheckBlocked() {
  Stored a(C.a), b(C.b), sum(C.out), affine(C.out), map(C.out);
  a.Randomise();
  b.Randomise();
  const size_t padded = static_cast<size_t>(C.out.Vectors(C.vector) * C.vector);
  const std::vector<float> scale = RandomFloats(padded), shift = RandomFloats(padded);
  for (uint32_t task = 0; task < static_cast<uint32_t>(C.tasks); ++task) {
    BlockedSum<C, Epilogue>(a.first(), b.first(), sum.first(), task);
    BlockedAffine<C, Epilogue>(a.first(), scale.data(), shift.data(), affine.first(), task);
    BlockedMap<C, Epilogue>(a.first(), map.first(), task);
  }
  std::string error = Compare<Epilogue>(sum, [&](int n, int c, int y, int x) {
    Expected want;
    want.Add(a.plain[a.Index(n, c, y, x)]);
    want.Add(b.plain[b.Index(n, c, y, x)]);
    return want;
  });
  if (!error.empty()) return "sum " + error;
  error = Compare<Epilogue>(affine, [&](int n, int c, int y, int x) {
    Expected want;
    want.Add(a.plain[a.Index(n, c, y, x)], scale[static_cast<size_t>(c)]);
    want.Add(shift[static_cast<size_t>(c)]);
    return want;
  });
  if (!error.empty()) return "affine " + error;
  error = Compare<Epilogue>(map, [&](int n, int c, int y, int x) {
    Expected want;
    want.Add(a.plain[a.Index(n, c, y, x)]);
    return want;
  });
  return error.empty() ? error : "map " + error;
}

// G g G^T of a 3x3 kernel for F(size x size, 3 x 3), row-major, in double.
std::vector<double> TransformKernel(const float* g, int size) {
  static const double kSmall[4][3] = {{1, 0, 0}, {.5, .5, .5}, {.5, -.5, .5}, {0, 0, 1}};
  static const double kLarge[6][3] = {{.25, 0, 0},
                                      {-1. / 6, -1. / 6, -1. / 6},
                                      {-1. / 6, 1. / 6, -1. / 6},
                                      {1. / 24, 1. / 12, 1. / 6},
                                      {1. / 24, -1. / 12, 1. / 6},
                                      {0, 0, 1}};
  const double(*m)[3] = size == 2 ? kSmall : kLarge;
  std::vector<double> result;
  for (int y = 0; y < size + 2; ++y) {
    for (int x = 0; x < size + 2; ++x) {
      double sum = 0;
      for (int i = 0; i < 9; ++i) sum += m[y][i / 3] * g[i] * m[x][i % 3];
      result.push_back(sum);
    }
  }
  return result;
}

template <WinogradConfig C>
std::vector<float> PackWinograd(const std::vector<float>& weights) {
  using Shape = WinogradShape<C>;
  std::vector<float> packed;
  for (int part = 0; part < Shape::kVectorSplit.parts; ++part) {
    const int first = Shape::kVectorSplit.Begin(part) * C.vector;
    const int width = Shape::kVectorSplit.Size(part) * C.vector;
    for (int k = 0; k < Shape::kPositions; ++k) {
      for (int i = 0; i < C.in.channels; ++i) {
        for (int o = first; o < first + width; ++o) {
          packed.push_back(o < C.out.channels
                               ? static_cast<float>(TransformKernel(
                                     &weights[static_cast<size_t>((o * C.in.channels + i) * 9)],
                                     C.size)[static_cast<size_t>(k)])
                               : 0.0f);
        }
      }
    }
  }
  return packed;
}

template <WinogradConfig C, class Epilogue>
std::string CheckWinograd() {
  using Shape = WinogradShape<C>;
  Stored in(C.in), out(C.out), addend(C.addend);
  in.Randomise();
  // Whole tiles are read, so zero reaches to the end of the last.
  View reached = C.out;
  reached.height = Shape::kTileRows * C.size;
  reached.width = Shape::kTileColumns * C.size;
  in.ZeroBorder({3, 3, 1, 1, 1, 1, C.pad_top, C.pad_left}, reached);
  if (C.addend.channels > 0) addend.Randomise();
  const std::vector<float> weights =
      RandomFloats(static_cast<size_t>(C.out.channels * C.in.channels * 9));
  const std::vector<float> packed = PackWinograd<C>(weights);
  std::vector<float> bias(static_cast<size_t>(C.out.Vectors(C.vector) * C.vector));
  for (int o = 0; o < C.out.channels; ++o) bias[static_cast<size_t>(o)] = Random();
  std::vector<float> scratch(static_cast<size_t>(Shape::kImageFloats * C.in.batch), NAN);
  for (uint32_t task = 0; task < static_cast<uint32_t>(C.tile_tasks); ++task) {
    WinogradInput<C>(in.first(), scratch.data(), task);
  }
  for (uint32_t task = 0; task < static_cast<uint32_t>(C.channel_tasks * C.tile_tasks); ++task) {
    WinogradProduct<C, Epilogue>(scratch.data(), packed.data(), bias.data(), addend.first(),
                                 out.first(), task);
  }
  return Compare<Epilogue>(out, [&](int n, int o, int y, int x) {
    Expected sum;
    sum.Add(bias[static_cast<size_t>(o)]);
    if (C.addend.channels > 0) sum.Add(addend.plain[addend.Index(n, o, y, x)]);
    for (int i = 0; i < C.in.channels; ++i) {
      for (int k = 0; k < 9; ++k) {
        const int iy = y - C.pad_top + k / 3, ix = x - C.pad_left + k % 3;
        if (iy < 0 || iy >= C.in.height || ix < 0 || ix >= C.in.width) continue;
        sum.Add(in.plain[in.Index(n, i, iy, ix)],
                weights[static_cast<size_t>((o * C.in.channels + i) * 9 + k)]);
      }
    }
    // The transforms lose bits: a few sums of the direct bound more.
    sum.magnitude *= C.size == 2 ? 4 : 16;
    return sum;
  });
}

// Plain to blocked with its halo set and padding channels zero, and back.
template <View kPlain, View kBlocked, Halo kHalo, int kTasks>
std::string CheckReorder() {
  Stored plain(kPlain), blocked(kBlocked), back(kPlain);
  plain.Randomise();
  constexpr ReorderConfig kTo = {.in = kPlain, .out = kBlocked, .tasks = kTasks};
  constexpr ReorderConfig kFrom = {.in = kBlocked, .out = kPlain, .tasks = kTasks};
  for (uint32_t task = 0; task < kTasks; ++task)
    ToBlocked<kTo>(plain.first(), blocked.first(), task);
  const auto same = [&](int n, int c, int y, int x) {
    Expected want;
    want.value = plain.plain[plain.Index(n, c, y, x)];
    return want;
  };
  std::string error = Compare<activation::Identity>(blocked, same);
  if (!error.empty()) return "to blocked " + error;
  FillHalo<kBlocked, kHalo>(blocked.first(), 0.0f);
  for (int n = 0; n < kBlocked.batch; ++n) {
    for (int c = 0; c < kBlocked.Vectors(kVectorFloats) * kVectorFloats; ++c) {
      for (int y = -kHalo.top; y < kBlocked.height + kHalo.bottom; ++y) {
        for (int x = -kHalo.left; x < kBlocked.width + kHalo.right; ++x) {
          const bool real = c < kBlocked.channels && y >= 0 && y < kBlocked.height && x >= 0 &&
                            x < kBlocked.width;
          const float want = real ? plain.plain[plain.Index(n, c, y, x)] : 0.0f;
          if (*blocked.At(n, c, y, x) != want) return "halo or padding channel is not zero";
        }
      }
    }
  }
  for (uint32_t task = 0; task < kTasks; ++task)
    FromBlocked<kFrom>(blocked.first(), back.first(), task);
  error = Compare<activation::Identity>(back, same);
  return error.empty() ? error : "from blocked " + error;
}

template <int kLength, int kRows, int kTasks>
std::string CheckSoftmax() {
  const View matrix = Framed(kLength, 1, kRows, kLength, {}, 1);
  Stored in(matrix), out(matrix);
  in.Randomise();
  for (uint32_t task = 0; task < kTasks; ++task) {
    SoftmaxRows<kLength, kRows, kTasks>(in.first(), out.first(), task);
  }
  return Compare<activation::Identity>(out, [&](int n, int c, int y, int x) {
    Expected want;
    double sum = 0;
    for (int i = 0; i < kLength; ++i) sum += exp(in.plain[in.Index(n, i, y, x)]);
    want.Add(exp(in.plain[in.Index(n, c, y, x)]) / sum);
    want.terms = kLength + 6;  // of the exponential and the division
    return want;
  });
}

struct Case {
  const char* text;
  std::string (*check)();
};
#define KEDGE_STRIP(...) __VA_ARGS__
#define KEDGE_CASE(x) {#x, &KEDGE_STRIP x},
const Case kCases[] = {
#include KEDGE_CASES
};

}  // namespace
}  // namespace kedge::kernels

int main() {
  using namespace kedge::kernels;
  int failed = 0;
  for (const Case& one : kCases) {
    const std::string error = one.check();
    if (error.empty()) continue;
    printf("FAIL %s\n  %s\n", one.text, error.c_str());
    ++failed;
  }
  const int count = static_cast<int>(sizeof kCases / sizeof kCases[0]);
  printf("%d of %d configurations agree, vectors of %d floats\n", count - failed, count,
         kVectorFloats);
  return failed == 0 ? 0 : 1;
}
