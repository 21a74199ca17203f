#!/usr/bin/env bash
# The light networks with random instead of constant weights against ONNX Runtime: constant weights hide packing errors.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
peers=$("$KEDGE_SOURCE_DIR/bench/setup_peers.sh") || exit 77
eval "$peers"
export ORT_LIB
exec "$KEDGE_SOURCE_DIR/bench/check_he.sh" "$KEDGE_BIN_DIR/kedge" "$PEERS" "$KEDGE_SOURCE_DIR/../shared/vectors/onnx/light" native
