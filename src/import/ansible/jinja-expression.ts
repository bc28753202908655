import { type Token, Untranslatable, expressionTokens } from './jinja-lexer.ts'

/** An expression of Jinja2. */
export type Expression =
  | {
      readonly type: 'literal'
      readonly value: string | number | boolean | null
      readonly text?: string
    }
  | { readonly type: 'name'; readonly name: string }
  | { readonly type: 'item'; readonly of: Expression; readonly key: Expression }
  | {
      readonly type: 'slice'
      readonly of: Expression
      readonly bounds: readonly (Expression | undefined)[]
    }
  | { readonly type: 'call'; readonly of: Expression; readonly args: Arguments }
  | {
      readonly type: 'filter'
      readonly of: Expression
      readonly name: string
      readonly args: Arguments
    }
  | {
      readonly type: 'test'
      readonly of: Expression
      readonly name: string
      readonly args: Arguments
    }
  | { readonly type: 'not' | 'negative'; readonly of: Expression }
  | {
      readonly type: 'binary'
      readonly sign: string
      readonly left: Expression
      readonly right: Expression
    }
  | {
      readonly type: 'choice'
      readonly test: Expression
      readonly yes: Expression
      readonly no: Expression | undefined
    }
  | { readonly type: 'list'; readonly items: readonly Expression[] }
  /** A value that is translated already. */
  | { readonly type: 'given'; readonly value: unknown }
  | { readonly type: 'dict'; readonly pairs: readonly (readonly [Expression, Expression])[] }

export interface Arguments {
  readonly list: readonly Expression[]
  readonly named: ReadonlyMap<string, Expression>
}

const none: Arguments = { list: [], named: new Map() }

/** Reads an expression that stands alone, as in `when:`. */
export function parseExpression(text: string): Expression {
  const parser = new ExpressionParser(expressionTokens(text))
  const found = parser.expression()
  parser.end()
  return found
}

/** Reads expressions off tokens, with the precedences of Jinja2. */
export class ExpressionParser {
  readonly #tokens: readonly Token[]
  #at = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  get next(): Token {
    return this.#tokens[this.#at] ?? { type: 'end', text: '' }
  }

  take(): Token {
    const token = this.next
    this.#at++
    return token
  }

  is(...words: readonly string[]): boolean {
    return this.next.type !== 'string' && words.includes(this.next.text)
  }

  accept(...words: readonly string[]): boolean {
    if (!this.is(...words)) return false
    this.#at++
    return true
  }

  expect(word: string): void {
    if (!this.accept(word))
      throw new Untranslatable(
        `${JSON.stringify(this.next.text || 'the end')} stands where ${word} should`,
      )
  }

  name(): string {
    const token = this.take()
    if (token.type !== 'name')
      throw new Untranslatable(`a name is missing before ${JSON.stringify(token.text)}`)
    return token.text
  }

  end(): void {
    if (this.next.type !== 'end')
      throw new Untranslatable(`${JSON.stringify(this.next.text)} is not understood there`)
  }

  expression(): Expression {
    let found = this.or()
    while (this.accept('if')) {
      const test = this.or()
      const no = this.accept('else') ? this.expression() : undefined
      found = { type: 'choice', test, yes: found, no }
    }
    return found
  }

  /** An expression without `if`, as between `in` and `if` of a loop. */
  or(): Expression {
    return this.#binary(['or'], () => this.#binary(['and'], () => this.#not()))
  }

  /** `a, b` is a list. */
  tuple(): Expression {
    const first = this.expression()
    if (!this.is(',')) return first
    const items = [first]
    while (this.accept(',')) {
      if (this.next.type === 'end' || this.is(')')) break
      items.push(this.expression())
    }
    return { type: 'list', items }
  }

  #not(): Expression {
    if (this.accept('not')) return { type: 'not', of: this.#not() }
    return this.#compare()
  }

  #compare(): Expression {
    let left = this.#sum()
    let chain: Expression | undefined
    for (;;) {
      const negated = this.is('not') && this.#tokens[this.#at + 1]?.text === 'in'
      if (!negated && !this.is('==', '!=', '<', '>', '<=', '>=', 'in')) return chain ?? left
      if (negated) this.take()
      const sign = negated ? (this.take(), 'not in') : this.take().text
      const right = this.#sum()
      const one: Expression = { type: 'binary', sign, left, right }
      chain = chain ? { type: 'binary', sign: 'and', left: chain, right: one } : one
      left = right
    }
  }

  #sum(): Expression {
    return this.#binary(['+', '-'], () => this.#binary(['~'], () => this.#product()))
  }

  #product(): Expression {
    return this.#binary(['*', '/', '//', '%'], () => this.#binary(['**'], () => this.#unary(true)))
  }

  #binary(signs: readonly string[], operand: () => Expression): Expression {
    let left = operand()
    while (this.is(...signs)) {
      const sign = this.take().text
      left = { type: 'binary', sign, left, right: operand() }
    }
    return left
  }

  #unary(filters: boolean): Expression {
    let found: Expression
    if (this.accept('-')) found = { type: 'negative', of: this.#unary(false) }
    else if (this.accept('+')) found = this.#unary(false)
    else found = this.#primary()
    found = this.#postfix(found)
    return filters ? this.#filters(found) : found
  }

  #primary(): Expression {
    const token = this.take()
    if (token.type === 'string') {
      let value = String(token.value)
      while (this.next.type === 'string') value += String(this.take().value)
      return { type: 'literal', value }
    }
    if (token.type === 'number') return { type: 'literal', value: token.value!, text: token.text }
    if (token.type === 'name') {
      if (/^[Tt]rue$/.test(token.text)) return { type: 'literal', value: true }
      if (/^[Ff]alse$/.test(token.text)) return { type: 'literal', value: false }
      if (/^[Nn]one$/.test(token.text)) return { type: 'literal', value: null }
      return { type: 'name', name: token.text }
    }
    if (token.text === '(') {
      if (this.accept(')')) return { type: 'list', items: [] }
      const inside = this.tuple()
      this.expect(')')
      return inside
    }
    if (token.text === '[')
      return { type: 'list', items: this.#until(']', () => this.expression()) }
    if (token.text === '{')
      return {
        type: 'dict',
        pairs: this.#until('}', () => {
          const key = this.expression()
          this.expect(':')
          return [key, this.expression()] as const
        }),
      }
    throw new Untranslatable(
      token.type === 'end'
        ? 'an expression is missing'
        : `${JSON.stringify(token.text)} is not understood there`,
    )
  }

  #until<Each>(close: string, read: () => Each): Each[] {
    const found: Each[] = []
    while (!this.accept(close)) {
      if (found.length > 0) this.expect(',')
      if (this.accept(close)) break
      found.push(read())
    }
    return found
  }

  #postfix(start: Expression): Expression {
    let found = start
    for (;;) {
      if (this.accept('.')) {
        const token = this.take()
        const value = token.type === 'number' ? token.value! : token.text
        found = { type: 'item', of: found, key: { type: 'literal', value } }
      } else if (this.accept('[')) {
        found = this.#subscript(found)
      } else if (this.is('(')) found = { type: 'call', of: found, args: this.#arguments() }
      else return found
    }
  }

  #subscript(of: Expression): Expression {
    const bounds: (Expression | undefined)[] = [undefined]
    while (!this.accept(']')) {
      if (this.accept(':')) bounds.push(undefined)
      else bounds[bounds.length - 1] = this.expression()
    }
    return bounds.length === 1 && bounds[0]
      ? { type: 'item', of, key: bounds[0] }
      : { type: 'slice', of, bounds }
  }

  #arguments(): Arguments {
    if (!this.accept('(')) return none
    const list: Expression[] = []
    const named = new Map<string, Expression>()
    this.#until(')', () => {
      if (this.next.type === 'name' && this.#tokens[this.#at + 1]?.text === '=')
        named.set(this.name(), (this.expect('='), this.expression()))
      else list.push(this.expression())
    })
    return { list, named }
  }

  #filters(start: Expression): Expression {
    let found = start
    for (;;) {
      if (this.accept('|'))
        found = { type: 'filter', of: found, name: this.#dotted(), args: this.#arguments() }
      else if (this.accept('is')) found = this.#test(found)
      else if (this.is('(')) found = { type: 'call', of: found, args: this.#arguments() }
      else return found
    }
  }

  #test(of: Expression): Expression {
    const negated = this.accept('not')
    const name = this.#dotted()
    let args = none
    if (this.is('(')) args = this.#arguments()
    else if (
      (this.next.type !== 'sign' &&
        this.next.type !== 'end' &&
        !this.is('else', 'or', 'and', 'is', 'if', 'not', 'in')) ||
      this.is('[', '{')
    )
      args = { list: [this.#postfix(this.#primary())], named: new Map() }
    const test: Expression = { type: 'test', of, name, args }
    return negated ? { type: 'not', of: test } : test
  }

  /** `ansible.builtin.bool` counts as `bool`. */
  #dotted(): string {
    let name = this.name()
    while (this.accept('.')) name = this.name()
    return name
  }
}

/** All names that an expression takes from outside. */
export function namesIn(expression: Expression): string[] {
  const found: string[] = []
  const visit = (each: unknown): void => {
    if (typeof each !== 'object' || each === null) return
    if (each instanceof Map) return [...each.values()].forEach(visit)
    if ((each as Expression).type === 'name') found.push((each as { name: string }).name)
    Object.values(each).forEach(visit)
  }
  visit(expression)
  return found
}
