// The frameworks that CreateCompilationJob names, and what their archives hold. Only ONNX is
// compiled: a model of another framework is converted to ONNX first, where that framework is
// installed. So that scripts need not change, an archive with an .onnx file is compiled whatever
// framework it is said to come from.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace kedge::server {

// Which of an archive's files (with their folders) is the model to compile. kInvalidArgument in
// Neo's words if the files are not what the framework needs; kUnimplemented, saying how to convert
// it, for a sound archive of a framework other than ONNX.
Result<std::string> FindModel(const std::string& framework, const std::vector<std::string>& files);

// Neo honours a FrameworkVersion with MXNet, PyTorch, TensorFlow and TFLite, and knows some
// versions of each; with other frameworks, or if it is empty, any is accepted. kInvalidArgument
// naming the pair and the versions.
Status CheckFrameworkVersion(const std::string& framework, const std::string& version);

// The error for a model that is a single file and not in ONNX form. kUnimplemented.
Error NotCompiled(const std::string& framework);

}  // namespace kedge::server
