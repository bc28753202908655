import { Shell } from '../base/shell.ts'

// The configuration of a checkout can make git run any program, and a read must not run what
// another user wrote there. So git runs as the owner: root becomes that user, others refuse.
const shared = `export GIT_TERMINAL_PROMPT=0 GIT_OPTIONAL_LOCKS=0
me=$(id -u) limit= stand=/

# Finds out who owns $1, and whether we can run git as that user.
own() {
  owner=$(stat -L -c %u -- "$1") group=$(stat -L -c %g -- "$1")
  [ "$owner" != "$me" ] || return 0
  [ "$me" = 0 ] && home=$(getent passwd -- "$owner" | cut -d: -f6)
}
as_owner() {
  if [ "$owner" = "$me" ]; then $limit "$@"
  else $limit setpriv --reuid "$owner" --regid "$group" --init-groups -- env HOME="$home" "$@"; fi
}
g() {
  as_owner git -C "$stand" -c safe.directory='*' -c core.hooksPath=/dev/null -c core.fsmonitor=false "$@"
}
# A link in the place of .git could lead us anywhere.
is_checkout() { [ -d "$1/.git" ] && [ ! -L "$1/.git" ]; }
dirty() { g status --porcelain -z --no-renames --untracked-files=no; }
quietly() {
  ssh=$(g config core.sshCommand || echo ssh)
  export GIT_SSH_COMMAND="$ssh -oBatchMode=yes -oConnectTimeout=10"
}
`

/** `look INDEX PATH URL NAME...` prints what is at a path and asks the remote what the names are. */
export const readFunctions: Shell = Shell.literal(`${shared}
jobs=0
look() {
  i=$1 path=$2 url=$3 place=absent owner=$me name= head= stopped= stand=/
  shift 3
  command -v git >/dev/null || { echo "$i none"; return; }
  if is_checkout "$path"; then
    place=checkout stand=$path
  elif [ -d "$path" ]; then
    place=other
    [ ! -r "$path" ] || [ -n "$(ls -A -- "$path")" ] || place=empty
  elif [ -e "$path" ] || [ -L "$path" ]; then
    place=other
  fi
  case $place in
    checkout) own "$path/.git" || place=foreign ;;
    empty) own "$path" || place=foreign ;;
  esac
  [ "$place" != foreign ] || name=$(stat -L -c %U -- "$path")
  if [ "$place" = checkout ]; then
    head=$(g rev-parse -q --verify 'HEAD^{commit}' 2>/dev/null)
    [ ! -e "$path/.git/fettle" ] || stopped=interrupted
    printf '%s url %s\\n' "$i" "$(g config remote.origin.url | base64 -w 0)"
    printf '%s changed %s\\n' "$i" "$(dirty 2>/dev/null | head -c 3000 | base64 -w 0)"
  fi
  echo "$i $place \${name:--} \${head:--} $stopped"
  [ "$#" != 0 ] && [ "$place" != foreign ] && [ "$place" != other ] || return 0
  remote "$@" &
  jobs=$((jobs + 1))
  [ "$((jobs % 8))" != 0 ] || wait
}

# One short write, so that answers which come at the same time do not mix.
remote() {
  quietly
  limit='timeout 60'
  answer=$(g ls-remote -q -- "$url" "$@" 2>&1) && how=reached || how=failed
  printf '%s %s %s\\n' "$i" "$how" "$(printf %s "$answer" | tail -c 2000 | base64 -w 0)"
}
`)

/** `check_out PATH URL COMMIT HOW FORCE NAME...` and `remove PATH FORCE`. */
export const applyFunctions: Shell = Shell.literal(`${shared}
fail() {
  printf '%s\\n' "$1"
  exit 1
}
try() {
  out=$(g "$@" 2>&1) || return
  [ -z "$out" ] || printf '%s\\n' "$out"
}
# What git said, without its advice, in one line.
why() {
  printf '%s\\n' "$out" | grep -Ev '^(Please |and the repository|Aborting|hint:|[Ww]arning:|$)' | head -n 8 | tr -s '\\n\\t' '  '
}
refuse_changes() {
  files=$(dirty | tr '\\0' '\\n' | cut -c 4- | head -n 8 | tr '\\n' ' ')
  [ -z "$files" ] || fail "these files were changed by hand: $files(nothing was done; commit them, or say force: true)"
}

check_out() {
  path=$1 url=$2 commit=$3 how=$4 force=$5
  shift 5
  mkdir -p -- "$path" || exit 1
  stand=$path mark=$path/.git/fettle
  if is_checkout "$path"; then own "$path/.git"; else own "$path"; fi || fail "$path belongs to another user"
  is_checkout "$path" || try init -q || fail "$(why)"
  if [ -e "$mark" ]; then
    as_owner rm -f -- "$path/.git/index.lock" "$path/.git/shallow.lock"
    force=-f
  fi
  [ -n "$force" ] || refuse_changes
  try config remote.origin.url "$url" && try config remote.origin.fetch '+refs/heads/*:refs/remotes/origin/*' || fail "$(why)"
  g cat-file -e "$commit^{commit}" 2>/dev/null || bring "$@"
  as_owner touch -- "$mark" || exit 1
  if ! try checkout -q --detach $force "$commit" --; then
    words=$(why)
    # Stopped halfway, such as by a full disk: then the next run may overwrite what this one wrote.
    [ -n "$(dirty)" ] || as_owner rm -f -- "$mark"
    fail "$words"
  fi
  as_owner rm -f -- "$mark"
}

# By its number where the server allows it, else by the names that may lead to it.
bring() {
  quietly
  try fetch -q $how origin "$commit" && return
  for each in "$@"; do
    try fetch -q $how origin "$each"
    g cat-file -e "$commit^{commit}" 2>/dev/null && return
  done
  fail "commit $commit could not be fetched: $(why)"
}

remove() {
  stand=$1
  own "$1/.git" || fail "$1 belongs to another user"
  [ -n "$2" ] || refuse_changes
  rm -rf -- "$1"
}
`)
