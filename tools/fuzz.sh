#!/usr/bin/env bash
# Feeds one fuzz target for so many seconds, beginning with the kept corpus and the files of cases and examples. What it
# finds is in fuzz/artifacts; what it learnt is in target/fuzz-corpus, and goes into fuzz/corpus once it is minimised.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$1 seconds=$2
tools=${SYNCLINE_TOOLS:-$PWD/.tools}
export PATH=$tools/fuzz/bin:$PATH
# The fuzzer needs compiler flags that are not stable; the compiler is the project's own.
export RUSTC_BOOTSTRAP=1

learnt=$PWD/target/fuzz-corpus/$target
seeds=$PWD/target/fuzz-seeds/$target
mkdir -p "$learnt" "$seeds" "fuzz/corpus/$target"
case $target in
  manifest) names='syncline.yaml .proton-ops.yaml proton-ops.yaml' ;;
  spec) names='spec.yaml service-spec.yaml beta.yaml a.yaml' ;;
  schema) names='schema.yaml' ;;
  render) names='cloudformation.yaml t.yaml' ;;
  addons) names='a.yml b.yml bus.yml template.yml addons.parameters.yml service.yaml' ;;
  *) echo "error: there is no fuzz target \`$target\`" >&2; exit 2 ;;
esac
for name in $names; do
  find crates/core/tests/cases examples -name "$name" -size -16k | while read -r file; do
    cp "$file" "$seeds/$(printf '%s' "$file" | tr '/' '-')"
  done
done
cargo fuzz run "$target" "$learnt" "$PWD/fuzz/corpus/$target" "$seeds" -- -max_total_time="$seconds" -timeout=10 \
  -rss_limit_mb=2048 -max_len=8192 -dict="fuzz/dictionaries/$target.dict" -print_final_stats=1
