// Reads an ONNX model file into a graph.
//
// The file is foreign: nothing in it is trusted. What is read is checked against the limits below,
// names are valid UTF-8, nodes are put in order (a cycle is refused), each node is brought into the
// form of the newest opset (import/opset.cc) and checked against its operator's schema. Shapes are
// those the file declares; pass infer-shapes finds the rest.
//
// Source: the ONNX specification, IR versions 3 to 11, opsets 6 to 21.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "compiler/graph/graph.h"

namespace kedge::compiler {

struct ImportLimits {
  uint64_t file_bytes_max = uint64_t{2} << 30;  // what protobuf allows
  int nodes_max = 50'000;
  int values_max = 200'000;
  size_t name_bytes_max = 512;
  int64_t constant_bytes_max = int64_t{8} << 30;  // all initialisers and constants together
};

struct ImportOptions {
  // Shapes of inputs by name: fixes free dimensions, and may change fixed ones.
  std::map<std::string, Shape> input_shapes;
  // Shapes of all inputs in the model's order; empty: by name only.
  std::vector<Shape> shapes_in_order;
  // The folder that external data must stand below: the model's own. Empty: external data is
  // refused.
  Path external_folder;
  ImportLimits limits;
};

struct ImportedModel {
  Graph graph;
  std::vector<std::string> notes;  // what was assumed, one sentence each
};

// Reads a model from memory. kInvalidArgument for a malformed model or options that name no input,
// kUnimplemented for what the compiler does not support (naming node, operator and domain),
// kResourceExhausted for a limit, and, for external data, kNotFound and kPermissionDenied.
Result<ImportedModel> ImportOnnx(Bytes file, const ImportOptions& options);

// The same from a file; external data stands below the file's folder.
Result<ImportedModel> ImportOnnxFile(const Path& path, ImportOptions options);

}  // namespace kedge::compiler
