import { lines, sh } from '../base/shell.ts'
import type { Kind } from '../model/kind.ts'
import { type Common, type Resource, describe, given } from '../model/resource.ts'
import { account, flag, mode, optional, path } from '../model/schema.ts'
import {
  type Inode,
  type Ownership,
  applyOwnership,
  inodeReading,
  ownershipDifferences,
} from './inode.ts'

/** A directory. Missing parents are made too, with the usual permissions. */
export interface DirectoryOptions extends Ownership, Common {
  /** For `absent(...)`: remove what is inside as well. Left out: only an empty directory is removed. */
  readonly recursive?: boolean
}

interface DirectoryDesired extends Ownership {
  readonly recursive?: boolean
}

/** Describes a directory: `directory('/srv/shop', { owner: 'deploy', mode: '0750' })`. */
export function directory(path: string, options: DirectoryOptions = {}): Resource {
  const { owner, group, mode, recursive, ...common } = options
  return describe(directoryKind, path, given({ owner, group, mode, recursive }), common)
}

export const directoryKind: Kind<DirectoryDesired, Inode> = {
  name: 'directory',
  named: path,
  user: 'login',
  fields: {
    owner: optional(account),
    group: optional(account),
    mode: optional(mode),
    recursive: optional(flag),
  },

  ...inodeReading,

  diff({ desired, absent }, state) {
    if (absent) return state.type === 'absent' ? undefined : { verb: 'remove', summary: state.type }
    if (state.type === 'absent') {
      const facts = [
        desired.mode && `mode ${desired.mode}`,
        desired.owner && `owner ${desired.owner}`,
        desired.group && `group ${desired.group}`,
      ]
      return { verb: 'create', summary: facts.filter(Boolean).join(', ') || 'directory' }
    }
    if (state.type !== 'directory') return { verb: 'change', summary: `${state.type} -> directory` }
    const changes = ownershipDifferences(desired, state)
    return changes.length === 0 ? undefined : { verb: 'change', summary: changes.join(', ') }
  },

  apply([change]) {
    const { name, desired, absent } = change!.resource
    if (absent) return { script: desired.recursive ? sh`rm -rf -- ${name}` : sh`rmdir -- ${name}` }
    return {
      script: lines(
        sh`if [ -L ${name} ] || { [ -e ${name} ] && [ ! -d ${name} ]; }; then echo 'something else is in its place'; exit 1; fi`,
        sh`mkdir -p -- ${name} || exit 1`,
        applyOwnership(desired, sh`${name}`),
      ),
    }
  },
}
