// `kedge baseline`: data that is known to be good becomes a baseline.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>

#include "base/flags.h"
#include "cli/command.h"
#include "cli/drift/feature_choice.h"
#include "cli/drift/inference_run.h"
#include "cli/drift/labels.h"
#include "cli/model_source.h"

namespace kedge::cli {

namespace {

constexpr size_t kSamplesLookedAt = 256;

struct BaselineArguments {
  std::string data;
  std::string model;
  std::string root;
  std::string labels;
  std::string classes;
  std::vector<std::string> roles;
  std::vector<std::string> categorical;
  std::string output;
  bool unordered = false;
};

// A table without a model: each column is a feature.
Result<stats::BaselineBuilder> TableBuilder(const DataSet& data,
                                            const BaselineArguments& arguments) {
  const stats::TensorUse table{.name = "table",
                               .dtype = DType::kF64,
                               .shape = Shape{1, static_cast<int64_t>(data.columns.size())},
                               .role = stats::Role::kColumns};
  std::vector<stats::WantedFeature> features;
  for (size_t c = 0; c < data.columns.size(); ++c) {
    const bool categorical = std::find(arguments.categorical.begin(), arguments.categorical.end(),
                                       data.columns[c]) != arguments.categorical.end();
    features.push_back({.name = data.columns[c],
                        .use = {.argument = static_cast<uint32_t>(c)},
                        .categorical = categorical});
  }
  return stats::BaselineBuilder::Make({table}, std::move(features),
                                      {.ordered = !arguments.unordered});
}

// The tensors of one side with some of their values.
void AddTensors(const DataSet& data, stats::Side side, std::vector<KnownTensor>& known) {
  const bool input = side == stats::Side::kInput;
  const std::vector<std::string>& names = input ? data.input_names : data.output_names;
  const auto tensors_of = [input](const DataRow& row) -> const std::vector<Tensor>& {
    return input ? row.inputs : row.outputs;
  };
  for (size_t t = 0; t < tensors_of(data.rows[0]).size(); ++t) {
    KnownTensor& tensor = known.emplace_back();
    tensor.side = side;
    tensor.index = static_cast<uint32_t>(t);
    tensor.name = t < names.size() ? names[t] : (input ? "input" : "output") + std::to_string(t);
    for (size_t i = 0; i < std::min(data.rows.size(), kSamplesLookedAt); ++i) {
      if (t < tensors_of(data.rows[i]).size())
        tensor.samples.push_back(&tensors_of(data.rows[i])[t]);
    }
    if (input && data.rows[0].inputs.size() == 1) tensor.columns = data.columns;
  }
}

Result<stats::BaselineBuilder> TensorBuilder(const DataSet& data,
                                             const BaselineArguments& arguments) {
  std::vector<KnownTensor> known;
  AddTensors(data, stats::Side::kInput, known);
  AddTensors(data, stats::Side::kOutput, known);
  KEDGE_TRY(Choice choice, ChooseFeatures(known, arguments.roles));
  // What compares an inference with the one before says nothing where rows stand in any order.
  if (arguments.unordered) {
    std::erase_if(choice.features, [](const stats::WantedFeature& wanted) {
      return wanted.use.statistic == stats::Statistic::kClassChange ||
             wanted.use.statistic == stats::Statistic::kImageFrameDifference;
    });
  }
  return stats::BaselineBuilder::Make(std::move(choice.tensors), std::move(choice.features),
                                      {.ordered = !arguments.unordered});
}

std::vector<stats::TensorView> ViewsOf(const std::vector<Tensor>& tensors) {
  std::vector<stats::TensorView> views;
  for (const Tensor& tensor : tensors) views.push_back(stats::TensorView::Of(tensor));
  return views;
}

void Print(const stats::Baseline& baseline, const stats::BaselineBuilder& builder) {
  std::printf("%-36s %10s %8s %8s %9s  %s\n", "feature", "values", "nulls", "stride", "tolerance",
              "kind");
  for (const stats::FeatureBaseline& feature : baseline.features) {
    std::printf("%-36s %10llu %8llu %8u %9.3f  %s%s\n", feature.name.c_str(),
                static_cast<unsigned long long>(feature.values()),
                static_cast<unsigned long long>(feature.nulls + feature.nans), feature.stride,
                feature.tolerance, feature.categorical ? "categorical" : "numeric",
                feature.season ? ", by hour of the day" : "");
  }
  for (const stats::BuilderNote& note : builder.notes())
    std::printf("%s: %s\n", note.feature.c_str(), note.text.c_str());
}

Status MakeBaseline(const BaselineArguments& arguments) {
  KEDGE_TRY(DataSet data, ReadData(arguments.data));
  std::vector<std::string> class_names;
  if (!arguments.classes.empty()) {
    KEDGE_TRY(class_names, ReadLines(arguments.classes));
  }
  KEDGE_TRY(Labels labels, ReadLabels(arguments.labels, std::move(class_names), data));
  if (!arguments.model.empty()) {
    KEDGE_TRY(const ModelSource source, OpenModelSource(arguments.model, arguments.root));
    KEDGE_TRY(const auto executor, MakeExecutor(source, {}));
    KEDGE_TRY_STATUS(RunModel(*executor, data));
  }
  const bool table = data.is_table() && arguments.model.empty();
  KEDGE_TRY(stats::BaselineBuilder builder,
            table ? TableBuilder(data, arguments) : TensorBuilder(data, arguments));
  for (size_t i = 0; i < data.rows.size(); ++i) {
    const DataRow& row = data.rows[i];
    KEDGE_TRY_STATUS(table
                         ? builder.ObserveRow(row.cells, row.time_ms)
                         : builder.Observe(ViewsOf(row.inputs), ViewsOf(row.outputs), row.time_ms));
    if (!labels.classes.empty()) builder.Label(labels.classes[i]);
  }
  KEDGE_TRY(const stats::Baseline baseline, builder.Finish(std::move(labels.names)));
  const std::string text = stats::WriteBaseline(baseline);
  PosixFileSystem disk;
  KEDGE_TRY_STATUS(disk.WriteAtomically(arguments.output, AsBytes(text), 0644));
  Print(baseline, builder);
  std::printf("wrote %s, %zu features of %llu rows, id %s\n", arguments.output.c_str(),
              baseline.features.size(), static_cast<unsigned long long>(baseline.rows),
              stats::ToHex(stats::BaselineIdOf(text)).c_str());
  return {};
}

}  // namespace

int Baseline(int argc, const char* const* argv) {
  BaselineArguments arguments;
  Flags flags(argv[0], "Makes a baseline of data that is known to be good (docs/drift.md).");
  flags
      .Option("--data", &arguments.data,
              ".csv, .jsonl or .npy file, folder of .npy files, or captures")
      .Required();
  flags.Option("--model", &arguments.model,
               "compiled folder or package: its outputs are watched too");
  flags.Option("--root", &arguments.root, "trusted certificate, for a package");
  flags.Option("--labels", &arguments.labels,
               "true classes: 'folders', 'column:NAME' or a file with one a line");
  flags.Option("--classes", &arguments.classes, "names of the classes, one a line");
  flags.Option("--role", &arguments.roles,
               "TENSOR=columns|image|embedding|scores|detections|series, if guessed wrong");
  flags.Option("--categorical", &arguments.categorical, "column of a table that is a category");
  flags.Flag("--unordered", &arguments.unordered, "rows do not follow each other in time");
  flags.Option("-o,--output", &arguments.output, "baseline to write").Required();
  if (const auto exit_code = flags.Parse(argc, argv)) return *exit_code;
  const Status status = MakeBaseline(arguments);
  return status ? kExitSuccess : Fail(argv[0], status.error());
}

}  // namespace kedge::cli
