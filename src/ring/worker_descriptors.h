// The descriptors that a worker finds open when it starts; it gets no name, path or environment.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace kedge::ring {

constexpr int kControlDescriptor = 3;  // a socket, ring/handshake.h
constexpr int kModelDescriptor = 4;    // model.so
constexpr int kWeightsDescriptor = 5;  // weights.bin; closed if the model has none

}  // namespace kedge::ring
