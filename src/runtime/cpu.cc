// What this machine's processor can do, by the names that compiled models use.
//
// The names are those of /proc/cpuinfo, but the answers come from CPUID (with the operating
// system's consent in XCR0, as the compiler's run-time library checks it) and from the auxiliary
// vector: no file is read, and under an emulator the answer is the emulated processor's.
//
// Sources: x86-64 psABI section 3.1.1 (micro-architecture levels); Linux
// Documentation/arch/arm64/elf_hwcaps.rst.
// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <string_view>
#if defined(__aarch64__)
#include <sys/auxv.h>
#else
#include <cpuid.h>
#endif

#include "runtime/session.h"

namespace kedge::runtime {

namespace {

struct Feature {
  std::string_view name;
  bool present;
};

#if defined(__x86_64__)

// CPUID leaf 1; clang has no name for it.
bool HasCompareExchange16() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_CMPXCHG16B) != 0;
}

auto CpuFeatures() {
  __builtin_cpu_init();
  return std::to_array<Feature>({
      {"fpu", true},
      {"cmov", true},
      {"sse", true},
      {"sse2", true},
      {"pni", __builtin_cpu_supports("sse3") != 0},
      {"ssse3", __builtin_cpu_supports("ssse3") != 0},
      {"cx16", HasCompareExchange16()},
      {"sse4_1", __builtin_cpu_supports("sse4.1") != 0},
      {"sse4_2", __builtin_cpu_supports("sse4.2") != 0},
      {"popcnt", __builtin_cpu_supports("popcnt") != 0},
      {"movbe", __builtin_cpu_supports("movbe") != 0},
      {"abm", __builtin_cpu_supports("lzcnt") != 0},
      {"f16c", __builtin_cpu_supports("f16c") != 0},
      {"fma", __builtin_cpu_supports("fma") != 0},
      {"avx", __builtin_cpu_supports("avx") != 0},
      {"avx2", __builtin_cpu_supports("avx2") != 0},
      {"bmi1", __builtin_cpu_supports("bmi") != 0},
      {"bmi2", __builtin_cpu_supports("bmi2") != 0},
      {"avx512f", __builtin_cpu_supports("avx512f") != 0},
      {"avx512cd", __builtin_cpu_supports("avx512cd") != 0},
      {"avx512bw", __builtin_cpu_supports("avx512bw") != 0},
      {"avx512dq", __builtin_cpu_supports("avx512dq") != 0},
      {"avx512vl", __builtin_cpu_supports("avx512vl") != 0},
      {"avx512vbmi", __builtin_cpu_supports("avx512vbmi") != 0},
      {"avx512_vbmi2", __builtin_cpu_supports("avx512vbmi2") != 0},
      {"avx512_vnni", __builtin_cpu_supports("avx512vnni") != 0},
      {"avx512_bf16", __builtin_cpu_supports("avx512bf16") != 0},
      {"avx512_fp16", __builtin_cpu_supports("avx512fp16") != 0},
      {"avx_vnni", __builtin_cpu_supports("avxvnni") != 0},
  });
}

#elif defined(__aarch64__)

auto CpuFeatures() {
  const unsigned long hwcap = ::getauxval(AT_HWCAP);
  const unsigned long hwcap2 = ::getauxval(AT_HWCAP2);
  const auto bit = [](unsigned long word, int n) { return (word >> n & 1) != 0; };
  return std::to_array<Feature>({
      {"fp", bit(hwcap, 0)},
      {"asimd", bit(hwcap, 1)},
      {"atomics", bit(hwcap, 8)},
      {"fphp", bit(hwcap, 9)},
      {"asimdhp", bit(hwcap, 10)},
      {"asimddp", bit(hwcap, 20)},
      {"sve", bit(hwcap, 22)},
      {"sve2", bit(hwcap2, 1)},
      {"i8mm", bit(hwcap2, 13)},
      {"bf16", bit(hwcap2, 14)},
  });
}

#endif

}  // namespace

std::vector<std::string> MissingCpuFeatures(const std::string& space_separated) {
  const auto features = CpuFeatures();
  std::vector<std::string> missing;
  std::string_view rest = space_separated;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(' '), rest.size());
    const std::string_view name = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    bool present = name.empty();
    for (const Feature& feature : features) present |= feature.name == name && feature.present;
    if (!present) missing.emplace_back(name);
  }
  return missing;
}

std::string NativeTarget() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4")) return "x86-64-v4";
  if (__builtin_cpu_supports("x86-64-v3")) return "x86-64-v3";
  return "x86-64-v2";
#else
  return "aarch64";
#endif
}

}  // namespace kedge::runtime
