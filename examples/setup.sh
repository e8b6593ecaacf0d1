#!/usr/bin/env bash
# Installs the packages that Octet is built from (Debian and its relatives). Where that cannot be
# done it names what is missing and stops with 1.
set -euo pipefail

packages=(g++ cmake ninja-build libdnnl-dev libstb-dev doctest-dev libcli11-dev
  nlohmann-json3-dev libtomlplusplus-dev zlib1g-dev libssl-dev libonnx-dev libprotobuf-dev
  libbenchmark-dev curl ca-certificates)

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
  [ "$status" = "install ok installed" ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
  else
    echo "missing packages: ${missing[*]}" >&2
    echo "install them as root: apt-get install ${missing[*]}" >&2
    exit 1
  fi
fi
if ! command -v apt-get >/dev/null; then
  echo "missing packages (Debian's names): ${missing[*]}" >&2
  exit 1
fi
echo "installing: ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { "${as_root[@]}" apt-get update -qq &&
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends \
    "${missing[@]}"; } >"$log" 2>&1; then
  tail -n 5 "$log" >&2
  echo "missing packages, which could not be installed: ${missing[*]}" >&2
  exit 1
fi
