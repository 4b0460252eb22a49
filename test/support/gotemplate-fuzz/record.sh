#!/bin/sh
# Records what real Go makes of templates, for test/fixtures/gotemplate-fuzz. Random ones by seed, and those that were
# thought up, which are read from standard input, one case a line:
#
#   test/support/gotemplate-fuzz/record.sh 0 7000 > test/fixtures/gotemplate-fuzz/recorded.jsonl
#   test/support/gotemplate-fuzz/record.sh 1000000 1004000 > test/fixtures/gotemplate-fuzz/focused.jsonl
#   test/support/gotemplate-fuzz/record.sh < test/fixtures/gotemplate-fuzz/corners.jsonl > corners-anew.jsonl
#
# Each seed from FROM to before TO gives one case; those whose result is not the same every time are left out. Needs
# Debian's packages golang-go and golang-github-masterminds-sprig-dev, and UTC as the local time zone. The recorder runs
# on batches with bounded memory: a template that exhausts it, which Go does not prevent, costs the rest of its batch.
set -eu
here=$(dirname "$(readlink -f "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
GO111MODULE=off GOPATH=/usr/share/gocode go build -o "$work/record" "$here/record.go"
if [ $# -eq 0 ]; then
  "$work/record"
  exit
fi
from=$1
to=$2
while [ "$from" -lt "$to" ]; do
  next=$((from + 500))
  [ "$next" -le "$to" ] || next=$to
  node --import tsx "$here/generate-command.ts" "$from" "$next" > "$work/cases"
  (ulimit -v 3000000 && timeout 60 "$work/record" < "$work/cases" 2> "$work/complaints") || head -1 "$work/complaints" >&2
  from=$next
done
