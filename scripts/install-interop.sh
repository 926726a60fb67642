#!/usr/bin/env bash
# Installs what the interoperation tests need on Debian or Ubuntu: the real corosync, its headers, its notification and quorum
# device daemons, Pacemaker, tools for networks, and a browser for the timeline of the laboratory.
# Starts no service: packages ask policy-rc.d, which says no while they are installed and is put back afterwards.
set -euo pipefail

packages=(
  corosync libcpg-dev libcmap-dev libcfg-dev libquorum-dev libvotequorum-dev libqb-dev gcc libc6-dev
  corosync-notifyd corosync-qdevice corosync-qnetd
  pacemaker pacemaker-cli-utils pacemaker-resource-agents
  tshark iproute2 nftables ethtool util-linux chromium
)

missing=()
for package in "${packages[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  echo "interoperation tests: everything is installed"
  exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "interoperation tests need, installed by root: ${missing[*]}" >&2
  exit 1
fi

policy=/usr/sbin/policy-rc.d
saved=$(mktemp -d)
restore() {
  rm -f "$policy"
  if [ -e "$saved/policy-rc.d" ] || [ -L "$saved/policy-rc.d" ]; then mv "$saved/policy-rc.d" "$policy"; fi
  rm -rf "$saved"
}
trap restore EXIT
if [ -e "$policy" ] || [ -L "$policy" ]; then mv "$policy" "$saved/"; fi
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"

export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -y -q --no-install-recommends "${missing[@]}"
