import { Shell, lines, sh } from '../base/shell.ts'
import { folderOf } from '../model/app.ts'
import type { Difference, Kind } from '../model/kind.ts'
import { backoffFolder, leaseLeft, placeOf, releaseGlob } from '../model/place.ts'
import { type Common, type Resource, describe } from '../model/resource.ts'
import { check } from '../model/schema.ts'
import { pruneMade } from '../runtimes/runtimes.ts'

/**
 * What deploys bring to a host of an app, and keep there. `app(...)` describes it; it is a resource so that
 * it can go: an app that left the description or the host is an orphan, whose removal stops its instances
 * and takes away its units, jobs, releases and data. While a deploy of it goes on that is refused.
 */
export interface AppKeptOptions extends Common {}

type AppDesired = Record<never, never>

interface AppState {
  /** The folder of what the host knows of it. */
  readonly place: boolean
  /** What is only looked at where it is to go. */
  readonly left: readonly Left[]
  readonly running: number
  readonly releases: number
}

/** `lease`: a deploy of it goes on. `units`: unit files. */
type Left = 'lease' | 'units' | 'trees' | 'build' | 'data'

/** Describes what a host keeps of an app. */
export function appKept(name: string, options: AppKeptOptions = {}): Resource {
  return describe(appKind, name, {}, options)
}

export const appKind: Kind<AppDesired, AppState> = {
  name: 'app',
  remembers: () => ({}),
  leavesBefore: ['directory', 'user', 'package'],
  named: check(
    "an app's name such as 'shop'",
    (name) => typeof name === 'string' && /^[a-z][a-z0-9-]{0,22}[a-z0-9]$/.test(name),
  ),
  user: 'root',
  fields: {},

  read: (resources) =>
    lines(
      ...resources.flatMap(({ name, absent }) => [
        sh`app=${name} place=${placeOf(name)} folder=${folderOf(name)}
echo "app $app"; [ ! -d "$place" ] || echo place`,
        absent && lookForRemains,
      ]),
      sh`:`,
    ),

  parse(output, resources) {
    const blocks = new Map(
      `\n${output.toString('utf8')}`.split('\napp ').map((block): [string, string[]] => {
        const [name = '', ...rows] = block.split('\n')
        return [name, rows]
      }),
    )
    return resources.map(({ name }) => {
      const rows = blocks.get(name) ?? []
      const count = (word: string): number =>
        Number(rows.find((row) => row.startsWith(`${word} `))?.slice(word.length) ?? 0)
      const left = (['lease', 'units', 'trees', 'build', 'data'] as const).filter((each) =>
        rows.includes(each),
      )
      const place = rows.includes('place')
      return { place, left, running: count('running'), releases: count('releases') }
    })
  },

  diff({ absent }, state): Difference | undefined {
    if (absent) return removal(state)
    return state.place ? undefined : { verb: 'create', summary: 'not deployed yet' }
  },

  apply: ([change]) => {
    const { name, absent } = change!.resource
    const place = placeOf(name)
    return absent
      ? { script: remove(name) }
      : { script: sh`mkdir -p -- ${place} && chmod 0755 -- ${place}` }
  },
}

/** Whether a deploy of it went on when its state was read. */
export const isDeploying = (state: unknown): boolean => (state as AppState).left.includes('lease')

function removal({ place, left, running, releases }: AppState): Difference | undefined {
  if (!place && left.length + running + releases === 0) return undefined
  const parts = [
    left.includes('lease') && 'NOT NOW, as a deploy of it goes on',
    running > 0 && `its ${count(running, 'instance')}, WHICH STILL RUN${running === 1 ? 'S' : ''}`,
    releases > 0 && count(releases, 'release'),
    left.includes('data') && 'ALL ITS DATA',
  ].filter((each) => each !== false)
  return { verb: 'remove', summary: parts.join(', ') || 'what is left of it' }
}

const count = (number: number, what: string): string =>
  `${number} ${what}${number === 1 ? '' : 's'}`

/**
 * `units [-WORD]` lists units of the app alone that systemd knows: those of an instance have a release in
 * their name, those of a job that word. `files` lists theirs, and the links that start them.
 */
const functions: Shell = sh`units() {
  systemctl list-units --no-legend --plain "$@" -- "$app.*" 2>/dev/null | while read -r unit rest; do
    case $unit in "$app".*.${releaseGlob}@*.service | "$app".job.*) echo "$unit" ;; esac
  done
}
files() {
  for each in /etc/systemd/system/"$app".*.${releaseGlob}@.service /etc/systemd/system/"$app".job.* \
    /etc/systemd/system/*.target.wants/"$app".*.${releaseGlob}@*.service /etc/systemd/system/*.target.wants/"$app".job.*; do
    [ ! -e "$each" ] && [ ! -L "$each" ] || printf '%s\n' "$each"
  done
}
alive=active,activating,reloading,deactivating`

/** A deploy that has given no sign of life for so long has ended. In the folder of what the host knows. */
const deploying: Shell = sh`[ -s lease ] && [ ${leaseLeft} -gt 0 ]`

const lookForRemains: Shell = lines(
  functions,
  sh`( cd "$place" 2>/dev/null && ${deploying} && echo lease )
echo "running $(units --state="$alive" | grep -c @)"
set -- "$folder"/releases/${releaseGlob}; [ -e "$1" ] || shift; echo "releases $#"
[ -z "$(files)" ] || echo units
for each in trees build data; do [ -L "$folder/$each" ] || [ -z "$(ls -A "$folder/$each" 2>/dev/null)" ] || echo $each; done`,
)

/**
 * Takes it away. The folders themselves are described with the app, and so are its users: they go after it.
 * What the host knows of it goes last, so that a removal that is interrupted is one that is still to be made.
 */
function remove(name: string): Shell {
  return lines(
    sh`app=${name} place=${placeOf(name)} folder=${folderOf(name)}`,
    functions,
    sh`if cd "$place" 2>/dev/null; then
  exec 9>lock && flock -w 10 9 || { echo 'a deploy of it begins just now: nothing was removed'; exit 1; }
  if ${deploying}; then echo 'a deploy of it goes on, or was interrupted less than a minute ago: nothing was removed'; exit 1; fi
fi
cd / || exit 1`,
    // No boot starts them from now on.
    sh`files | grep '\\.wants/' | while IFS= read -r each; do rm -f -- "$each"; done
all=$(units --all)
systemctl stop -- $all "fettle-build-$app.service" "fettle-release-$app.service" 2>/dev/null 9>&-
running=$(units --state="$alive")
[ -z "$running" ] || { echo "these do not end: $(echo $running)"; exit 1; }
[ -z "$all" ] || systemctl reset-failed -- $all 2>/dev/null
files | while IFS= read -r each; do rm -f -- "$each"; done
rm -f -- /var/lib/systemd/timers/stamp-"$app".job.*.timer ${backoffFolder}/"$app".*.${releaseGlob}@*.service
systemctl daemon-reload`,
    // What is mounted in there is not the app's, nor is where a link leads.
    sh`for each in releases trees build data; do
  [ ! -d "$folder/$each" ] || [ -L "$folder/$each" ] || find "$folder/$each" -mindepth 1 -maxdepth 1 -exec rm -rf --one-file-system -- {} + || exit 1
done`,
    pruneMade(name, `${folderOf(name)}/trees`),
    sh`rm -rf -- "$place"`,
  )
}
