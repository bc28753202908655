/** TypeScript to be written: a finished piece, or a form that is broken into lines where it is long. */
export type Code =
  | string
  | Call
  | { readonly form: 'object'; readonly entries: readonly Entry[] }
  | { readonly form: 'list'; readonly items: readonly Code[] }
  | Arrow
  | { readonly form: 'and'; readonly test: string; readonly body: Code }
  | { readonly form: 'choice'; readonly test: string; readonly yes: Code; readonly no: Code }
  | { readonly form: 'note'; readonly lines: readonly string[]; readonly body: Code | undefined }

interface Call {
  readonly form: 'call'
  readonly of: string
  readonly args: readonly Code[]
}

interface Arrow {
  readonly form: 'arrow'
  readonly head: string
  readonly body: Code
}

/** A field of an object; without a key it is spread. */
export type Entry = readonly [key: string | undefined, value: Code]

export const call = (of: string, ...args: readonly Code[]): Code => ({ form: 'call', of, args })
export const object = (entries: readonly Entry[]): Code => ({ form: 'object', entries })
export const list = (items: readonly Code[]): Code => ({ form: 'list', items })
export const arrow = (head: string, body: Code): Code => ({ form: 'arrow', head, body })
export const and = (test: string, body: Code): Code => ({ form: 'and', test, body })

export const choice = (test: string, yes: Code, no: Code): Code => ({
  form: 'choice',
  test,
  yes,
  no,
})

/** Code with comment lines before it, as an item of a list; without code only the comment. */
export const note = (lines: readonly string[], body?: Code): Code =>
  lines.length === 0 && body !== undefined ? body : { form: 'note', lines, body }

/** A text as TypeScript writes it. */
export function textLiteral(value: string): string {
  if (/\n./.test(value) && !value.includes('\r')) return `\`${templateText(value)}\``
  const quote = value.includes("'") && !value.includes('"') ? '"' : "'"
  const inside = value
    .replace(/[\\\n\r\t]/g, (each) => ({ '\n': '\\n', '\r': '\\r', '\t': '\\t' })[each] ?? '\\\\')
    .replace(
      // oxlint-disable-next-line no-control-regex -- they are not to stand in a source
      /[\u0000-\u001f\u007f\u2028\u2029]/g,
      (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
    .replaceAll(quote, `\\${quote}`)
  return `${quote}${inside}${quote}`
}

/** A text as it stands between backquotes. */
export const templateText = (value: string): string =>
  value.replace(/[\\`]|\$(?=\{)/g, '\\$&').replaceAll('\r', '\\r')

const width = 100

/** Writes the code, with `indent` blanks before all lines but the first. */
export function print(code: Code, indent: number = 0, used: number = indent): string {
  const flat = inLine(code)
  if (flat !== undefined && used + flat.length <= width) return flat
  if (typeof code === 'string') return code
  const [pad, inner] = [' '.repeat(indent), ' '.repeat(indent + 2)]
  switch (code.form) {
    case 'object':
      return `{\n${code.entries.map((each) => `${inner}${printEntry(each, indent + 2)},\n`).join('')}${pad}}`
    case 'list':
      return `[\n${code.items.map((each) => `${inner}${printItem(each, indent + 2)}\n`).join('')}${pad}]`
    case 'and':
      return `${code.test} && ${print(code.body, indent, used + code.test.length + 4)}`
    case 'choice':
      return `${code.test}\n${inner}? ${print(code.yes, indent + 2, indent + 4)}\n${inner}: ${print(code.no, indent + 2, indent + 4)}`
    case 'arrow':
      return printArrow(code, indent)
    case 'call':
      return printCall(code, indent, used)
    case 'note':
      return printItem(code, indent).replace(/,$/, '')
  }
}

function printItem(code: Code, indent: number): string {
  if (typeof code === 'string' || code.form !== 'note') return `${print(code, indent)},`
  const lines = code.lines.map((each) => `// ${each}`)
  const rows = code.body === undefined ? lines : [...lines, `${print(code.body, indent)},`]
  return rows.join(`\n${' '.repeat(indent)}`)
}

function printEntry([key, value]: Entry, indent: number): string {
  if (key === undefined) return `...${print(value, indent, indent + 4)}`
  if (key === value) return key
  return `${key}: ${print(value, indent, indent + key.length + 3)}`
}

function printArrow({ head, body }: Arrow, indent: number): string {
  const hugs = typeof body !== 'string' && (body.form === 'list' || body.form === 'call')
  const inside = print(body, indent)
  if (hugs && inside.startsWith('[')) return `${head} => ${inside}`
  return `${head} =>\n${' '.repeat(indent + 2)}${print(body, indent + 2)}`
}

function printCall({ of, args }: Call, indent: number, used: number): string {
  const last = args.at(-1)
  const before = args.slice(0, -1).map(inLine)
  if (
    last !== undefined &&
    typeof last !== 'string' &&
    before.every((each) => each !== undefined)
  ) {
    const start = `${of}(${before.map((each) => `${each}, `).join('')}`
    if (last.form === 'object' || last.form === 'list')
      return `${start}${print(last, indent, used + start.length + 1)})`
    if (last.form === 'arrow') {
      const inside = printArrow(last, indent)
      const ends = inside.startsWith(`${last.head} => [`) ? ')' : `,\n${' '.repeat(indent)})`
      const column = start.includes('\n')
        ? start.length - start.lastIndexOf('\n')
        : used + start.length
      if (column + last.head.length + 3 <= width) return `${start}${inside}${ends}`
    }
  }
  const inner = ' '.repeat(indent + 2)
  return `${of}(\n${args.map((each) => `${inner}${print(each, indent + 2)},\n`).join('')}${' '.repeat(indent)})`
}

/** The code on one line, when it can stand there. */
function inLine(code: Code): string | undefined {
  if (typeof code === 'string') return code.includes('\n') ? undefined : code
  const all = (codes: readonly Code[]): string | undefined => {
    const found = codes.map(inLine)
    return found.includes(undefined) ? undefined : found.join(', ')
  }
  switch (code.form) {
    case 'call': {
      const args = all(code.args)
      return args === undefined ? undefined : `${code.of}(${args})`
    }
    case 'list': {
      const items = all(code.items)
      return items === undefined ? undefined : `[${items}]`
    }
    case 'object': {
      const entries = code.entries.map(([key, value]) => {
        const flat = inLine(value)
        if (flat === undefined) return undefined
        return key === undefined ? `...${flat}` : key === flat ? key : `${key}: ${flat}`
      })
      if (entries.includes(undefined)) return undefined
      return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`
    }
    case 'arrow': {
      const body = inLine(code.body)
      return body === undefined
        ? undefined
        : `${code.head} => ${body.startsWith('{') ? `(${body})` : body}`
    }
    case 'and': {
      const body = inLine(code.body)
      return body === undefined ? undefined : `${code.test} && ${body}`
    }
    case 'choice': {
      const [yes, no] = [inLine(code.yes), inLine(code.no)]
      return yes === undefined || no === undefined ? undefined : `${code.test} ? ${yes} : ${no}`
    }
    case 'note':
      return undefined
  }
}
