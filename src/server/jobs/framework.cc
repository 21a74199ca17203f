// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/framework.h"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace kedge::server {
namespace {

constexpr std::string_view kOnnx = ".onnx";

// One kind of file that an archive must hold once.
struct Needed {
  std::string_view endings[2];  // one or two spellings; the second may be empty
  std::string_view none;        // what to say if there is none
  std::string_view several;     // or several
};

struct Framework {
  std::string_view name;
  Needed needed[2];          // the second may be empty
  std::string_view convert;  // how to make an ONNX file of it
};

// The wording follows Neo's messages where they are public.
constexpr Framework kFrameworks[] = {
    {"TENSORFLOW",
     {{{".pb", ".pbtxt"},
       "Exactly one .pb file is allowed for TensorFlow models, none was provided",
       "Exactly one .pb file is allowed for TensorFlow models, several were provided"}},
     "python -m tf2onnx.convert --saved-model DIR --output model.onnx"},
    {"KERAS",
     {{{".h5", ""}, "No h5 file provided", "Multiple h5 files provided, when only one is allowed"}},
     "python -m tf2onnx.convert --keras model.h5 --output model.onnx"},
    {"MXNET",
     {{{".params", ""},
       "No parameter file provided for MXNet model",
       "Only one parameter file is allowed for MXNet model"},
      {{"-symbol.json", ".json"},
       "No symbol file provided for MXNet model",
       "Only one symbol file is allowed for MXNet model"}},
     "mxnet.onnx.export_model(symbol, params, [shape], [type], 'model.onnx')"},
    {"PYTORCH",
     {{{".pth", ".pt"},
       "No pth file provided for PyTorch model",
       "Only one pth file is allowed for PyTorch model"}},
     "torch.onnx.export(model, example_input, 'model.onnx')"},
    {"XGBOOST",
     {{{".model", ""},
       "No model file provided for XGBoost model",
       "Only one model file is allowed for XGBoost model"}},
     "onnxmltools.convert_xgboost(model, initial_types=[...])"},
    {"TFLITE",
     {{{".tflite", ""},
       "No tflite file provided",
       "Multiple tflite files provided, when only one is allowed"}},
     "python -m tf2onnx.convert --tflite model.tflite --output model.onnx"},
    {"DARKNET",
     {{{".cfg", ""},
       "No cfg file provided for Darknet model",
       "Only one cfg file is allowed for Darknet model"},
      {{".weights", ""},
       "No weights file provided for Darknet model",
       "Only one weights file is allowed for Darknet model"}},
     "a converter of your model's repository that exports ONNX"},
    {"SKLEARN",
     {{{".pkl", ".joblib"},
       "No model file provided for scikit-learn model",
       "Only one model file is allowed for scikit-learn model"}},
     "skl2onnx.to_onnx(model, example_input)"},
};

struct Range {
  int major = -1;
  int minor_min = 0;
  int minor_max = 0;
};
struct Versions {
  std::string_view framework;
  Range ranges[3];  // the last ones may cover nothing
  std::string_view words;
};
constexpr Versions kVersions[] = {
    {"MXNET", {{0, 0, 99}, {1, 0, 8}}, "versions up to 1.8"},
    {"PYTORCH", {{0, 0, 99}, {1, 0, 8}, {1, 12, 12}}, "versions up to 1.8 and 1.12"},
    {"TENSORFLOW", {{1, 15, 15}, {2, 4, 4}, {2, 9, 9}}, "versions 1.15, 2.4 and 2.9"},
    {"TFLITE", {{1, 15, 15}}, "versions 1.15 and its patches"},
};

const Framework* FindFramework(const std::string& name) {
  const auto* found = std::find_if(std::begin(kFrameworks), std::end(kFrameworks),
                                   [&](const Framework& f) { return f.name == name; });
  return found == std::end(kFrameworks) ? nullptr : found;
}

bool Matches(const std::string& file, const Needed& needed) {
  return std::any_of(
      std::begin(needed.endings), std::end(needed.endings),
      [&](std::string_view ending) { return !ending.empty() && file.ends_with(ending); });
}

Status CheckHolds(const Needed& needed, const std::vector<std::string>& files) {
  if (needed.none.empty()) return {};
  const auto count = std::count_if(files.begin(), files.end(),
                                   [&](const std::string& file) { return Matches(file, needed); });
  if (count == 1) return {};
  return InvalidArgument(std::string(count == 0 ? needed.none : needed.several) +
                         ". Please make sure the framework you select is correct.");
}

}  // namespace

Status CheckFrameworkVersion(const std::string& framework, const std::string& version) {
  const auto* honoured =
      std::find_if(std::begin(kVersions), std::end(kVersions),
                   [&](const Versions& of) { return of.framework == framework; });
  if (version.empty() || honoured == std::end(kVersions)) return {};
  const auto covers = [&](const Range& range) {
    int major = -1;
    int minor = -1;
    const char* const end = version.data() + version.size();
    const auto read = std::from_chars(version.data(), end, major);
    if (read.ec != std::errc() || read.ptr == end || *read.ptr != '.') return false;
    const auto rest = std::from_chars(read.ptr + 1, end, minor).ptr;
    return major == range.major && minor >= range.minor_min && minor <= range.minor_max &&
           (rest == end || *rest == '.');
  };
  if (std::any_of(std::begin(honoured->ranges), std::end(honoured->ranges), covers)) return {};
  return InvalidArgument("InputConfig.FrameworkVersion: " + framework + " " + version +
                         " is not supported, " + std::string(honoured->words) + " are");
}

Error NotCompiled(const std::string& framework) {
  const Framework* found = FindFramework(framework);
  return Unimplemented("Framework " + framework +
                       " is not compiled by this server, ONNX is. Convert the model (" +
                       (found != nullptr ? std::string(found->convert) : std::string("to ONNX")) +
                       ") and give a tar.gz with the .onnx file; Framework may stay as it is.");
}

Result<std::string> FindModel(const std::string& framework, const std::vector<std::string>& files) {
  std::vector<std::string> onnx;
  for (const std::string& file : files) {
    if (file.ends_with(kOnnx)) onnx.push_back(file);
  }
  if (onnx.size() == 1) return onnx[0];
  if (onnx.size() > 1 || framework == "ONNX") {
    return InvalidArgument(std::string("Exactly one .onnx file is allowed for ONNX models, ") +
                           (onnx.empty() ? "none was" : "several were") + " provided");
  }
  const Framework* found = FindFramework(framework);
  if (found != nullptr) {
    for (const Needed& needed : found->needed) KEDGE_TRY_STATUS(CheckHolds(needed, files));
  }
  return NotCompiled(framework);
}

}  // namespace kedge::server
