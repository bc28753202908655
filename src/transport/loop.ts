import { quote } from '../base/shell.ts'

/**
 * The program that runs on a host for as long as a session is open: a POSIX shell loop (dash,
 * bash, busybox). It reads
 *
 *     MARK                              a random line, once
 *     USER SCRIPT-BYTES INPUT-BYTES     then for each frame this line, USER is - for the login user
 *     script, input                     and exactly that many bytes
 *
 * and answers `MARK` once, then for each frame what the script printed followed by
 * `\nMARK CODE\n`, or `\nMARK become\n` when it could not become USER. Output is not counted
 * before it is sent, so it needs no temporary file (a full disk can be read) and arrives while the
 * script runs; MARK is random and never on a command line, so output cannot contain it by chance.
 *
 * A frame for another user is passed on whole to the same loop, run as that user. Scripts and
 * input only ever travel over standard input: nothing of them shows in the process list.
 *
 * One line without exclamation marks, because the login shell may be any shell.
 */
const loop: string = [
  'export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"',
  'umask 022',
  'take() { dd bs=65536 iflag=fullblock,count_bytes count="$1" 2>/dev/null; }',
  'me=',
  'is() { [ -n "$me" ] || me=$(id -un); [ "$1" = "$me" ]; }',
  'b() { if is root; then h=$(getent passwd "$u" | cut -d: -f6); cd "${h:-/}" 2>/dev/null || cd /; HOME=$h USER=$u LOGNAME=$u runuser -u "$u" -- sh -c \'eval "$1"\' sh "$1" nested; else sudo -n -H -u "$u" -- sh -c \'eval "$1"\' sh "$1" nested; fi; }',
  'IFS= read -r mark || exit 0',
  '[ -n "$2" ] || printf "%s\\n" "$mark"',
  'while read -r u n m; do ' +
    'if [ "$u" = - ] || is "$u"; then ' +
    's=$(take "$n"; echo .); s=${s%.}; ' +
    'if [ "$m" = 0 ]; then ( eval "$s" ) </dev/null 2>&1; else take "$m" | { ( eval "$s" ); c=$?; cat >/dev/null; exit "$c"; } 2>&1; fi; ' +
    'printf "\\n%s %s\\n" "$mark" "$?"; ' +
    'else { printf "%s\\n- %s %s\\n" "$mark" "$n" "$m"; take "$((n + m))"; } | { ( b "$1" ) 2>&1 || { cat >/dev/null; printf "\\n%s become\\n" "$mark"; }; }; ' +
    'fi; done; exit 0',
].join('; ')

/** The command line that starts the loop on a host. */
export const loopCommand: string = `sh -c 'eval "$1"' sh ${quote(loop)}`

/** The same for a process here: a program and its arguments. */
export const loopArguments: readonly string[] = ['-c', 'eval "$1"', 'sh', loop]
