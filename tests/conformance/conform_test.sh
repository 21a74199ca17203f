#!/usr/bin/env bash
# ONNX's backend cases through `kedge conform`: conform_test.sh native|aarch64
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cases=$KEDGE_SOURCE_DIR/../shared/vectors/onnx
kedge=$KEDGE_BIN_DIR/kedge
if [ ! -d "$cases" ]; then echo "skipped: ../shared not present"; exit 77; fi

# expect WANT ARGUMENTS...: the last line of kedge conform must be WANT, and each refusal must give its reason.
expect() {
  local want=$1 output
  shift
  echo "kedge conform $*"
  output=$("$kedge" conform "$@") || true
  printf '%s\n' "$output" | grep -v '^PASS' || true
  if [ "$(printf '%s\n' "$output" | tail -1)" != "$want" ]; then echo "FAILED: wanted '$want'"; exit 1; fi
  if grep -qE '^REFUSED [^ ]+ *$' <<<"$output"; then echo "FAILED: a refusal without a reason"; exit 1; fi
}

case $1 in
  native)
    expect "42 passed, 0 failed, 16 refused" "$cases/simple" "$cases/pytorch-operator"
    expect "9 passed, 0 failed, 0 refused" "$cases/light" ;;
  aarch64)
    runner=${KEDGE_AARCH64_RUNNER:-$KEDGE_SOURCE_DIR/build/aarch64/bin/kedge-model-run}
    if [ ! -x "$runner" ]; then echo "skipped: $runner is not built (scripts/build aarch64)"; exit 77; fi
    expect "42 passed, 0 failed, 16 refused" "$cases/simple" "$cases/pytorch-operator" --target aarch64 --runner "$runner"
    expect "3 passed, 0 failed, 0 refused" "$cases/light/light_resnet50" "$cases/light/light_squeezenet" \
      "$cases/light/light_shufflenet" --target aarch64 --runner "$runner" ;;
  *) echo "usage: conform_test.sh native|aarch64" >&2; exit 2 ;;
esac
