// `kedge drift`: whether data has drifted from a baseline.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "base/flags.h"
#include "cli/command.h"
#include "cli/drift/inference_run.h"
#include "cli/drift/judgement.h"
#include "cli/model_source.h"

namespace kedge::cli {

namespace {

constexpr int kExitDrift = 3;

struct DriftArguments {
  std::string baseline;
  std::string data;
  std::string model;
  std::string root;
  std::string html;
  double fdr = 0.05;
  bool json = false;
};

// Gives whether there is drift.
Result<bool> JudgeFiles(const DriftArguments& arguments) {
  if (!(arguments.fdr > 0 && arguments.fdr < 1))
    return InvalidArgument("--fdr is " + std::to_string(arguments.fdr) + ", not between 0 and 1");
  PosixFileSystem disk;
  KEDGE_TRY(const ByteBuffer text, disk.Read(arguments.baseline, stats::kBaselineBytesMax));
  auto baseline = stats::ParseBaseline(AsText(text));
  if (!baseline) return Wrap(baseline.error(), "'" + arguments.baseline + "'");
  KEDGE_TRY(DataSet data, ReadData(arguments.data));
  if (!arguments.model.empty()) {
    KEDGE_TRY(const ModelSource source, OpenModelSource(arguments.model, arguments.root));
    KEDGE_TRY(const auto executor, MakeExecutor(source, {}));
    KEDGE_TRY_STATUS(RunModel(*executor, data));
  }
  KEDGE_TRY(const DataJudgement judgement,
            Judge(*std::move(baseline), stats::ToHex(stats::BaselineIdOf(AsText(text))), data,
                  arguments.fdr));
  if (!arguments.html.empty()) {
    const std::string html =
        ToHtml(judgement, "Drift of " + Path(arguments.data).filename().string());
    KEDGE_TRY_STATUS(disk.WriteAtomically(arguments.html, AsBytes(html), 0644));
  }
  std::printf("%s", arguments.json ? json::WritePretty(ToJson(judgement)).c_str()
                                   : ToTable(judgement).c_str());
  return judgement.drifted();
}

}  // namespace

int Drift(int argc, const char* const* argv) {
  DriftArguments arguments;
  Flags flags(argv[0],
              "Says whether data has drifted from a baseline. Exit code: 0 no drift, 1 error, 3 "
              "drift (docs/drift.md).");
  flags.Positional("BASELINE", &arguments.baseline, "what 'kedge baseline' wrote").Required();
  flags
      .Positional("DATA", &arguments.data,
                  ".csv, .jsonl or .npy file, folder of .npy files, or captures")
      .Required();
  flags.Option("--model", &arguments.model,
               "compiled folder or package: computes the outputs that the baseline watches");
  flags.Option("--root", &arguments.root, "trusted certificate, for a package");
  flags.Option("--fdr", &arguments.fdr, "share of named features that may be named wrongly (0.05)");
  flags.Flag("--json", &arguments.json, "print JSON");
  flags.Option("--html", &arguments.html, "write a report with pictures to this file");
  if (const auto exit_code = flags.Parse(argc, argv)) return *exit_code;
  const auto drifted = JudgeFiles(arguments);
  if (!drifted) return Fail(argv[0], drifted.error());
  return *drifted ? kExitDrift : kExitSuccess;
}

}  // namespace kedge::cli
