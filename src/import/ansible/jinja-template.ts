import { type Expression, ExpressionParser } from './jinja-expression.ts'
import {
  type LexerOptions,
  type Piece,
  Untranslatable,
  ansibleOptions,
  pieces,
} from './jinja-lexer.ts'

/** A part of a template. */
export type Part =
  | { readonly type: 'text'; readonly text: string }
  /** The source had a newline here that is not part of the text. */
  | { readonly type: 'break' }
  | { readonly type: 'output'; readonly value: Expression; readonly line: number }
  | {
      readonly type: 'if'
      readonly branches: readonly Branch[]
      readonly line: number
      readonly newline: boolean
    }
  | Loop
  | Assignment

export interface Branch {
  /** Undefined: `else`. */
  readonly test: Expression | undefined
  readonly body: readonly Part[]
}

export interface Loop {
  readonly type: 'for'
  /** One name, or two for the keys and the values of pairs. */
  readonly names: readonly string[]
  readonly over: Expression
  readonly only: Expression | undefined
  readonly body: readonly Part[]
  readonly otherwise: readonly Part[]
  readonly line: number
  /** The newline behind its end is not part of the text. */
  readonly newline: boolean
}

export interface Assignment {
  readonly type: 'set'
  readonly name: string
  readonly value: Expression
  readonly line: number
}

/** A template, and the newlines at its end that Ansible sees to. */
export interface Template {
  readonly parts: readonly Part[]
  readonly newlines: number
}

const header = /^#jinja2:([^\n]*)\n/

/** Reads a template as Ansible's `template` does, with the settings that its first line may hold. */
export function parseTemplate(source: string, given: Partial<LexerOptions> = {}): Template {
  let text = source.replace(/\r\n?/g, '\n')
  const options = { ...ansibleOptions, ...given }
  const settings = header.exec(text)
  if (settings) {
    text = text.slice(settings[0].length)
    for (const each of settings[1]!.split(',')) {
      const [name = '', value = ''] = each.split(':').map((word) => word.trim())
      if (name === 'trim_blocks') Object.assign(options, { trimBlocks: /^true$/i.test(value) })
      else if (name === 'lstrip_blocks')
        Object.assign(options, { lstripBlocks: /^true$/i.test(value) })
      else throw new Untranslatable(`the setting ${name} in its first line is not known`)
    }
  }
  const newlines = /\n*$/.exec(text)![0].length
  // Jinja2 drops one newline at the end, and Ansible puts back what is missing there.
  const parser = new TemplateParser(pieces(text.replace(/\n$/, ''), options))
  return { parts: parser.parts(), newlines }
}

class TemplateParser {
  readonly #pieces: readonly Piece[]
  #at = 0

  constructor(all: readonly Piece[]) {
    this.#pieces = all
  }

  parts(): Part[] {
    const found = this.#until([])
    return found.body
  }

  /** Parts up to a block that begins with one of the words; that block is taken too. */
  #until(ends: readonly string[]): { body: Part[]; end: string; rest: ExpressionParser } {
    const body: Part[] = []
    for (;;) {
      const piece = this.#pieces[this.#at++]
      if (!piece) {
        if (ends.length > 0) throw new Untranslatable(`${ends.at(-1)} is missing`)
        return { body, end: '', rest: new ExpressionParser([]) }
      }
      const end = this.#inLine(piece, () => this.#part(piece, ends, body))
      if (end) return { body, ...end }
    }
  }

  #inLine<Result>({ line }: Piece, work: () => Result): Result {
    try {
      return work()
    } catch (error) {
      if (error instanceof Untranslatable) error.line ??= line
      throw error
    }
  }

  #part(
    piece: Piece,
    ends: readonly string[],
    body: Part[],
  ): { end: string; rest: ExpressionParser } | undefined {
    if (piece.type === 'text') {
      body.push({ type: 'text', text: piece.text })
      return undefined
    }
    const parser = new ExpressionParser(piece.tokens)
    if (piece.type === 'output') {
      body.push({ type: 'output', value: parser.tuple(), line: piece.line })
      parser.end()
      return undefined
    }
    const word = parser.name()
    if (ends.includes(word)) return { end: word, rest: parser }
    if (word === 'set') this.#set(body, piece, parser)
    else body.push(this.#block(word, parser, piece))
    return undefined
  }

  #block(word: string, parser: ExpressionParser, piece: Piece): Part {
    if (word === 'if') return this.#if(parser, piece)
    if (word === 'for') return this.#for(parser, piece)
    throw new Untranslatable(`{% ${word} %} has no counterpart in Eta`)
  }

  #set(body: Part[], piece: Piece, parser: ExpressionParser): void {
    const name = parser.name()
    if (parser.next.text !== '=')
      throw new Untranslatable(
        parser.next.text === '.'
          ? 'values of a namespace are not followed'
          : 'set without a value is not translated',
      )
    parser.expect('=')
    const value = parser.tuple()
    parser.end()
    body.push({ type: 'set', name, value, line: piece.line }, ...breaks(piece))
  }

  #if(first: ExpressionParser, piece: Piece): Part {
    const branches: Branch[] = []
    let test: Expression | undefined = first.expression()
    first.end()
    for (let from = piece; ;) {
      const { body, end, rest } = this.#until(test ? ['elif', 'else', 'endif'] : ['endif'])
      branches.push({ test, body: [...breaks(from), ...body] })
      from = this.#pieces[this.#at - 1]!
      if (end === 'endif')
        return { type: 'if', branches, line: piece.line, newline: from.newline === true }
      test = end === 'elif' ? rest.expression() : undefined
      rest.end()
    }
  }

  #for(parser: ExpressionParser, piece: Piece): Loop {
    const brackets = parser.accept('(')
    const names = [parser.name()]
    while (parser.accept(',')) names.push(parser.name())
    if (brackets) parser.expect(')')
    parser.expect('in')
    const over = parser.or()
    const only = parser.accept('if') ? parser.expression() : undefined
    if (parser.is('recursive'))
      throw new Untranslatable('a recursive loop has no counterpart in Eta')
    parser.end()
    const { body, end } = this.#until(['else', 'endfor'])
    const middle = this.#pieces[this.#at - 1]!
    const otherwise = end === 'else' ? [...breaks(middle), ...this.#until(['endfor']).body] : []
    const newline = this.#pieces[this.#at - 1]!.newline === true
    const inside = [...breaks(piece), ...body]
    return { type: 'for', names, over, only, body: inside, otherwise, line: piece.line, newline }
  }
}

const breaks = ({ newline }: Piece): Part[] => (newline ? [{ type: 'break' }] : [])
