#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the comparison program of ../shared/peers with ONNX Runtime from npm into build/peers (350 MB) and prints the two lines that
# make it usable: eval "$(bench/setup_peers.sh)" sets ORT_LIB and PEERS. Exits 77 where ../shared or npm is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -d ../shared/peers ] || { echo "skipped: ../shared not present" >&2; exit 77; }
command -v npm >/dev/null || { echo "skipped: npm is not installed" >&2; exit 77; }
folder=$PWD/build/peers
mkdir -p "$folder/src"
if [ ! -s "$folder/env.sh" ]; then
  ../shared/peers/setup.sh "$folder" >"$folder/env.sh.new" 2>"$folder/setup.log" || { tail -3 "$folder/setup.log" >&2; exit 77; }
  mv "$folder/env.sh.new" "$folder/env.sh"
fi
cp -f ../shared/peers/*.cc ../shared/peers/*.h ../shared/peers/Makefile "$folder/src/"
make -s -C "$folder/src" >/dev/null
cat "$folder/env.sh"
echo "export PEERS=$folder/src/peers"
