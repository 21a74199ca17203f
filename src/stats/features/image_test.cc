// SPDX-License-Identifier: Apache-2.0
#include "stats/features/image.h"

#include <cmath>
#include <gtest/gtest.h>
#include <random>

namespace kedge::stats {
namespace {

enum Place {
  kMean,
  kContrast,
  kDark,
  kSaturated,
  kLaplacian,
  kVariance,
  kGradientX,
  kGradientY,
  kRed,
  kGreen,
  kBlue,
  kDifference
};

// A grey picture of `side` x `side` with the brightness of a function.
template <class F>
Tensor Grey(int64_t side, const F& brightness) {
  Tensor tensor(DType::kU8, {1, 1, side, side});
  for (int64_t y = 0; y < side; ++y) {
    for (int64_t x = 0; x < side; ++x)
      tensor.As<uint8_t>()[static_cast<size_t>(y * side + x)] =
          static_cast<uint8_t>(brightness(x, y));
  }
  return tensor;
}

std::array<double, kImageStatistics> Of(const Tensor& tensor, const ImageLayout& layout) {
  return ImageStatistics(layout).Compute(TensorView::Of(tensor), 0);
}

TEST(ImageStatistics, OfAFlatPictureAreItsBrightness) {
  const auto values = Of(Grey(32, [](auto, auto) { return 51; }), {.height = 32, .width = 32});
  for (const Place place : {kMean, kRed, kGreen, kBlue}) EXPECT_DOUBLE_EQ(values[place], 0.2);
  for (const Place place :
       {kContrast, kDark, kSaturated, kLaplacian, kVariance, kGradientX, kGradientY})
    EXPECT_DOUBLE_EQ(values[place], 0);
  EXPECT_TRUE(std::isnan(values[kDifference]));
}

TEST(ImageStatistics, OfStripesSeeTheirDirection) {
  const auto upright =
      Of(Grey(32, [](auto x, auto) { return x % 2 * 255; }), {.height = 32, .width = 32});
  EXPECT_DOUBLE_EQ(upright[kMean], 0.5);
  EXPECT_DOUBLE_EQ(upright[kContrast], 0.5);
  EXPECT_DOUBLE_EQ(upright[kDark], 0.5);
  EXPECT_DOUBLE_EQ(upright[kSaturated], 0.5);
  EXPECT_DOUBLE_EQ(upright[kGradientX], 1);
  EXPECT_DOUBLE_EQ(upright[kGradientY], 0);
  EXPECT_DOUBLE_EQ(upright[kLaplacian], 2);
  const auto lying =
      Of(Grey(32, [](auto, auto y) { return y % 2 * 255; }), {.height = 32, .width = 32});
  EXPECT_DOUBLE_EQ(lying[kGradientX], 0);
  EXPECT_DOUBLE_EQ(lying[kGradientY], 1);
}

// Dimming lowers the mean, blur the edges; noise raises them.
TEST(ImageStatistics, TellBlurNoiseAndDimmingApart) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> noise(0, 12);
  const auto scene = [](auto x, auto y) { return (x / 8 + y / 8) % 2 == 0 ? 200.0 : 60.0; };
  const auto blurred = [&](auto x, auto y) {
    double sum = 0;
    for (int64_t dy = -2; dy <= 2; ++dy) {
      for (int64_t dx = -2; dx <= 2; ++dx) sum += scene(x + dx + 8, y + dy + 8);
    }
    return sum / 25;
  };
  const ImageLayout layout{.height = 64, .width = 64};
  const auto sharp = Of(Grey(64, scene), layout);
  const auto blur = Of(Grey(64, blurred), layout);
  const auto dim = Of(Grey(64, [&](auto x, auto y) { return scene(x, y) * 0.7; }), layout);
  const auto noisy = Of(
      Grey(64, [&](auto x, auto y) { return std::clamp(scene(x, y) + noise(random), 0.0, 255.0); }),
      layout);
  EXPECT_LT(blur[kVariance], 0.2 * sharp[kVariance]);
  EXPECT_NEAR(blur[kMean], sharp[kMean], 0.02);
  EXPECT_NEAR(dim[kMean], 0.7 * sharp[kMean], 0.01);
  EXPECT_GT(noisy[kLaplacian], 1.3 * sharp[kLaplacian]);
  EXPECT_NEAR(noisy[kMean], sharp[kMean], 0.01);
}

// The same picture in every layout and type gives the same numbers.
TEST(ImageStatistics, DoNotDependOnLayoutOrType) {
  constexpr int64_t kHeight = 20, kWidth = 37;
  std::mt19937_64 random(2);
  Tensor planar(DType::kU8, {1, 3, kHeight, kWidth});
  Tensor interleaved(DType::kU8, {1, kHeight, kWidth, 3});
  Tensor with_alpha(DType::kU8, {1, kHeight, kWidth, 4});
  Tensor numbers(DType::kF32, {1, 3, kHeight, kWidth});
  Tensor numbers_last(DType::kF64, {1, kHeight, kWidth, 3});
  for (size_t c = 0; c < 3; ++c) {
    for (size_t i = 0; i < kHeight * kWidth; ++i) {
      const auto value = static_cast<uint8_t>(random() >> (56 + c));
      planar.As<uint8_t>()[c * kHeight * kWidth + i] = value;
      interleaved.As<uint8_t>()[i * 3 + c] = value;
      with_alpha.As<uint8_t>()[i * 4 + c] = value;
      numbers.As<float>()[c * kHeight * kWidth + i] = static_cast<float>(value) / 127.5F - 1;
      numbers_last.As<double>()[i * 3 + c] = value / 127.5 - 1;
    }
  }
  const ImageLayout nchw{.height = kHeight, .width = kWidth, .channels = 3};
  ImageLayout nhwc = nchw, rgba = nchw, unit = nchw, unit_last = nchw;
  nhwc.channels_last = rgba.channels_last = unit_last.channels_last = true;
  rgba.channels = 4;
  unit.black = unit_last.black = -1;
  unit.white = unit_last.white = 1;
  const auto expected = Of(planar, nchw);
  const std::vector<std::pair<const char*, std::array<double, kImageStatistics>>> others = {
      {"interleaved", Of(interleaved, nhwc)},
      {"alpha", Of(with_alpha, rgba)},
      {"f32", Of(numbers, unit)},
      {"f64 interleaved", Of(numbers_last, unit_last)}};
  for (const auto& [name, values] : others) {
    SCOPED_TRACE(name);
    for (size_t i = 0; i < kDifference; ++i) EXPECT_DOUBLE_EQ(values[i], expected[i]) << i;
  }
}

TEST(ImageStatistics, SeeAFrameThatDiffersFromTheOneBefore) {
  ImageStatistics statistics({.height = 64, .width = 64});
  const Tensor a = Grey(64, [](auto x, auto) { return x; });
  const Tensor b = Grey(64, [](auto x, auto) { return x + 51; });
  EXPECT_TRUE(std::isnan(statistics.Compute(TensorView::Of(a), 0)[kDifference]));
  EXPECT_DOUBLE_EQ(statistics.Compute(TensorView::Of(a), 0)[kDifference], 0);
  EXPECT_DOUBLE_EQ(statistics.Compute(TensorView::Of(b), 0)[kDifference], 0.2);
}

// Of a large picture some rows are looked at only: the numbers are near those of all.
TEST(ImageStatistics, OfALargePictureAreNearThoseOfAllItsRows) {
  std::mt19937_64 random(3);
  const Tensor large = Grey(640, [&](auto x, auto y) {
    return 100 + 50 * std::sin(static_cast<double>(x + 2 * y) / 20) +
           static_cast<double>(random() % 30);
  });
  const auto values = Of(large, {.height = 640, .width = 640});
  double sum = 0;
  for (const uint8_t v : large.As<uint8_t>()) sum += v;
  EXPECT_NEAR(values[kMean], sum / (640 * 640) / 255, 0.01);
  EXPECT_NEAR(values[kGradientX], 10.0 / 255, 0.005);  // mean |difference| of uniform 0..29
}

TEST(ImageStatistics, TakeNanForBlackAndClampTheRest) {
  Tensor tensor(DType::kF32, {1, 1, 4, 4});
  for (float& v : tensor.As<float>()) v = std::numeric_limits<float>::quiet_NaN();
  const ImageLayout layout{.height = 4, .width = 4, .black = 0, .white = 1};
  EXPECT_DOUBLE_EQ(Of(tensor, layout)[kMean], 0);
  for (float& v : tensor.As<float>()) v = 1e30F;
  EXPECT_DOUBLE_EQ(Of(tensor, layout)[kMean], 1);
  for (float& v : tensor.As<float>()) v = -std::numeric_limits<float>::infinity();
  EXPECT_DOUBLE_EQ(Of(tensor, layout)[kMean], 0);
}

}  // namespace
}  // namespace kedge::stats
