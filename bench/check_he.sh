#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checks each of ONNX's light networks with He-scaled random weights against ONNX Runtime: real weights
# show what the models' constant ones hide. Prints one line a network; exit status 1 if any differs.
#
# usage: ORT_LIB=libonnxruntime.so check_he.sh KEDGE PEERS LIGHT_DIR [TARGET] [NETWORK...]
#   KEDGE      the kedge program       PEERS   the peers program (../shared/peers)
#   LIGHT_DIR  vectors/onnx/light      TARGET  native; another one must be able to run here
set -eu
kedge=${1:?} peers=${2:?} light=${3:?} target=${4:-native}
shift 3
[ $# -gt 0 ] && shift
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ $# -gt 0 ] || set -- $(cd "$light" && ls -d light_* | sed 's/^light_//')
failed=0
for name in "$@"; do
  rm -rf "$work"/*
  if /usr/bin/python3 "$here/models/he_scale.py" "$light/light_$name/model.onnx" --output "$work/m.onnx" --input "$work/x.npy" &&
    "$kedge" compile "$work/m.onnx" --target "$target" -o "$work/compiled" >"$work/log" 2>&1 &&
    "$kedge" run "$work/compiled" --input 0="$work/x.npy" --output-dir "$work/got" >>"$work/log" 2>&1 &&
    "$peers" run "$work/m.onnx" --engine ort --input 0="$work/x.npy" --output-dir "$work/expected" >>"$work/log" 2>&1 &&
    verdict=$(/usr/bin/python3 "$here/models/compare.py" "$work/expected" "$work/got" 2>&1); then
    echo "PASS $name: $verdict"
  else
    echo "FAIL $name: ${verdict:-$(tail -n 3 "$work/log")}"
    failed=1
  fi
  verdict=
done
exit $failed
