#!/usr/bin/env bash
# The main job from nothing: builds Octet, draws a data set, trains LeNet-5 in 8-bit integers,
# compresses it, opens the small file again and classifies with it. About four minutes on 2 cores.
set -euo pipefail
cd "$(dirname "$0")/.."

bash examples/setup.sh
mkdir -p build
echo "== building build/release/octet"
cmake --preset release -DOCTET_TESTS=OFF >build/quickstart.log 2>&1 &&
  cmake --build --preset release --target octet >build/quickstart.log 2>&1 ||
  { tail -n 20 build/quickstart.log >&2; exit 1; }
octet=build/release/octet
run=build/quickstart
rm -rf "$run"

echo "== training: LeNet-5, 8-bit integers forward and backward, 20,000 drawn digits"
$octet train --data strokes --model lenet5 --epochs 8 --lr 0.02 --out "$run"
echo
echo "== compressing: prune, retrain, share weights, fine-tune, entropy-code"
$octet compress "$run/last.octet" --data strokes --prune-epochs 9 --share-epochs 3 --json |
  tee "$run/compress.log" | sed '/^{/d'
echo
echo "== classifying two drawn digits with the small file"
$octet data export strokes --out "$run/pictures" --count 10
$octet predict "$run/last-compressed.octet" "$run"/pictures/test/3/*.png "$run"/pictures/test/8/*.png

# The first value of a key in the JSON object that a verb printed last.
value() { tail -n 1 "$1" | grep -o "\"$2\":[^,}]*" | head -n 1 | cut -d : -f 2; }
percent() { awk -v x="$1" 'BEGIN { printf "%.2f %%", 100 * x }'; }
$octet eval "$run/last-compressed.octet" --data strokes --json >"$run/eval.log"
parameters=$(value "$run/compress.log" parameters)
echo
printf '%-36s %10s %10s %8s\n' "" "test error" "bytes" "ratio"
printf '%-36s %10s %10s %8s\n' "trained in int8, weights as float32" \
  "$(percent "$(value "$run/compress.log" float_test_error)")" $((4 * parameters)) 1.0
printf '%-36s %10s %10s %8.1f\n' "compressed file, opened again" \
  "$(percent "$(value "$run/eval.log" test_error)")" "$(value "$run/compress.log" bytes)" \
  "$(value "$run/compress.log" ratio)"
cat <<EOF

Next:
  $octet inspect $run/last-compressed.octet   what is in the file, layer by layer
  $octet train --data my-pictures                       a folder of class folders with your own pictures
  $octet data list                                      other data sets; octet data get mnist
EOF
