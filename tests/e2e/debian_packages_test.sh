#!/bin/bash
# The Debian packages: built, unpacked, and used as they come out: the server starts with the settings file that they bring, the units are
# what systemd accepts, and each package holds what it says.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
fail() { echo "FAILED: $*"; exit 1; }
ok() { echo "ok - $*"; }
work=$(mktemp -d)
server_pid=""
trap '[ -z "$server_pid" ] || kill "$server_pid" 2>/dev/null || true; rm -rf "$work"' EXIT

(cd "$KEDGE_BIN_DIR/.." && cpack -B "$work/debs" >"$work/cpack.log" 2>&1) || { tail -20 "$work/cpack.log"; fail "cpack"; }
for package in kedge kedge-compiler kedge-server kedge-agent; do
  deb=$(echo "$work/debs/${package}_"*.deb)
  [ "$(dpkg-deb -f "$deb" Package)" = "$package" ] || fail "no package $package"
  grep -q 'libc6 (>=' <<<"$(dpkg-deb -f "$deb" Depends)" || fail "$package does not say what it depends on"
  dpkg-deb -x "$deb" "$work/root"
done
ok "four packages"
dpkg-deb -f "$work"/debs/kedge-agent_*.deb Depends >"$work/depends"
if grep -qE 'clang|sqlite|archive' "$work/depends"; then fail "a device would need: $(cat "$work/depends")"; fi
ok "a device needs no compiler and no database"
dpkg-deb -I "$work"/debs/kedge-server_*.deb conffiles >"$work/conffiles"
grep -q '^/etc/kedge/server.toml$' "$work/conffiles" || fail "the settings are no conffile"
while read -r file; do [ -f "$work/root$file" ] || fail "conffile $file is not in the package"; done <"$work/conffiles"
for part in server agent; do
  dpkg-deb -I "$work/debs/kedge-${part}_"*.deb postinst | sh -n || fail "postinst of $part"
done
ok "maintainer scripts and conffiles"

mkdir "$work/units"
for part in server agent; do
  sed "s#/usr/bin/#$work/root/usr/bin/#" "$work/root/usr/lib/systemd/system/kedge-$part.service" >"$work/units/kedge-$part.service"
done
systemd-analyze verify "$work"/units/*.service >"$work/verify" 2>&1 || { cat "$work/verify"; fail "systemd does not accept a unit"; }
if grep -q kedge "$work/verify"; then cat "$work/verify"; fail "systemd warns of a unit"; fi
ok "systemd accepts the units"
# The server's jobs make namespaces, which costs it points.
for limit in server=45 agent=32; do
  unit=$work/units/kedge-${limit%=*}.service
  systemd-analyze security --offline=true --threshold="${limit#*=}" "$unit" >"$work/security" 2>&1 || { tail -3 "$work/security"; fail "$unit"; }
done
ok "the units shut the services off"

sed "s#/var/lib/kedge#$work/data#; s#127.0.0.1:8080#127.0.0.1:0#" "$work/root/etc/kedge/server.toml" >"$work/server.toml"
"$work/root/usr/bin/kedge-server" serve --config "$work/server.toml" >"$work/out" 2>"$work/log" &
server_pid=$!
until grep -q '^listening on' "$work/out"; do kill -0 "$server_pid" 2>/dev/null || { cat "$work/log"; fail "the packaged server ended"; }; done
set -a; . "$work/data/administrator.env"; set +a
AWS_DEFAULT_REGION=us-east-1 /usr/bin/aws sagemaker list-device-fleets --endpoint-url "$(sed -n 's/^listening on //p' "$work/out")" >"$work/fleets"
grep -q '"DeviceFleetSummaries": \[\]' "$work/fleets" || fail "answer: $(cat "$work/fleets")"
kill -TERM "$server_pid"
wait "$server_pid" || fail "the packaged server did not stop cleanly"
server_pid=""
ok "the packaged server serves with the packaged settings"
