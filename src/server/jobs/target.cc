// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/target.h"

#include <algorithm>
#include <array>

namespace kedge::server {
namespace {

constexpr std::string_view kX86Targets[] = {"x86-64-v2", "x86-64-v3", "x86-64-v4"};
constexpr std::string_view kArmTarget = "aarch64";

struct DeviceTarget {
  std::string_view device;
  std::string_view target;
};
// Devices whose CPU one of our targets fits. Those with an accelerator run on their CPU.
constexpr DeviceTarget kDevices[] = {
    {"lambda", "x86-64-v3"},      {"ml_m4", "x86-64-v3"},    {"ml_c4", "x86-64-v3"},
    {"ml_m5", "x86-64-v4"},       {"ml_c5", "x86-64-v4"},    {"ml_m6g", "aarch64"},
    {"ml_c6g", "aarch64"},        {"deeplens", "x86-64-v2"}, {"sbe_c", "x86-64-v3"},
    {"jetson_tx1", "aarch64"},    {"jetson_tx2", "aarch64"}, {"jetson_nano", "aarch64"},
    {"jetson_xavier", "aarch64"}, {"rasp4b", "aarch64"},     {"imx8qm", "aarch64"},
    {"imx8mplus", "aarch64"},     {"rk3399", "aarch64"},     {"aisage", "aarch64"},
};

struct CpuTarget {
  std::string_view cpu;
  std::string_view target;
};
// Values of `mcpu` and members of `mattr` that choose a level of x86-64.
constexpr CpuTarget kCpus[] = {
    {"nehalem", "x86-64-v2"},
    {"westmere", "x86-64-v2"},
    {"silvermont", "x86-64-v2"},
    {"haswell", "x86-64-v3"},
    {"core-avx2", "x86-64-v3"},
    {"broadwell", "x86-64-v3"},
    {"skylake", "x86-64-v3"},
    {"znver1", "x86-64-v3"},
    {"znver2", "x86-64-v3"},
    {"znver3", "x86-64-v3"},
    {"skylake-avx512", "x86-64-v4"},
    {"cascadelake", "x86-64-v4"},
    {"icelake-server", "x86-64-v4"},
    {"sapphirerapids", "x86-64-v4"},
    {"znver4", "x86-64-v4"},
    {"+avx2", "x86-64-v3"},
    {"+avx512f", "x86-64-v4"},
    {"+sse4.2", "x86-64-v2"},
    {"+neon", "aarch64"},
    {"cortex-a53", "aarch64"},
    {"cortex-a72", "aarch64"},
    {"cortex-a76", "aarch64"},
};

bool IsArm(std::string_view target) { return target == kArmTarget; }

Result<JobTarget> PlatformTarget(const json::Value& platform) {
  const std::string os = platform.StringOr("Os", "");
  const std::string arch = platform.StringOr("Arch", "");
  const std::string accelerator = platform.StringOr("Accelerator", "");
  const std::string label = os + "_" + arch + (accelerator.empty() ? "" : "_" + accelerator);
  if (!accelerator.empty()) {
    return InvalidArgument("TargetPlatform " + label + " is not supported: no accelerator is");
  }
  if (os == "LINUX" && arch == "X86_64") return JobTarget{"x86-64-v3", label};
  if (os == "LINUX" && arch == "ARM64") return JobTarget{std::string(kArmTarget), label};
  return InvalidArgument("TargetPlatform " + label +
                         " is not supported; LINUX_X86_64 and LINUX_ARM64 are");
}

Result<JobTarget> NamedDeviceTarget(const std::string& device) {
  for (const DeviceTarget& known : kDevices) {
    if (known.device == device) return JobTarget{std::string(known.target), device};
  }
  return InvalidArgument("TargetDevice " + device + " is not supported");
}

// What the options ask for, or nothing.
Result<std::string> OptionTarget(const json::Value& options) {
  if (const json::Value* named = options.Find("target")) {
    const std::string text = named->AsString() != nullptr ? *named->AsString() : "";
    if (text == kArmTarget ||
        std::find(std::begin(kX86Targets), std::end(kX86Targets), text) != std::end(kX86Targets)) {
      return text;
    }
    return InvalidArgument("CompilerOptions: target '" + text +
                           "' is unknown; x86-64-v2, x86-64-v3, x86-64-v4 and aarch64 are known");
  }
  std::vector<std::string> wanted;
  if (const std::string cpu = options.StringOr("mcpu", ""); !cpu.empty()) wanted.push_back(cpu);
  if (const json::Value* list = options.Find("mattr"); list != nullptr && list->AsArray()) {
    for (const json::Value& item : *list->AsArray()) {
      if (item.AsString() != nullptr) wanted.push_back(*item.AsString());
    }
  }
  std::string target;  // the highest one named; unknown words are for other compilers
  for (const std::string& word : wanted) {
    for (const CpuTarget& known : kCpus) {
      if (known.cpu == word) target = std::max(target, std::string(known.target));
    }
  }
  return target;
}

}  // namespace

Result<json::Value> ParseLenientJson(const std::string& text) {
  auto value = json::Parse(text);
  if (value) return value;
  std::string quoted = text;
  std::replace(quoted.begin(), quoted.end(), '\'', '"');
  auto second = json::Parse(quoted);
  return second ? std::move(second) : std::move(value);
}

Result<JobTarget> ResolveTarget(const json::Value& output_config) {
  const json::Value* platform = output_config.Find("TargetPlatform");
  const std::string device = output_config.StringOr("TargetDevice", "");
  if ((platform != nullptr) == !device.empty()) {
    return InvalidArgument("exactly one of TargetDevice and TargetPlatform must be given");
  }
  KEDGE_TRY(JobTarget target,
            platform != nullptr ? PlatformTarget(*platform) : NamedDeviceTarget(device));
  const std::string options_text = output_config.StringOr("CompilerOptions", "");
  if (options_text.empty()) return target;
  const auto options = ParseLenientJson(options_text);
  if (!options || options->AsObject() == nullptr) {
    return InvalidArgument("CompilerOptions is not a JSON object");
  }
  KEDGE_TRY(const std::string chosen, OptionTarget(*options));
  if (chosen.empty()) return target;
  if (IsArm(chosen) != IsArm(target.target)) {
    return InvalidArgument("CompilerOptions choose " + chosen + ", which " + target.label +
                           " does not run");
  }
  target.target = chosen;
  return target;
}

}  // namespace kedge::server
