import { reveal } from '../base/secret.ts'
import { Shell, lines, sh } from '../base/shell.ts'
import { type Check, check } from '../model/schema.ts'

/** The address of what is downloaded; it goes through standard input, so it may hold a secret. */
export const url: Check = check(
  "an address such as 'https://example.org/tool-1.2.tar.gz'",
  (value) => typeof value === 'string' && /^https?:\/\/[!#-[\]-~]+$/.test(reveal(value)),
)

/** What `sha256sum` prints for the file: 64 hex digits. */
export const sha256: Check = check(
  'the 64 digits that `sha256sum` prints for it',
  (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value),
)

/** As little of a hash as is needed to tell two of them apart by eye. */
export const short = (hash: string): string => hash.slice(0, 8)

/**
 * `bring FILE` saves what the address on standard input leads to. curl and wget read the address
 * as input, since everybody can see the words of a process; apt's own helper, which each Debian
 * has, cannot. `verify FILE SHA256` lets nothing pass that is not what was described.
 */
const functions = `fail() {
  printf '%s\\n' "$1"
  exit 1
}
bring() {
  IFS= read -r url
  helper=/usr/lib/apt/apt-helper
  if command -v curl >/dev/null; then
    said=$(printf 'url = "%s"\\n' "$url" | curl -K - -fsSLg --connect-timeout 30 --retry 3 -o "$1" 2>&1)
  elif command -v wget >/dev/null; then
    said=$(printf '%s\\n' "$url" | wget -nv -t 3 -T 60 -i - -O "$1" 2>&1)
  elif [ ! -x $helper ]; then
    fail 'there is no curl, wget or apt-helper on this host to download with'
  elif [ -n "$secret" ]; then
    fail 'the address holds a secret, which apt-helper would show to everybody: install curl or wget'
  else
    said=$($helper -o APT::Sandbox::User=root -o Acquire::Retries=3 download-file "$url" "$1" 2>&1)
  fi || fail "it could not be downloaded: $(printf '%s\\n' "$said" | grep -v '^E: Download Failed' | tail -n 1)"
}
verify() {
  hash=$(sha256sum <"$1") || exit 1
  hash=\${hash%% *}
  [ "$hash" = "$2" ] || fail "what came is not what is described: its sha256 is $hash (nothing was changed)"
}
`

/** Fails the step with a reason; for what comes before `bring`. */
export const failing: Shell = Shell.literal(functions)

/** Saves what is on standard input, or what the address there leads to, as `"$work/file"`. */
export function obtain(from: { readonly url?: string }, hash: string): Shell {
  const { url } = from
  const hidden = url !== undefined && reveal(url) !== url
  return lines(
    url === undefined
      ? sh`cat > "$work/file" || exit 1`
      : sh`secret=${hidden ? 'yes' : ''}; bring "$work/file"`,
    sh`verify "$work/file" ${hash}`,
  )
}
