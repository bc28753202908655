import { lines, sh } from '../base/shell.ts'
import type { Kind, Step } from '../model/kind.ts'
import { type Common, type Resource, describe } from '../model/resource.ts'
import { filled, path } from '../model/schema.ts'
import { type Inode, inodeReading } from './inode.ts'
import { inOrder } from './in-order.ts'
import { lockOutOf } from './lock-out.ts'

/** A symbolic link. It takes the place of another link or a file in one rename. */
export interface LinkOptions extends Common {
  /** Where it points, as it is to be written: absolute, or relative to the link's folder. */
  readonly to: string
}

/** Describes a link: `link('/etc/nginx/sites-enabled/shop', { to: '../sites-available/shop' })`. */
export function link(path: string, options: LinkOptions): Resource {
  const { to, ...common } = options
  return describe(linkKind, path, { to }, common)
}

export const linkKind: Kind<{ readonly to: string }, Inode> = {
  name: 'link',
  remembers: () => ({ to: '' }),
  named: path,
  user: 'login',
  fields: { to: filled },

  ...inodeReading,

  lockOut: ({ name }, login) => lockOutOf(name, login),

  diff({ desired, absent }, state) {
    if (absent) {
      if (state.type === 'absent') return undefined
      const there = `${state.type}${state.target && ` to ${state.target}`}`
      return { verb: 'remove', summary: state.type === 'directory' ? taken : there }
    }
    if (state.type === 'absent') return { verb: 'create', summary: `to ${desired.to}` }
    if (state.type === 'directory')
      return { verb: 'change', summary: `to ${desired.to}, but ${taken}` }
    if (state.type !== 'link')
      return { verb: 'change', summary: `${state.type} -> link to ${desired.to}` }
    return state.target === desired.to
      ? undefined
      : { verb: 'change', summary: `to ${state.target} -> ${desired.to}` }
  },

  batch: 'in order',
  apply: (changes) => inOrder(changes.map(({ resource }) => applyLink(resource))),
}

function applyLink({ name, desired, absent }: Resource<{ readonly to: string }>): Step {
  if (absent) return { script: lines(inTheWay(name), sh`rm -f -- ${name}`) }
  return {
    script: lines(
      inTheWay(name),
      sh`new=${`${name}.fettle`}.$$`,
      sh`ln -sT -- ${desired.to} "$new" && mv -fT -- "$new" ${name} || { rm -f -- "$new"; exit 1; }`,
    ),
  }
}

const taken = 'there is a directory in its place'

const inTheWay = (name: string): ReturnType<typeof sh> =>
  sh`[ -L ${name} ] || [ ! -d ${name} ] || { echo ${taken}; exit 1; }`
