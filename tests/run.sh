#!/usr/bin/env bash
# Builds Octet and passes its tests; --sanitize does so again under the address and
# undefined-behaviour sanitizers; --clients compares exported files in other runtimes, which it
# installs into build/ (Node's npm fetches them). Real data is used where OCTET_DATA has it.
set -euo pipefail
cd "$(dirname "$0")/.."

sanitize=false clients=false
for argument in "$@"; do
  case "$argument" in
    --sanitize) sanitize=true ;;
    --clients) clients=true ;;
    *) echo "usage: tests/run.sh [--sanitize] [--clients]" >&2; exit 2 ;;
  esac
done
# OpenMP's threads should sleep, not spin, while they wait: the machine may be shared.
export GOMP_SPINCOUNT="${GOMP_SPINCOUNT:-2000}"

bash examples/setup.sh
# Where ccache is, it knows what was compiled before, in whatever folder.
if command -v ccache >/dev/null; then
  export CMAKE_CXX_COMPILER_LAUNCHER=ccache CCACHE_BASEDIR="$PWD" CCACHE_NOHASHDIR=1
fi

build() {
  echo "== $1: building"
  cmake --preset "$1" -DOCTET_TESTS=ON >"build/$1.log" 2>&1 || { tail -n 20 "build/$1.log" >&2; exit 1; }
  cmake --build --preset "$1" ${2:+--target "$2"} >"build/$1.log" 2>&1 || { grep -E 'error|FAILED' -A 5 "build/$1.log" >&2; exit 1; }
}

mkdir -p build
build release
echo "== release: testing"
build/release/tests/octet_tests --no-intro
# The same tests of products and layers as on CPUs with less.
for isa in AVX2 AVX2_VNNI AVX512_CORE AVX512_CORE_VNNI; do
  echo "== release, at most $isa: testing products, layers and training"
  ONEDNN_MAX_CPU_ISA=$isa build/release/tests/octet_tests --no-intro \
    -tc="products*,code *,weight gradient*,dnn*,requantize*,flow*,weighted layer*,convolution*,linear*,training*,integer network*,lower*"
done
echo "== installed package: building and running a program outside the tree"
rm -rf build/installed build/consumer
{
  cmake --install build/release --prefix build/installed
  cmake -S tests/consumer -B build/consumer -G Ninja -DCMAKE_PREFIX_PATH="$PWD/build/installed"
  cmake --build build/consumer
} >build/consumer.log 2>&1 || { tail -n 20 build/consumer.log >&2; exit 1; }
build/consumer/consumer
if $sanitize; then
  build debug octet_tests
  echo "== sanitizers: testing"
  ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1 \
    build/debug/tests/octet_tests --no-intro
fi
if $clients; then bash tests/clients/onnxruntime/run.sh; fi
echo "== all tests passed"
