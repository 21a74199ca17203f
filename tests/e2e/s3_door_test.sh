#!/usr/bin/env bash
# The object store as Debian's AWS CLI sees it: every verb of `aws s3`, and the calls of `aws s3api` below them.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "${KEDGE_SOURCE_DIR:-$(dirname "$0")/../..}"
bin=${KEDGE_BIN_DIR:-$PWD/build/dev/bin}
[ -x "$bin/kedge-server" ] || { echo "skipped: kedge-server is not built"; exit 77; }
[ -x /usr/bin/aws ] || { echo "skipped: /usr/bin/aws is not there"; exit 77; }
work=$(mktemp -d)
server_pid=
cleanup() {
  local code=$?
  if [ $code -ne 0 ]; then tail -n 20 "$work"/*.log 2>/dev/null || true; fi
  if [ -n "$server_pid" ]; then kill "$server_pid" 2>/dev/null || true; wait "$server_pid" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap cleanup EXIT

passed=0
ok() { passed=$((passed + 1)); echo "ok $passed - $1"; }
fail() { echo "FAILED: $1" >&2; exit 1; }
equal() { if [ "$2" = "$3" ]; then ok "$1"; else fail "$1: got '$2', wanted '$3'"; fi; }
same() { if cmp -s "$2" "$3"; then ok "$1"; else fail "$1: '$2' and '$3' differ"; fi; }
aws() { /usr/bin/aws --endpoint-url "$endpoint" "$@"; }
# refused "what" "words of the error" command...
refused() {
  local what=$1 words=$2; shift 2
  if "$@" >"$work/refused.out" 2>&1; then fail "$what: was accepted"; fi
  grep -q -- "$words" "$work/refused.out" || fail "$what: '$words' is not in: $(cat "$work/refused.out")"
  ok "$what is refused: $words"
}
start_server() {
  : >"$work/server.out"
  "$bin/kedge-server" --data "$work/server" --listen "127.0.0.1:${1:-0}" >"$work/server.out" 2>>"$work/server.log" &
  server_pid=$!
  until grep -q '^listening on' "$work/server.out"; do kill -0 "$server_pid" || fail "the server ended"; done
  endpoint=$(sed -n 's/^listening on //p' "$work/server.out")
}

start_server
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_REGION=eu-central-1 AWS_DEFAULT_REGION=eu-central-1 AWS_PAGER= AWS_EC2_METADATA_DISABLED=true
AWS_ACCESS_KEY_ID=$(sed -n 's/^AWS_ACCESS_KEY_ID=//p' "$work/server.out")
AWS_SECRET_ACCESS_KEY=$(sed -n 's/^AWS_SECRET_ACCESS_KEY=//p' "$work/server.out")

head -c 1000 /dev/urandom >"$work/small"
head -c 21000000 /dev/urandom >"$work/large"  # three parts of the CLI's 8 MB
: >"$work/empty"

# -- buckets and single objects ----------------------------------------------------------------------------------------------
aws s3 mb s3://first-bucket >/dev/null
ok "a bucket is made"
refused "a bucket that exists" BucketAlreadyOwnedByYou aws s3api create-bucket --bucket first-bucket \
  --create-bucket-configuration LocationConstraint=eu-central-1
refused "a bucket that does not exist" NoSuchBucket aws s3 cp "$work/small" s3://no-bucket/k
aws s3 cp --quiet "$work/small" "s3://first-bucket/dir/a b+c(1)~é&=.bin"
aws s3 cp --quiet "s3://first-bucket/dir/a b+c(1)~é&=.bin" "$work/back"
same "an object with an awkward name comes back" "$work/small" "$work/back"
aws s3 cp --quiet "$work/empty" s3://first-bucket/empty
aws s3 cp --quiet s3://first-bucket/empty "$work/back"
same "an empty object comes back" "$work/empty" "$work/back"
aws s3 cp --quiet - s3://first-bucket/from-stdin <"$work/small"
aws s3 cp --quiet s3://first-bucket/from-stdin - >"$work/back"
same "standard input and output work" "$work/small" "$work/back"
refused "a missing object" 404 aws s3 cp s3://first-bucket/none "$work/none"

# -- large objects -----------------------------------------------------------------------------------------------------------
aws s3 cp --quiet "$work/large" s3://first-bucket/large
aws s3 cp --quiet s3://first-bucket/large "$work/back"
same "a multipart upload comes back by ranged reads" "$work/large" "$work/back"
etag=$(aws s3api head-object --bucket first-bucket --key large --query ETag --output text)
[[ $etag == *-3\" ]] && ok "its ETag counts three parts" || fail "its ETag is $etag"
aws s3 cp --quiet s3://first-bucket/large s3://first-bucket/copied
aws s3 cp --quiet s3://first-bucket/copied "$work/back"
same "a copy inside the store, by parts" "$work/large" "$work/back"
aws s3 mv --quiet s3://first-bucket/from-stdin s3://first-bucket/moved
aws s3 cp --quiet s3://first-bucket/moved "$work/back"
same "an object is moved" "$work/small" "$work/back"
upload=$(aws s3api create-multipart-upload --bucket first-bucket --key big --query UploadId --output text)
aws s3api upload-part --bucket first-bucket --key big --upload-id "$upload" --part-number 1 --body "$work/small" >/dev/null
equal "parts are listed" "$(aws s3api list-parts --bucket first-bucket --key big --upload-id "$upload" --query 'Parts[0].Size' --output text)" 1000
aws s3api abort-multipart-upload --bucket first-bucket --key big --upload-id "$upload"
refused "a part of an aborted upload" NoSuchUpload aws s3api upload-part --bucket first-bucket --key big \
  --upload-id "$upload" --part-number 1 --body "$work/small"

# -- listings ----------------------------------------------------------------------------------------------------------------
equal "ls shows prefixes and objects" "$(aws s3 ls s3://first-bucket | awk '{print $NF}' | sort | paste -sd' ')" "copied dir/ empty large moved"
equal "ls --recursive shows all" "$(aws s3 ls --recursive s3://first-bucket | wc -l)" 5
equal "a listing in pages is whole" "$(aws s3api list-objects-v2 --bucket first-bucket --page-size 2 --query 'length(Contents)' --output json)" 5
equal "the old listing too" "$(aws s3api list-objects --bucket first-bucket --page-size 2 --query 'length(Contents)' --output json)" 5
equal "buckets are listed" "$(aws s3 ls | awk '{print $NF}' | grep -c '^first-bucket$')" 1

# -- sync, presigned URLs, ranges ---------------------------------------------------------------------------------------------
mkdir -p "$work/tree/sub"
for i in 1 2 3; do echo "$i" >"$work/tree/sub/$i"; done
aws s3 sync --quiet "$work/tree" s3://first-bucket/tree
aws s3 sync --quiet s3://first-bucket/tree "$work/tree-back"
diff -r "$work/tree" "$work/tree-back" >/dev/null && ok "a folder is synced both ways" || fail "the synced folders differ"
url=$(aws s3 presign s3://first-bucket/large --expires-in 300)
curl -sS --noproxy '*' -o "$work/back" "$url"
same "a presigned URL is read by curl" "$work/large" "$work/back"
curl -sS --noproxy '*' -r 1000-1999 -o "$work/back" "$url"
dd if="$work/large" of="$work/want" bs=1000 skip=1 count=1 status=none
same "and a range of it" "$work/want" "$work/back"
equal "for another method the URL is worthless" "$(curl -sS --noproxy '*' -X DELETE -o /dev/null -w '%{http_code}' "$url")" 403
equal "without a signature nothing is given" "$(curl -sS --noproxy '*' -o /dev/null -w '%{http_code}' "${url%%\?*}?X-Amz-Algorithm=AWS4-HMAC-SHA256")" 400
refused "a wrong secret" SignatureDoesNotMatch env AWS_SECRET_ACCESS_KEY=wrong /usr/bin/aws --endpoint-url "$endpoint" s3api list-buckets
refused "an unknown key" InvalidAccessKeyId env AWS_ACCESS_KEY_ID=AKIDNOBODY /usr/bin/aws --endpoint-url "$endpoint" s3api list-buckets

# -- a killed server forgets nothing ---------------------------------------------------------------------------------------------
kill -9 "$server_pid"; wait "$server_pid" 2>/dev/null || true
start_server
aws s3 cp --quiet s3://first-bucket/large "$work/back"
same "an object survives kill -9" "$work/large" "$work/back"

# -- and all goes away -------------------------------------------------------------------------------------------------------
refused "a bucket with objects" BucketNotEmpty aws s3 rb s3://first-bucket
aws s3 rm --quiet s3://first-bucket/moved
aws s3 rm --quiet --recursive s3://first-bucket
equal "rm --recursive empties it" "$(aws s3 ls --recursive s3://first-bucket | wc -l)" 0
aws s3 rb s3://first-bucket >/dev/null
ok "the empty bucket is removed"
if [ -n "$(find "$work/server" -path '*/content/*' -not -path '*/kedge-uploads-in-progress/*' -type f)" ]; then fail "content files were left behind"; fi
ok "no content is left on disk"
echo "$passed checks passed"
