import { lines, sh } from '../base/shell.ts'
import { imageSuggestion, isImageName } from '../model/image-name.ts'
import type { Context, Difference, Kind } from '../model/kind.ts'
import { unknownAfter } from '../model/kind.ts'
import { type Common, type Resource, describe } from '../model/resource.ts'
import { check } from '../model/schema.ts'

/**
 * An image of containers on the host, pulled by podman (package podman). What a tag means is looked
 * up once, when it is pulled: for a newer one name another tag, or its digest. Registries that want a
 * password find it in `/root/.docker/config.json`, which a `file` may describe.
 * `absent(containerImage(...))` takes the name away, and the image when it has no other.
 */
export interface ContainerImageOptions extends Common {}

type ContainerImageDesired = Record<never, never>

interface ContainerImageState {
  readonly podman: boolean
  readonly present: boolean
  /** Containers of it, where it is to go and has no other name. */
  readonly users: readonly string[]
}

/** Describes an image: `containerImage('docker.io/library/nginx:1.27')`. */
export function containerImage(name: string, options: ContainerImageOptions = {}): Resource {
  return describe(containerImageKind, name, {}, options)
}

export const imageName: ReturnType<typeof check> = check(imageSuggestion, isImageName)

interface Listed {
  readonly Id: string
  readonly Names?: readonly string[] | null
  readonly RepoDigests?: readonly string[] | null
}

export const containerImageKind: Kind<ContainerImageDesired, ContainerImageState> = {
  name: 'container-image',
  remembers: () => ({}),
  leavesBefore: ['package'],
  named: imageName,
  user: 'root',
  fields: {},

  read: (resources) =>
    lines(
      sh`command -v podman >/dev/null || exit 0`,
      resources.some(({ absent }) => absent) &&
        sh`podman ps -a --no-trunc --format 'user {{.ImageID}} {{.Names}}'`,
      sh`podman images --no-trunc --format json`,
    ),

  parse(output, resources) {
    const text = output.toString('utf8').trim()
    const list = text === '' ? [] : (JSON.parse(jsonOf(text)) as readonly Listed[])
    const known = new Set(
      list.flatMap((each) => [...(each.Names ?? []), ...(each.RepoDigests ?? [])]),
    )
    return resources.map(({ name, absent }) => ({
      podman: text !== '',
      present: known.has(name),
      users: absent ? usersOf(name, text, list) : [],
    }))
  },

  diff({ absent }, { podman, present, users }, context) {
    if (absent === !present) return undefined
    if (absent) return removal(users, context)
    if (!podman && context.opaque.length > 0) return unknownAfter(context, 'pulled')
    return { verb: 'create', summary: podman ? 'pull' : 'there is no podman on this host' }
  },

  apply: ([change]) => {
    const { name, absent } = change!.resource
    return {
      script: lines(
        sh`command -v podman >/dev/null || { echo 'there is no podman on this host: is its package described?'; exit 1; }`,
        absent ? sh`podman rmi -- ${name}` : sh`podman pull -- ${name}`,
      ),
    }
  },
}

/** Names are separated by commas where a container has several. */
function usersOf(name: string, text: string, list: readonly Listed[]): string[] {
  const image = list.find(({ Names, RepoDigests }) =>
    [...(Names ?? []), ...(RepoDigests ?? [])].includes(name),
  )
  if (!image || (image.Names ?? []).some((each) => each !== name)) return []
  const rows = [...text.matchAll(/^user (?:sha256:)?(\w+) (\S+)$/gm)]
  return rows.filter(([, id]) => image.Id.endsWith(id!)).map(([, , names]) => names!)
}

/** Podman removes none that a container is made of. */
function removal(users: readonly string[], { earlier }: Context): Difference {
  const left = users.filter((each) => earlier.get(`container:${each}`)?.verb !== 'remove')
  if (left.length === 0) return { verb: 'remove', summary: 'the image' }
  const who = `container ${left.join(', ')}`
  return left.every((each) => earlier.has(`container:${each}`))
    ? { verb: 'unknown', summary: `the image, if ${who} no longer uses it` }
    : { verb: 'remove', summary: `the image, which ${who} uses`, waits: true }
}

/** Podman may have something to say before. */
function jsonOf(text: string): string {
  const at = /^\[/m.exec(text)?.index
  if (at === undefined) throw new Error(`podman does not say: ${text.split('\n').at(-1)}`)
  return text.slice(at)
}
