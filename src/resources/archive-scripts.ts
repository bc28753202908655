import { Shell, lines, sh } from '../base/shell.ts'
import { statPaths } from './inode.ts'

/** Lies in the unpacked directory: which archive it is, and what it held. */
const stamp = '.fettle-archive'

/** A folder beside the directory, for what is not in its place yet or any more. */
export const workOf = (path: string): string => path.replace(/[^/]*$/, '.$&.fettle')

/**
 * Of each thing in a directory what a change by hand would change; not when a directory was
 * changed, as that says nothing that its content does not say. A word of `-printf` stands for the
 * path of the directory.
 */
const listing = (path: Shell): Shell =>
  sh`! -name ${stamp} ${Shell.literal(
    String.raw`\( -type f -printf 'f %m %u %g %s %T@ '${path.text}'/%P\0' -o -type d -printf 'd %m %u %g '${path.text}'/%P\0' -o -type l -printf 'l %u %g '${path.text}'/%P\n%l\0' -o -printf '%y %m %u %g '${path.text}'/%P\0' \)`,
  )}`

/**
 * Prints what stands at the paths and beside them; of each program that is there its name; for
 * each directory that is not empty its place and whether it has a stamp; and what is in the stamps but not in the
 * directories, or the other way round: two lists in which nothing is there twice, and what is in
 * both falls out. The stamps' own first words come first.
 */
export function readArchives(paths: readonly string[], programs: readonly string[]): Shell {
  return lines(
    statPaths([...paths, ...paths.map(workOf)]),
    programs.length > 0 &&
      sh`for each in ${programs}; do command -v "$each" >/dev/null && printf '%s\n' "$each"; done`,
    sh`set --`,
    ...paths.map(
      (path, i) =>
        sh`if [ -d ${path} ] && [ ! -L ${path} ]; then
  if [ -f ${`${path}/${stamp}`} ] && [ -r ${`${path}/${stamp}`} ]; then set -- "$@" ${path}; echo ${`${i} ours`}
  elif [ ! -r ${path} ] || [ -n "$(ls -A -- ${path})" ]; then echo ${`${i} other`}; fi
fi`,
    ),
    sh`printf '\\0'; [ "$#" = 0 ] || {
  for each; do cat -- "$each/"${stamp}; done
  find "$@" ${listing(sh`%H`)} 2>/dev/null
} | LC_ALL=C sort -z | LC_ALL=C uniq -zu | head -c ${20_000 + 600 * paths.length}`,
  )
}

/** The first words of a stamp: before all else when sorted. */
export const stampOf = (words: readonly string[], path: string): string =>
  `! ${words.join(' ')} ${path}/`

/**
 * `unpack`, `strip`, `seal` and `place` turn `"$work/file"` into the directory at `"$path"`.
 * Nothing of it is in its place before it is complete, and then all of it is at once, where the
 * file system can exchange two directories.
 */
export const functions: Shell = Shell.literal(`
unpack() {
  rm -rf -- "$work/new" && mkdir -m 0755 -- "$work/new" || exit 1
  umask 022
  case $1 in
    zip) said=$(unzip -q -o -^ "$work/file" -d "$work/new" </dev/null 2>&1) || [ "$?" = 1 ] ;;
    *) said=$(tar -xf "$work/file" -C "$work/new" --no-same-owner --no-same-permissions --strip-components="$2" 2>&1) ;;
  esac || fail "it could not be unpacked: $(printf '%s\\n' "$said" | head -n 1)"
  rm -f -- "$work/file"
  if [ "$1" = zip ]; then
    chmod -R go-w -- "$work/new" || exit 1
    strip "$2"
  fi
  [ -n "$(ls -A -- "$work/new")" ] || fail 'nothing is left of it: is strip too large?'
}
strip() {
  for level in $(seq "$1"); do
    mkdir -m 0755 -- "$work/next" &&
      find "$work/new" -mindepth 2 -maxdepth 2 -exec mv -nt "$work/next" -- {} + || exit 1
    [ -z "$(find "$work/new" -mindepth 2 -maxdepth 2)" ] || fail 'it has two things that would get the same name'
    rm -rf -- "$work/new" && mv -T -- "$work/next" "$work/new" || exit 1
  done
}
# One system call of Linux, by its number. Without it there is a moment with nothing in the place.
exchange() {
  case $(dpkg --print-architecture 2>/dev/null) in
    amd64) call=316 ;;
    arm64 | riscv64 | loong64) call=276 ;;
    *) return 1 ;;
  esac
  perl -e 'exit(syscall(shift() + 0, -100, $ARGV[0], -100, $ARGV[1], 2) != 0)' "$call" "$1" "$2" 2>/dev/null
}
place() {
  if [ ! -d "$path" ]; then
    mv -T -- "$work/new" "$path" || exit 1
  elif ! exchange "$work/new" "$path"; then
    mv -T -- "$path" "$work/old" || exit 1
    mv -T -- "$work/new" "$path" || { mv -T -- "$work/old" "$path"; exit 1; }
  fi
}
`)

/** Writes the stamp into the new directory. */
export function seal(words: readonly string[], path: string): Shell {
  // What would mean something to -printf stands for itself.
  const plain = path.replaceAll('%', '%%').replaceAll('\\', '\\\\')
  return lines(
    sh`stamp=$work/new/${Shell.literal(stamp)}`,
    sh`[ ! -e "$stamp" ] && [ ! -L "$stamp" ] || fail ${`it holds a file ${stamp}, the name that is used here`}`,
    sh`{ printf '%s\\0' ${stampOf(words, path)}; find "$work/new" ${listing(sh`${plain}`)}; } >"$work/stamp" && mv -- "$work/stamp" "$stamp" || exit 1`,
  )
}
