#!/usr/bin/env bash
# Packs the package, installs it in an empty folder as a user would, and runs what the user would
# run first. The lab part is left out, with a word, where there can be no lab.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
cleanup() {
  if [ -e "$work/servers/fleet.ts" ]; then (cd "$work/servers" && npx --no-install fettle lab down) || true; fi
  rm -rf "$work"
}
trap cleanup EXIT

cd "$root"
tarball=$(npm pack --silent --pack-destination "$work" | tail -n 1)
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund "./$tarball"
npx --no-install fettle --version
npx --no-install fettle init servers
cd servers
# A user would `npm install fettle` here; the package above is the one to try.
npm pkg set "devDependencies.fettle=file:../$tarball" >/dev/null
npm install --silent --no-audit --no-fund
npm install --silent --no-audit --no-fund --no-save typescript
npx --no-install tsc -p tsconfig.json
echo 'The description that init wrote passes the type checker.'

if [ "$(id -u)" != 0 ]; then
  echo 'Not root: the lab part of this check is left out.'
  exit 0
fi
npx --no-install fettle lab up
npx --no-install fettle up --lab --yes >/dev/null
npx --no-install fettle up --lab --yes | tee second.txt
grep -q 'Nothing to change on 2 hosts.' second.txt
