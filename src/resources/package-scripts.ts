import { Shell } from '../base/shell.ts'

/** What both scripts need to know of apt. */
const shared = `set -f
nl='
' tab='\t' lists=/var/lib/apt/lists/partial pins=

# Whether apt's lists are younger than a day and than its sources.
fresh() {
  [ -n "$(find $lists -maxdepth 0 -mmin -1440 2>/dev/null)" ] &&
    [ -z "$(find /etc/apt/sources.list /etc/apt/sources.list.d -newer $lists 2>/dev/null)" ]
}

# apt takes a name that it does not know as a regular expression, and would install all that match.
exact='-o APT::Cmd::Pattern-Only=true'

# Sorts the packages that are asked for into $known and $unknown: a virtual one is not known.
candidates() {
  known= unknown= names=
  for each in "$@"; do names="$names \${each%%=*}"; done
  policy=$nl$(apt-cache $pins policy -- $names 2>/dev/null)$nl
  for each in "$@"; do
    name=\${each%%=*}
    name=\${name%:"$arch"}
    rest=
    case $policy in *"$nl$name:$nl"*) rest=\${policy#*"$nl$name:$nl"} rest=\${rest#*Candidate: } ;; esac
    case $rest in '' | '(none)'*) unknown="$unknown $each" ;; *) known="$known $each" ;; esac
  done
}

# From now on apt knows of these versions, NAME=VERSION each, and of no others. Needs $pinfile.
pin() {
  for each in "$@"; do
    printf 'Package: %s\\nPin: version %s\\nPin-Priority: 1001\\n\\n' "\${each%%=*}" "\${each#*=}"
  done >"$pinfile"
  printf 'Package: *\\nPin: release *\\nPin-Priority: -1\\n' >>"$pinfile"
  pins="-o Dir::Etc::preferences=$pinfile -o Dir::Etc::preferencesparts=/dev/null"
}
`

/** Functions of the script that reads: one dpkg-query and nothing else runs when all is as described. */
export const readFunctions: Shell = Shell.literal(`${shared}
# The package dpkg itself is asked for too: it is of the host's own architecture.
look() {
  found=$nl$(dpkg-query -W -f='\${Package}:\${Architecture}\\t\${db:Status-Status}\\t\${Version}\\n' -- dpkg "$@" 2>/dev/null)$nl
  arch=\${found#*"\${nl}dpkg:"}
  arch=\${arch%%"$tab"*}
  printf '%s' "$found"
}

# Puts what dpkg says of package $1 into $status and $version.
line() {
  case $1 in *:*) ;; *) set -- "$1:$arch" ;; esac
  status=missing version=
  case $found in
    *"$nl$1$tab"*) rest=\${found#*"$nl$1$tab"} ;;
    *"$nl\${1%:"$arch"}:all$tab"*) rest=\${found#*"$nl\${1%:"$arch"}:all$tab"} ;;
    *) return ;;
  esac
  rest=\${rest%%"$nl"*}
  status=\${rest%%"$tab"*} version=\${rest#*"$tab"}
}
installed() { line "$1"; [ "$status" = installed ]; }
there() { line "$1"; case $status in missing | not-installed | config-files) false ;; esac; }

# What apt would do, and not do: with --print-uris it says that in half the time of --simulate.
ask() {
  apt-get -q -V --print-uris -o Debug::NoLocking=1 $exact $pins $flags install "$@" 2>&1
}
say() {
  printf '\\n== apt\\n'
  ask "$@"
}

# Where apt would bring its lists up to date first, only removals can be told. Which packages it has
# is asked only when it does not have them all: that takes as long again.
simulate() {
  [ "$#" = 0 ] || fresh || set --
  [ -n "$*$gone" ] || return 0
  answer=$(ask "$@" $gone)
  case $nl$answer in
  *"$nl"E:* | *"$nl"Note,*)
    known=
    [ "$#" = 0 ] || candidates "$@"
    [ -n "$known$gone" ] || return 0
    answer=$(ask $known $gone)
    ;;
  esac
  printf '\\n== apt\\n%s\\n' "$answer"
}
`)

/** Further ones where versions are locked: $all has NAME=VERSION, between blanks, of all that may come. */
export const lockedReadFunctions: Shell = Shell.literal(`
system() {
  ID= VERSION_ID= VERSION_CODENAME=
  [ ! -r /etc/os-release ] || . /etc/os-release
  system="$ID \${VERSION_ID:-$VERSION_CODENAME}"
  printf 'release\\t\\t%s\\n' "$system"
}

# Of $all: which are not there as they are locked ($needed), which of these are described ($wrong),
# and which are others in another version ($drift). By awk: a shell takes half a second for 200.
compare() {
  needed= wrong= drift=
  [ -n "$all" ] || return 0
  answer=$(printf '%s' "$found" | awk -F'\\t' -v all="$all" -v arch="$arch" -v roots="$roots " '
    { row[$1] = $2 "=" $3 }
    END {
      count = split(all, each, " ")
      for (i = 1; i <= count; i++) {
        at = index(each[i], "=")
        name = substr(each[i], 1, at - 1)
        full = index(name, ":") ? name : name ":" arch
        if (!(full in row)) full = name ":all"
        is = full in row ? row[full] : ""
        if (is == "installed" substr(each[i], at)) continue
        needed = needed " " name
        if (index(roots, " " name " ") || index(roots, " " name ":" arch " ")) wrong = wrong " " each[i]
        else if (is ~ /^installed=/) drift = drift " " each[i]
      }
      print needed
      print wrong
      print drift
      print "."
    }')
  needed=\${answer%%"$nl"*} answer=\${answer#*"$nl"}
  wrong="\${answer%%"$nl"*} " answer=\${answer#*"$nl"}
  drift=\${answer%%"$nl"*}
}

# Adds the package to what is wanted, unless it is there in the version that is locked.
want() {
  set -- "\${1%:"$arch"}"
  case $wrong in *" $1="*) ;; *) return ;; esac
  version=\${wrong#*" $1="}
  wanted="$wanted $1=\${version%% *}"
}

# What apt would do with the locked versions, and which versions there are.
foresee() {
  [ -n "$wanted" ] || { simulate; return; }
  [ -n "$pins" ] || {
    pinfile=$(mktemp) || return 0
    trap 'rm -f -- "$pinfile"' EXIT
    pin $all
    printf '\\n== policy\\n'
    apt-cache $pins policy -- $needed
  }
  say $wanted $gone
}
`)

/** Functions of the script that changes packages. */
export const applyFunctions: Shell = Shell.literal(`${shared}
export APT_LISTCHANGES_FRONTEND=none
arch=$(dpkg --print-architecture) || { echo 'this host has no dpkg and apt'; exit 1; }
work=$(mktemp -d) || exit 1
trap 'rm -rf -- "$work"' EXIT

# The output is shown while it comes, and kept for what follows.
run() {
  {
    "$@" 2>&1
    echo "$?" >"$work/code"
  } | tee "$work/log"
  read -r code <"$work/code"
  return "$code"
}
apt() {
  run apt-get -q -y $pins -o DPkg::Lock::Timeout=60 -o Dpkg::Use-Pty=0 \\
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
}

# The line of the log that says most.
why() {
  sed -n '/^dpkg: error processing/{N;s/\\n */ /;p;q};/^ [^ ]* : .*Depends: /{s/^ //;p;q};/^E: Sub-process/d;/^E: /{p;q}' "$work/log"
}
fail() {
  printf '%s\\n' "$1\${trouble:+; apt-get update had failed before: $trouble}"
  exit 1
}

# Runs apt-get update, and waits for another that is at it.
refresh() {
  for attempt in 1 2 3 4 5 6 7 8 9 10 11 12; do
    apt -o APT::Update::Error-Mode=any "$@" update && return
    grep -q 'Could not get lock' "$work/log" || return
    sleep 5
  done
}

# Once in a run. That it failed is no error yet: what is asked for may be in the lists there are.
update() {
  [ -z "$updated" ] || return 1
  updated=yes
  if refresh; then touch $lists; else trouble=$(why); fi
}

# What a killed run or a failed script left half configured stands in apt's way.
finish() {
  [ -n "$(dpkg-query -W -f='\${db:Status-Status}\\n' | grep -Evx 'installed|config-files|not-installed')" ] ||
    [ -n "$(find /var/lib/dpkg/updates -type f 2>/dev/null)" ] || return 0
  for attempt in 1 2 3 4 5 6 7 8 9 10 11 12; do
    run dpkg --force-confdef --force-confold --configure -a && return
    grep -q 'was locked' "$work/log" || return
    sleep 5
  done
}

foresee() {
  unknown=
  [ "$#" = 0 ] || candidates "$@"
  [ -z "$unknown" ] && apt-get -q -s $pins $flags install "$@" $gone >"$work/log" 2>&1
}

# Of locked versions: which no source has, and what there is instead. Nothing when all are there.
vanished() {
  candidates $all
  gone= names=
  for each in $unknown; do
    name=\${each%%=*}
    there=$(apt-cache madison -- "$name" 2>/dev/null | sed 's/^[^|]*| *//;s/ .*//' | uniq | tr '\\n' ' ')
    there=\${there% }
    gone="$gone$name \${each#*=} (there is \${there:-nothing}), " names="$names $name"
  done
  [ -z "$gone" ] || fail "no source of this host has \${gone%, } as in fettle.lock: run \\\`fettle lock --upgrade$names\\\` and look at the diff, or describe an aptRepository that still has it, such as a date of snapshot.debian.org"
}

# Why a package has no candidate, in apt's words where it has any.
impossible() {
  [ -z "$pins" ] || vanished
  [ -z "$unknown" ] && fail "$(why)"
  set -- $unknown
  apt-get -s -o quiet=0 install "\${1%%=*}" >"$work/log" 2>&1
  providers=$(sed -n "/is a virtual package provided by:/,/^$/s/^  \\([^ ]*\\).*/\\1/p;s/^Note, selecting '\\(.*\\)' instead of '\${1%%=*}'/\\1/p" "$work/log" | sort -u | tr '\\n' ' ')
  [ -z "$providers" ] || fail "\${1%%=*} is a virtual package: name one of those that provide it, $providers"
  words=$(why)
  fail "\${words:-E: Unable to locate package \${1%%=*}}"
}

# Nothing goes that the plan did not show.
guard() {
  more=
  for each in $(sed -n 's/^\\(Remv\\|Purg\\) \\([^ ]*\\).*/\\2/p' "$work/log"); do
    case $allowed in *" $each "* | *" $each:$arch "*) ;; *) more="$more $each" ;; esac
  done
  [ -z "$more" ] || fail "this would also remove$more, which was not known when it was planned: plan again and look"
}

# The usual case, where every package has a candidate, as was $foreseen or is looked up, and nothing is to
# go: apt itself sees to that, so nothing has to be simulated first. Fails without a trace when apt would
# not even begin.
straight() {
  [ -z "$gone$flags" ] && [ -z "$(echo $allowed)" ] || return 1
  [ -n "$foreseen" ] || { candidates "$@" && [ -z "$unknown" ]; } || return 1
  apt --no-remove $exact install "$@" && return
  ! grep -Eq '^(Unpacking|Setting up|dpkg: )' "$work/log" || fail "$(why)"
  return 1
}

# Installs "$@" and removes $gone, which are names with a dash.
transact() {
  finish
  # A locked version is in the lists, or it is not: how old they are does not matter.
  [ "$#" = 0 ] || [ -n "$pins" ] || fresh || update
  [ "$#" = 0 ] || ! straight "$@" || return 0
  foresee "$@" || { [ "$#" != 0 ] && update && foresee "$@"; } || impossible
  guard
  apt $flags install "$@" $gone && return
  # The mirror has moved on since the lists were made, if it answers at all.
  if grep '^E: Failed to fetch' "$work/log" | grep -Evq 'Could not (connect|resolve)'; then
    cp "$work/log" "$work/first"
    if update && foresee "$@"; then
      guard
      apt $flags install "$@" $gone && return
    else
      [ -z "$pins" ] || vanished
      mv "$work/first" "$work/log"
    fi
  fi
  fail "$(why)"
}

purge() {
  apt purge "$@" || fail "$(why)"
}
`)
