import { type Resource, absent } from '../model/resource.ts'
import { aptRepository } from '../resources/apt-repository.ts'
import { authorizedKeys } from '../resources/authorized-keys.ts'
import { directory } from '../resources/directory.ts'
import { file } from '../resources/file.ts'
import { group } from '../resources/group.ts'
import { hostEntry } from '../resources/host-entry.ts'
import { link } from '../resources/link.ts'
import { packages } from '../resources/package.ts'
import { reload, restart, service } from '../resources/service.ts'
import { template } from '../resources/source.ts'
import { sysctl } from '../resources/sysctl.ts'
import { timezone } from '../resources/timezone.ts'
import { unit } from '../resources/unit.ts'
import { user } from '../resources/user.ts'

/** The functions that an adopted description is written with. */
const functions: Readonly<Record<FunctionName, unknown>> = {
  absent,
  aptRepository,
  authorizedKeys,
  directory,
  file,
  group,
  hostEntry,
  link,
  packages,
  reload,
  restart,
  service,
  sysctl,
  template,
  timezone,
  unit,
  user,
}

export type FunctionName =
  | 'absent'
  | 'aptRepository'
  | 'authorizedKeys'
  | 'directory'
  | 'file'
  | 'group'
  | 'hostEntry'
  | 'link'
  | 'packages'
  | 'reload'
  | 'restart'
  | 'service'
  | 'sysctl'
  | 'template'
  | 'timezone'
  | 'unit'
  | 'user'

/** A call as it will be written, which can be made here too: what is planned is what is written. */
export class Call {
  readonly name: FunctionName
  readonly args: readonly Value[]

  constructor(name: FunctionName, ...args: readonly Value[]) {
    this.name = name
    this.args = args
  }

  /** The resources that it describes. */
  resources(): Resource[] {
    const made = this.make()
    return (Array.isArray(made) ? made : [made]) as Resource[]
  }

  make(): unknown {
    const [first] = this.args
    // The file that it will be in is not written yet.
    if (this.name === 'template' && first instanceof Copied) return first.content.toString('utf8')
    const made = functions[this.name] as (...args: readonly unknown[]) => unknown
    return made(...this.args.map(valueOf))
  }
}

/** The content of a file that is kept beside the description. */
export class Copied {
  /** Below `files/`. */
  readonly path: string
  readonly content: Buffer

  constructor(path: string, content: Buffer) {
    this.path = path
    this.content = content
  }
}

export type Value =
  | string
  | number
  | boolean
  | undefined
  | Call
  | Copied
  | readonly Value[]
  | { readonly [key: string]: Value }

/** The options of a call: `source` of a copied file is its content, as there is no file yet. */
function valueOf(value: Value): unknown {
  if (value instanceof Call) return value.make()
  if (value instanceof Copied) return value.content
  if (Array.isArray(value)) return value.map(valueOf)
  if (typeof value !== 'object') return value
  const fields = Object.entries(value).filter((field) => field[1] !== undefined)
  return Object.fromEntries(
    fields.map(([name, each]) => {
      const isFile = each instanceof Copied
      return [isFile ? (name === 'keySource' ? 'key' : 'content') : name, valueOf(each)]
    }),
  )
}
