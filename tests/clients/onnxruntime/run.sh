#!/usr/bin/env bash
# Trains small networks, exports them in float32 and in integers and compares ONNX Runtime's scores
# and codes with Octet's. Needs node and npm; installs the runtime into build/clients.
set -euo pipefail
cd "$(dirname "$0")/../../.."

for tool in node npm; do
  command -v "$tool" >/dev/null ||
    { echo "tests/run.sh --clients: $tool is missing: apt-get install nodejs npm" >&2; exit 1; }
done
octet=$PWD/build/release/octet
here=$PWD/tests/clients/onnxruntime
work=$PWD/build/clients/onnxruntime
mkdir -p "$work"
cp "$here/package.json" "$here/compare.mjs" "$work"
cd "$work"

echo "== ONNX Runtime: installing"
# The package holds the runtime for CPUs; its install script would fetch others.
ONNXRUNTIME_NODE_INSTALL=skip npm install --ignore-scripts --no-package-lock --no-audit --no-fund \
  >install.log 2>&1 || { tail -n 5 install.log >&2; exit 1; }

cat >residual.txt <<'END'
network name=residual input=28x28x1
convolution channels=8 kernel=3 padding=1 bias=0
batch_norm
relu
residual
convolution channels=16 kernel=3 stride=2 padding=1 bias=0
batch_norm
relu
convolution channels=16 kernel=3 padding=1 bias=0
batch_norm
shortcut
convolution channels=16 kernel=1 stride=2 bias=0
batch_norm
end
relu
max_pool window=3 stride=2
convolution channels=16 kernel=3 padding=1 groups=16
relu
global_average_pool
linear units=classes
END
cat >gelu.txt <<'END'
network name=gelu input=28x28x1
convolution channels=8 kernel=2
gelu
convolution channels=16 kernel=3 padding=1 bias=0
max_pool window=2 ceil_mode=0
batch_norm gamma=fixed momentum=0.4
gelu
convolution channels=16 kernel=3 stride=2 padding=1
gelu
max_pool window=3
linear units=classes bias=0
scale factor=0.5
END
# All test pictures of MNIST where it is there, else those that a program draws.
data=strokes
[ ! -d "${OCTET_DATA:-}/mnist" ] || data=mnist
for model in lenet5 residual.txt gelu.txt; do
  rm -rf run
  "$octet" train --data "$data" --model "$model" --precision integer-arithmetic-only \
    --max-steps 300 --epochs 1 --lr 0.02 --out run >train.log 2>&1 ||
    { tail -n 5 train.log >&2; exit 1; }
  for numbers in float32 integers; do
    echo "== ONNX Runtime: $model, $numbers"
    edges=()
    [ "$numbers" = float32 ] || edges=(--edges)
    "$octet" export run/last.octet --format onnx --numbers "$numbers" "${edges[@]}" \
      --data "$data" --sample 10000 --out "$numbers.onnx" >/dev/null
    node compare.mjs "$numbers.onnx"
  done
done
