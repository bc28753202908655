import { Shell, sh } from '../base/shell.ts'
import type { AppDescription } from '../model/app.ts'
import { releasesOf, treesOf } from './paths.ts'

/** Removes all trees of an app but these, and never one that a release stands on. As root. */
export function pruneTrees({ name }: Pick<AppDescription, 'name'>, keep: readonly string[]): Shell {
  return sh`cd ${treesOf(name)} 2>/dev/null || exit 0
keep=" ${Shell.literal(keep.filter((each) => /^[0-9a-f]{12}$/.test(each)).join(' '))} "
set --
for tree in ${releasesOf(name)}/*/tree; do [ ! -L "$tree" ] || set -- "$@" "$tree"; done
if [ $# -gt 0 ]; then
  used=$(readlink -- "$@") || exit 1
  for tree in $used; do keep="$keep\${tree##*/} "; done
fi
for each in *; do
  id=\${each%%.*}
  case $keep in *" $id "*) continue ;; esac
  # What is half removed must not look like a tree.
  [ ! -d "$id" ] || mv -T -- "$id" ".old-$id" || exit 1
  rm -rf -- ".old-$id" "$id.source" "$id.files" || exit 1
done`
}
