/** What cannot be translated, and why. */
export class Untranslatable extends Error {
  /** What to do by hand. */
  readonly remedy: string | undefined
  /** The line of a template in which it stands, from 1. */
  line: number | undefined

  constructor(reason: string, remedy?: string) {
    super(reason)
    this.remedy = remedy
  }
}

/** A word or sign of an expression. */
export interface Token {
  readonly type: 'name' | 'number' | 'string' | 'sign' | 'end'
  readonly text: string
  readonly value?: string | number
}

/** A piece of a template: text, `{{ expression }}` or `{% statement %}`. Comments are gone. */
export interface Piece {
  readonly type: 'text' | 'output' | 'block'
  readonly text: string
  readonly tokens: readonly Token[]
  readonly line: number
  /** After a block: the newline behind it is not part of the text. */
  readonly newline?: boolean
}

export interface LexerOptions {
  /** Ansible: true. The newline after a block or a comment is not part of the text. */
  readonly trimBlocks: boolean
  /** Ansible: false. Blanks before a block or a comment at the start of a line are not either. */
  readonly lstripBlocks: boolean
}

export const ansibleOptions: LexerOptions = { trimBlocks: true, lstripBlocks: false }

const signs = [
  '//',
  '**',
  '==',
  '!=',
  '>=',
  '<=',
  ...'+ - * / % ~ < > = . : | , ; ( ) [ ] { }'.split(' '),
]

/** Takes a template apart, with Jinja2's rules for the white space around blocks. */
export function pieces(source: string, options: LexerOptions): Piece[] {
  const found: Piece[] = []
  let at = 0
  let line = 1
  let trimNext = ''
  while (at <= source.length) {
    const open = /\{[{%#]/g
    open.lastIndex = at
    const next = open.exec(source)
    const end = next ? next.index : source.length
    let text = source.slice(at, end)
    const kind = next ? source[end + 1]! : ''
    const mark = next && /[-+]/.test(source[end + 2] ?? '') ? source[end + 2]! : ''
    const raw = trimmedStart(text, trimNext)
    text = raw
    if (mark === '-') text = text.replace(/\s+$/, '')
    else if (mark !== '+' && options.lstripBlocks && (kind === '%' || kind === '#'))
      text = lstripped(text, end - raw.length === 0 || source[end - raw.length - 1] === '\n')
    if (text !== '') found.push({ type: 'text', text, tokens: [], line })
    line += newlines(source.slice(at, end))
    if (!next) break
    const inside = end + 2 + mark.length
    const tag = kind === '#' ? commentEnd(source, inside) : tagEnd(source, inside, kind, line)
    const rawTag = kind === '%' && tag.tokens.length === 1 && tag.tokens[0]!.text === 'raw'
    if (rawTag) {
      const whole = rawBlock(source, tag, options, line)
      if (whole.text !== '') found.push({ type: 'text', text: whole.text, tokens: [], line })
      line += newlines(source.slice(end, whole.end))
      at = whole.end
      trimNext = whole.trim
      continue
    }
    const trim =
      tag.mark === '-' ? 'all' : tag.mark === '' && kind !== '{' && options.trimBlocks ? 'line' : ''
    if (kind !== '#')
      found.push({
        type: kind === '{' ? 'output' : 'block',
        text: source.slice(inside, tag.end),
        tokens: tag.tokens,
        line,
        newline: kind === '%' && source[tag.end] === '\n' && trim !== '',
      })
    line += newlines(source.slice(end, tag.end))
    at = tag.end
    trimNext = trim
  }
  return found
}

interface Tag {
  readonly tokens: readonly Token[]
  readonly mark: string
  /** Behind the closing brace. */
  readonly end: number
}

const newlines = (text: string): number => text.split('\n').length - 1

const trimmedStart = (text: string, how: string): string =>
  how === 'all' ? text.replace(/^\s+/, '') : how === 'line' ? text.replace(/^\n/, '') : text

/** Without the blanks of the last line, when there is nothing else in it. */
function lstripped(text: string, fromLineStart: boolean): string {
  const start = text.lastIndexOf('\n') + 1
  if (start === 0 && !fromLineStart) return text
  return /^[^\S\n]*$/.test(text.slice(start)) ? text.slice(0, start) : text
}

function commentEnd(source: string, from: number): Tag {
  const end = source.indexOf('#}', from)
  if (end < 0) throw new Untranslatable('a comment has no end')
  const mark = end > from && /[-+]/.test(source[end - 1]!) ? source[end - 1]! : ''
  return { tokens: [], mark, end: end + 2 }
}

function rawBlock(
  source: string,
  tag: Tag,
  options: LexerOptions,
  line: number,
): { text: string; end: number; trim: string } {
  const close = /\{%([-+]?)\s*endraw\s*([-+]?)%\}/g
  close.lastIndex = tag.end
  const found = close.exec(source)
  if (!found) throw at(line, new Untranslatable('raw has no endraw'))
  const start = tag.mark === '-' ? 'all' : tag.mark === '' && options.trimBlocks ? 'line' : ''
  let text = trimmedStart(source.slice(tag.end, found.index), start)
  if (found[1] === '-') text = text.replace(/\s+$/, '')
  const trim = found[2] === '-' ? 'all' : found[2] === '' && options.trimBlocks ? 'line' : ''
  return { text, end: found.index + found[0].length, trim }
}

/** Reads the tokens of an expression or a statement up to its end. */
function tagEnd(source: string, from: number, kind: string, line: number): Tag {
  const close = kind === '{' ? '}}' : '%}'
  const tokens: Token[] = []
  const open: string[] = []
  for (let at = from; at < source.length;) {
    const space = /^\s+/.exec(source.slice(at, at + 200))
    if (space) {
      at += space[0].length
      continue
    }
    if (open.length === 0) {
      if (source.startsWith(close, at)) return { tokens, mark: '', end: at + 2 }
      if (
        /[-+]/.test(source[at]!) &&
        source.startsWith(close, at + 1) &&
        (kind === '%' || source[at] === '-')
      )
        return { tokens, mark: source[at]!, end: at + 3 }
    }
    const token = tokenAt(source, at, line)
    if ('([{'.includes(token.text) && token.type === 'sign') open.push(token.text)
    if (')]}'.includes(token.text) && token.type === 'sign') open.pop()
    tokens.push(token)
    at += token.length
  }
  throw placed(line, new Untranslatable(`{${kind} has no ${close}`))
}

function tokenAt(source: string, at: number, line: number): Token & { length: number } {
  const rest = source.slice(at)
  const name = /^[A-Za-z_]\w*/.exec(rest)
  if (name) return { type: 'name', text: name[0], length: name[0].length }
  const float = /^(?:\d+_)*\d+(?:\.(?:\d+_)*\d+(?:e[+-]?\d+)?|e[+-]?\d+)/i.exec(rest)
  if (float && source[at - 1] !== '.')
    return {
      type: 'number',
      text: float[0],
      value: Number(float[0].replaceAll('_', '')),
      length: float[0].length,
    }
  const number = /^(?:0b[01_]+|0o[0-7_]+|0x[\da-f_]+|[1-9][\d_]*|0[0_]*)/i.exec(rest)
  if (number)
    return {
      type: 'number',
      text: number[0],
      value: Number(number[0].replaceAll('_', '')),
      length: number[0].length,
    }
  const string = /^(?:'(?:[^'\\]|\\[^])*'|"(?:[^"\\]|\\[^])*")/.exec(rest)
  if (string)
    return {
      type: 'string',
      text: string[0],
      value: unescaped(string[0].slice(1, -1)),
      length: string[0].length,
    }
  const sign = signs.find((each) => rest.startsWith(each))
  if (sign) return { type: 'sign', text: sign, length: sign.length }
  throw placed(
    line,
    new Untranslatable(`${JSON.stringify(rest[0])} is not understood in a template`),
  )
}

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\u0007',
  b: '\b',
  f: '\f',
  v: '\v',
  '\n': '',
}

/** A string as Python reads it. */
function unescaped(text: string): string {
  return text.replace(
    /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{1,3})|([^]))/g,
    (whole, x?: string, u?: string, long?: string, octal?: string, one = '') => {
      const code = x ?? u ?? long
      if (code !== undefined) return String.fromCodePoint(parseInt(code, 16))
      if (octal !== undefined) return String.fromCodePoint(parseInt(octal, 8))
      return escapes[one] ?? (/[\\'"]/.test(one) ? one : whole)
    },
  )
}

function placed(line: number, error: Untranslatable): Untranslatable {
  error.line ??= line
  return error
}

const at = placed

/** The tokens of an expression that stands alone, as in `when:`. */
export function expressionTokens(text: string): readonly Token[] {
  return tagEnd(`${text} }}`, 0, '{', 1).tokens
}
