#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Times compiled models against ONNX Runtime, one thread, in turns, and prints the ratio of their times
# (ONNX Runtime / ours: above 1 ours is faster) by least and by median time of a round.
#
# usage: ORT_LIB=libonnxruntime.so run_peers.sh KEDGE PEERS SHARED_DIR [ROUNDS] [MODEL...]
#   KEDGE       the kedge program
#   PEERS       the peers program (SHARED_DIR/peers)
#   SHARED_DIR  holds models/ultraface and vectors/onnx/light
#   MODEL       mobilenet_v1_025_96 resnet8_32 ultraface resnet50 (default: all four)
# As root each side runs at raised priority, which makes a busy machine less of a nuisance.
set -eu
kedge=${1:?} peers=${2:?} shared=${3:?} rounds=${4:-11}
shift 3
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- mobilenet_v1_025_96 resnet8_32 ultraface resnet50
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
/usr/bin/python3 "$here/models/make_models.py" --output "$work" --seed 1
quiet=
[ "$(id -u)" = 0 ] && quiet='nice -n -10'
for name in "$@"; do
  runs=200
  case $name in
    ultraface) cp "$shared/models/ultraface/version-RFB-320.onnx" "$work/ultraface.onnx"; runs=40 ;;
    resnet50)
      runs=10
      /usr/bin/python3 "$here/models/he_scale.py" "$shared/vectors/onnx/light/light_resnet50/model.onnx" --output "$work/resnet50.onnx" ;;
  esac
  "$kedge" compile "$work/$name.onnx" --target native -o "$work/$name.kedge" >/dev/null
  for key in min_us p50_us; do
    printf '%s %s: ' "$name" "$key"
    $quiet "$peers" pair --rounds "$rounds" --key "$key" \
      --a "$peers bench $work/$name.onnx --engine ort --runs $runs --json" \
      --b "$kedge bench $work/$name.kedge --runs $runs --threads 1 --json" | tail -n 1
  done
done
