// What a model is, without compiling it: for `kedge inspect`.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "base/file.h"
#include "base/json/json.h"
#include "tensor/shape.h"

namespace kedge::compiler {

// {"format": "ONNX", "model_hash", "inputs", "outputs" as in report.json (a shape that only
// compiling would tell is missing), "parameters": elements of all constants, "operators": {name:
// count} by name, "notes": what the import assumed}. Errors: those of ImportOnnxFile.
Result<json::Value> Summarise(const Path& model, const std::map<std::string, Shape>& input_shapes);

}  // namespace kedge::compiler
