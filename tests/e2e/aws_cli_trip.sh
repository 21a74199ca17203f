#!/usr/bin/env bash
# The whole trip driven by Debian's AWS CLI alone, with the wrong turns a user takes: each must fail with AWS's error and change nothing.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "${KEDGE_SOURCE_DIR:-$(dirname "$0")/../..}"
bin=${KEDGE_BIN_DIR:-$PWD/build/dev/bin}
work=$(mktemp -d)
pids=()
cleanup() {
  local code=$?
  if [ $code -ne 0 ]; then tail -n 20 "$work"/*.log 2>/dev/null || true; fi
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap cleanup EXIT

passed=0
ok() { passed=$((passed + 1)); echo "ok $passed - $1"; }
fail() { echo "FAILED: $1" >&2; exit 1; }
equal() { [ "$2" = "$3" ] && ok "$1" || fail "$1: got '$2', wanted '$3'"; }
aws() { /usr/bin/aws --endpoint-url "$endpoint" "$@"; }
sm() { aws sagemaker "$@"; }
# refused "what" "words of the error" command...
refused() {
  local what=$1 words=$2; shift 2
  if "$@" >"$work/refused.out" 2>&1; then fail "$what: was accepted"; fi
  grep -q -- "$words" "$work/refused.out" || fail "$what: '$words' is not in: $(cat "$work/refused.out")"
  ok "$what is refused: $words"
}
final() {  # final COMMAND...: asks until the status is final, prints it
  local status
  while :; do
    status=$("$@" --output text)
    case "$status" in COMPLETED|FAILED|STOPPED|DEPLOYED) echo "$status"; return ;; esac
  done
}

"$bin/kedge-server" --data "$work/server" --listen 127.0.0.1:0 >"$work/server.out" 2>"$work/server.log" &
pids+=($!)
until grep -q '^listening on' "$work/server.out"; do kill -0 "${pids[0]}" || fail "the server ended"; done
endpoint=$(sed -n 's/^listening on //p' "$work/server.out")
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_REGION=eu-central-1 AWS_DEFAULT_REGION=eu-central-1 AWS_PAGER=
AWS_ACCESS_KEY_ID=$(sed -n 's/^AWS_ACCESS_KEY_ID=//p' "$work/server.out")
AWS_SECRET_ACCESS_KEY=$(sed -n 's/^AWS_SECRET_ACCESS_KEY=//p' "$work/server.out")
role=arn:aws:iam::000000000000:role/kedge-sagemaker

# -- who may ask -------------------------------------------------------------------------------------------------------------
refused "a wrong secret" InvalidSignatureException env AWS_SECRET_ACCESS_KEY=wrong /usr/bin/aws --endpoint-url "$endpoint" sagemaker list-device-fleets
refused "an unknown access key" UnrecognizedClientException env AWS_ACCESS_KEY_ID=AKIDNOBODY /usr/bin/aws --endpoint-url "$endpoint" sagemaker list-device-fleets
refused "a wrong secret for objects" SignatureDoesNotMatch env AWS_SECRET_ACCESS_KEY=wrong /usr/bin/aws --endpoint-url "$endpoint" s3api list-buckets

# -- the model ---------------------------------------------------------------------------------------------------------------
aws s3 mb s3://models >/dev/null
aws s3 cp --quiet examples/shapes/shapes.onnx s3://models/in/shapes.onnx
aws s3 cp --quiet s3://models/in/shapes.onnx "$work/back.onnx"
cmp -s examples/shapes/shapes.onnx "$work/back.onnx" && ok "an object comes back as it was" || fail "the object differs"
compile() {  # name uri extra-output
  sm create-compilation-job --compilation-job-name "$1" --role-arn $role --stopping-condition MaxRuntimeInSeconds=300 \
    --input-config "{\"S3Uri\":\"$2\",\"DataInputConfig\":\"{\\\"image\\\":[1,1,32,32]}\",\"Framework\":\"${3:-ONNX}\"}" \
    --output-config "{\"S3OutputLocation\":\"s3://models/compiled/\",\"TargetPlatform\":{\"Os\":\"LINUX\",\"Arch\":\"${4:-X86_64}\"}}" --output text
}
job() { sm describe-compilation-job --compilation-job-name "$1" --query "$2" --output text; }
refused "a bad name" ValidationException compile bad_name s3://models/in/shapes.onnx
compile shapes s3://models/in/shapes.onnx >/dev/null
equal "the model compiles" "$(final sm describe-compilation-job --compilation-job-name shapes --query CompilationJobStatus)" COMPLETED
refused "a job name again" ResourceInUse compile shapes s3://models/in/shapes.onnx
printf 'this is no model' >"$work/bad.onnx"
aws s3 cp --quiet "$work/bad.onnx" s3://models/in/bad.onnx
compile broken s3://models/in/bad.onnx >/dev/null
equal "a file that is no model fails the job" "$(final sm describe-compilation-job --compilation-job-name broken --query CompilationJobStatus)" FAILED
case "$(job broken FailureReason)" in ClientError*) ok "and the reason is a ClientError" ;; *) fail "reason: $(job broken FailureReason)" ;; esac
compile missing s3://models/in/nothing.onnx >/dev/null
equal "an object that is not there fails the job" "$(final sm describe-compilation-job --compilation-job-name missing --query CompilationJobStatus)" FAILED
tar -C examples/shapes -czf "$work/shapes.tar.gz" shapes.onnx
aws s3 cp --quiet "$work/shapes.tar.gz" s3://models/in/shapes.tar.gz
compile shapes-arm s3://models/in/shapes.tar.gz ONNX ARM64 >/dev/null
equal "Neo's archive form compiles, for ARM64" "$(final sm describe-compilation-job --compilation-job-name shapes-arm --query CompilationJobStatus)" COMPLETED
refused "an unknown job" "ResourceNotFound\|ValidationException" sm describe-compilation-job --compilation-job-name nobody

# -- the package -------------------------------------------------------------------------------------------------------------
package() {  # job compilation version
  sm create-edge-packaging-job --edge-packaging-job-name "$1" --compilation-job-name "$2" --model-name shapes --model-version "$3" \
    --role-arn $role --output-config S3OutputLocation=s3://models/packages/
}
package pack-1 shapes 1.0
equal "the package is made" "$(final sm describe-edge-packaging-job --edge-packaging-job-name pack-1 --query EdgePackagingJobStatus)" COMPLETED
artifact=$(sm describe-edge-packaging-job --edge-packaging-job-name pack-1 --query ModelArtifact --output text)
equal "its name" "$artifact" s3://models/packages/shapes-1.0.tar.gz
aws s3 cp --quiet "$artifact" "$work/package.tar.gz"
tar -tzf "$work/package.tar.gz" >"$work/names"
grep -q '^sagemaker_edge_manifest$' "$work/names" && ok "tar reads it" || fail "no manifest in the package"
package pack-arm shapes-arm 1.1
equal "the ARM package is made" "$(final sm describe-edge-packaging-job --edge-packaging-job-name pack-arm --query EdgePackagingJobStatus)" COMPLETED

# -- the fleet ---------------------------------------------------------------------------------------------------------------
sm create-device-fleet --device-fleet-name fleet --role-arn $role --output-config S3OutputLocation=s3://models/captures/
refused "a fleet name again" ResourceInUse sm create-device-fleet --device-fleet-name fleet --role-arn $role --output-config S3OutputLocation=s3://models/captures/
refused "an unknown fleet" "ValidationException.*No devicefleet with name" sm describe-device-fleet --device-fleet-name nobody
refused "a fleet name with an underscore" "ValidationException.*deviceFleetName" sm describe-device-fleet --device-fleet-name a_b
sm register-devices --device-fleet-name fleet --devices DeviceName=d1 DeviceName=d2,Description=second
equal "two devices are registered" "$(sm list-devices --device-fleet-name fleet --query 'length(DeviceSummaries)' --output text)" 2
refused "deleting a fleet with devices" ResourceInUse sm delete-device-fleet --device-fleet-name fleet
"$bin/kedge" device enroll --endpoint-url "$endpoint" --fleet fleet --device d1 -o "$work/device" >/dev/null
/usr/bin/python3 - "$work/device/agent.json" <<'PYTHON'
import json, sys
values = json.load(open(sys.argv[1]))
values.update({"kedge_deployment_poll_interval_seconds": 1, "kedge_heartbeat_interval_seconds": 1})
json.dump(values, open(sys.argv[1], "w"))
PYTHON
key() { /usr/bin/python3 -c "import json,sys; print(json.load(open('$work/device/credentials.json'))['$1'])"; }
as_device() { AWS_ACCESS_KEY_ID=$(key access_key_id) AWS_SECRET_ACCESS_KEY=$(key secret_access_key) /usr/bin/aws --endpoint-url "$endpoint" "$@"; }
refused "a device's key for an operator's call" AccessDenied as_device sagemaker list-device-fleets
refused "a device's key for another device" AccessDenied as_device sagemaker-edge get-deployments --device-name d2 --device-fleet-name fleet
refused "a device's key for a package not assigned to it" "AccessDenied\|Forbidden" as_device s3 cp "$artifact" "$work/stolen"
as_device sagemaker-edge get-device-registration --device-name d1 --device-fleet-name fleet >/dev/null && ok "a device's key for itself"

# -- the deployment ----------------------------------------------------------------------------------------------------------
"$bin/kedge-agent" -a "$work/agent.sock" -c "$work/device/agent.json" 2>"$work/agent.log" &
pids+=($!)
plan() {  # name package
  sm create-edge-deployment-plan --edge-deployment-plan-name "$1" --device-fleet-name fleet \
    --model-configs "ModelHandle=shapes,EdgePackagingJobName=$2" --stages "[{\"StageName\":\"s\",\"DeviceSelectionConfig\":
    {\"DeviceSubsetType\":\"SELECTION\",\"DeviceNames\":[\"d1\"]},\"DeploymentConfig\":{\"FailureHandlingPolicy\":\"ROLLBACK_ON_FAILURE\"}}]" --output text >/dev/null
}
stage() { final sm describe-edge-deployment-plan --edge-deployment-plan-name "$1" --query 'Stages[0].DeploymentStatus.StageStatus'; }
predict() { /usr/bin/python3 examples/client/predict.py --socket "$work/agent.sock" --model shapes --input image="$work/t.npy" --labels circle,square,triangle,cross; }
refused "a plan for an unknown package" "ValidationException\|ResourceNotFound" plan nothing nobody
plan plan-1 pack-1
sm start-edge-deployment-stage --edge-deployment-plan-name plan-1 --stage-name s
equal "the stage is deployed" "$(stage plan-1)" DEPLOYED
/usr/bin/python3 examples/shapes/shapes.py picture triangle 7 "$work/t.npy"
case "$(predict)" in triangle*) ok "the model sees a triangle" ;; *) fail "wrong class: $(predict)" ;; esac
plan plan-arm pack-arm
sm start-edge-deployment-stage --edge-deployment-plan-name plan-arm --stage-name s
equal "a package for another architecture fails its stage" "$(stage plan-arm)" FAILED
case "$(predict)" in triangle*) ok "and the old model goes on answering" ;; *) fail "the old model is gone" ;; esac
equal "the device reports its model" "$(sm describe-device --device-fleet-name fleet --device-name d1 --query 'Models[0].[ModelName,ModelVersion]' --output text | tr '\t' ' ')" "shapes 1.0"

# -- stopping and removing -----------------------------------------------------------------------------------------------------
refused "stopping an unknown packaging job" "ResourceNotFound\|ValidationException" sm stop-edge-packaging-job --edge-packaging-job-name nobody
sm deregister-devices --device-fleet-name fleet --device-names d2
equal "one device is left" "$(sm list-devices --device-fleet-name fleet --query 'DeviceSummaries[].DeviceName' --output text)" d1
aws s3 rm --quiet s3://models/in/bad.onnx
equal "an object is removed" "$(aws s3api list-objects-v2 --bucket models --prefix in/bad --query 'length(Contents || `[]`)' --output text)" 0
echo "$passed checks passed"
