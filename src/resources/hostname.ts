import { lines, sh } from '../base/shell.ts'
import type { Difference, Kind } from '../model/kind.ts'
import { type Common, type Resource, describe } from '../model/resource.ts'
import { check } from '../model/schema.ts'
import { writeAtomically } from './file.ts'

/**
 * The name of the host: the one that it has now, and the one in `/etc/hostname` that it gets at
 * boot. That it resolves is for `hostEntry('127.0.1.1', ...)`. `absent(hostname(...))` removes
 * `/etc/hostname` where it says this name, for a network that gives out names; the host keeps its
 * name until the next boot.
 */
export interface HostnameOptions extends Common {}

/** The name is the name of the resource, so there is nothing else to describe. */
type HostnameDesired = Record<never, never>

interface HostnameState {
  /** What the kernel has. */
  readonly running: string
  /** What /etc/hostname says; undefined: nothing. */
  readonly kept: string | undefined
  readonly file: boolean
}

/** Describes the name of the host: `hostname('web1')`, `hostname('web1.example.com')`. */
export function hostname(name: string, options: HostnameOptions = {}): Resource {
  return describe(hostnameKind, name, {}, options)
}

const path = '/etc/hostname'

export const hostnameKind: Kind<HostnameDesired, HostnameState> = {
  name: 'hostname',
  remembers: () => ({}),
  named: check(
    "a name of at most 64 letters, digits, '-' and '.', such as 'web1' or 'web1.example.com'",
    (name) =>
      typeof name === 'string' &&
      name.length <= 64 &&
      name
        .split('.')
        .every((label) => /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(label)),
  ),
  user: 'root',
  fields: {},

  // A host has one name.
  claims: () => [{ what: `path ${path}` }],

  read: () =>
    lines(
      sh`cat /proc/sys/kernel/hostname`,
      sh`[ ! -f ${path} ] || { echo file; cat -- ${path}; }`,
    ),

  parse(output, resources) {
    const [running = '', file, ...rows] = output.toString('utf8').split('\n')
    if (running === '') throw new Error('the kernel does not tell its name')
    // As systemd and hostname(1) read it: the first line that says something.
    const kept = rows.map((row) => row.trim()).find((row) => row !== '' && !row.startsWith('#'))
    return resources.map(() => ({ running, kept, file: file === 'file' }))
  },

  diff({ name, absent }, { running, kept, file }): Difference | undefined {
    if (absent)
      return kept === name
        ? { verb: 'remove', summary: `${path}; it stays ${running} until the next boot` }
        : undefined
    if (running === name && kept === name) return undefined
    const verb = file ? 'change' : 'create'
    if (running === kept) return { verb, summary: `${running} -> ${name}` }
    const changes = [
      running !== name && `${running} -> ${name}`,
      kept !== name && `${path}: ${kept ?? 'nothing'} -> ${name}`,
    ]
    return { verb, summary: changes.filter(Boolean).join(', ') }
  },

  // The kernel first: in a container that may not be renamed the file must not say otherwise.
  apply: ([change]) => {
    const { name, absent } = change!.resource
    if (absent) return { script: sh`rm -f -- ${path}` }
    return {
      script: lines(
        change!.state.running !== name && sh`hostname -- ${name} || exit 1`,
        writeAtomically(path, {}),
      ),
      input: `${name}\n`,
    }
  },
}
