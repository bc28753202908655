import { type Code, print, textLiteral } from './code.ts'
import { camel, reserved } from './eta.ts'
import { type Type, has, only, valueOf, written } from './types.ts'

/** A `const` of a file. */
export interface Constant {
  readonly name: string
  readonly code: Code
  readonly type: Type
  /** It is inside of the role's function, since it differs from host to host. */
  readonly host: boolean
  /** It is compared, so it must not have the type of its one value. */
  compared: boolean
}

/** What `fettle` exports and a description may call: no const of ours takes these names. */
const functions =
  'Secret absent archive as aptRepository authorizedKeys block command cron directory download file fleet git group groups host hostEntry hostname line link locale mount packages reload restart role service swap sysctl template timer timezone trigger unit user item vars'.split(
    ' ',
  )

/** A file of TypeScript in the making: what it imports, its consts, its names. */
export class SourceFile {
  readonly constants: Constant[] = []
  readonly #imports = new Map<string, Set<string>>()
  readonly #names = new Set<string>([...functions, ...reserved])

  /** A free name for what Ansible calls so. */
  name(wanted: string, type?: Type): string {
    const base =
      camel(
        wanted
          .replace(/[^A-Za-z0-9_$]+/g, '_')
          .replace(/^_+(?=[A-Za-z])/, '')
          .replace(/^(?=\d)/, '_'),
      ) || 'value'
    const candidates = [base, `${base}${type?.kind === 'list' ? 'List' : 'Value'}`]
    for (let i = 2; ; i++) {
      const free = candidates.find((each) => !this.#names.has(each))
      if (free !== undefined) {
        this.#names.add(free)
        return free
      }
      candidates.push(`${base}${i}`)
    }
  }

  /** The name, imported. */
  use(name: string, from: string = 'fettle'): string {
    const names = this.#imports.get(from) ?? new Set()
    this.#imports.set(from, names.add(name))
    if (from !== 'fettle') this.#names.add(name)
    return name
  }

  imports(): string {
    const rows = [...this.#imports].sort(
      ([a], [b]) => Number(a !== 'fettle') - Number(b !== 'fettle') || (a < b ? -1 : 1),
    )
    return rows.map(([from, names]) => importLine([...names].sort(byName), from)).join('')
  }

  declarations(host: boolean, exported: boolean, indent: number = 0): string {
    const pad = ' '.repeat(indent)
    return this.constants
      .filter((each) => each.host === host)
      .map(({ name, code, type, compared }) => {
        const annotation = annotationOf(type, compared && typeof code === 'string')
        const start = `${pad}${exported ? 'export ' : ''}const ${name}${annotation} = `
        return `${start}${print(code, indent, start.length)}\n`
      })
      .join('')
  }
}

const byName = (a: string, b: string): number => (a.toLowerCase() < b.toLowerCase() ? -1 : 1)

function importLine(names: readonly string[], from: string): string {
  const line = `import { ${names.join(', ')} } from '${from}'\n`
  return line.length <= 101
    ? line
    : `import {\n${names.map((each) => `  ${each},\n`).join('')}} from '${from}'\n`
}

/** What the compiler would not find out by itself, or too narrowly. */
function annotationOf(type: Type, compared: boolean): string {
  if (compared || (type.kind === 'list' && type.of.kind === 'never')) return `: ${written(type)}`
  if (type.kind !== 'dict' || !only(valueOf(type), 'dict')) return ''
  // Dicts in a dict that have not all the same fields.
  const each = valueOf(type)
  const uneven =
    each.kind === 'dict' && [...each.fields.values()].some((field) => has(field, 'missing'))
  return uneven
    ? `: Readonly<Record<${[...type.fields.keys()].map(textLiteral).join(' | ')}, ${written(each)}>>`
    : ''
}
