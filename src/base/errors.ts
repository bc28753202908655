import { catalogue } from './catalogue.ts'

export type ErrorCode = keyof typeof catalogue

type Placeholders<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Placeholders<Rest>
  : never

/** The values that the entry of a code needs, by name. */
export type Details<Code extends ErrorCode> = Readonly<
  Record<Placeholders<(typeof catalogue)[Code]['what' | 'state' | 'next']>, string | number>
>

/** Where in the user's own files something was written. Lines count from 1. */
export interface SourcePosition {
  readonly file: string
  readonly line: number
}

/** An error of the catalogue, ready to be shown to a person or printed as JSON. */
export class FettleError extends Error {
  override readonly name = 'FettleError'
  readonly code: ErrorCode
  readonly state: string
  readonly next: string
  readonly at: SourcePosition | undefined
  readonly log: string | undefined

  constructor(
    code: ErrorCode,
    texts: { what: string; state: string; next: string },
    more: { at?: SourcePosition | undefined; log?: string | undefined } = {},
  ) {
    super(texts.what)
    this.code = code
    this.state = texts.state
    this.next = texts.next
    // A position may be found out only when it is asked for; line 0 means that it is not known.
    this.at = more.at && more.at.line > 0 ? { file: more.at.file, line: more.at.line } : undefined
    this.log = more.log
  }

  toJSON(): object {
    const { code, message, state, next, at, log } = this
    return { code, what: message, state, next, at, log }
  }
}

/** Makes the error of a code; `at` is the user's own line, `log` the end of what a host printed. */
export function problem<Code extends ErrorCode>(
  code: Code,
  details: Details<Code>,
  more: { at?: SourcePosition | undefined; log?: string | undefined } = {},
): FettleError {
  const fill = (text: string): string =>
    text.replace(/\{(\w+)\}/g, (_, name: string) =>
      String((details as Record<string, unknown>)[name]),
    )
  const { what, state, next } = catalogue[code]
  return new FettleError(code, { what: fill(what), state: fill(state), next: fill(next) }, more)
}

/** Any thrown value as an error of the catalogue; what is not one yet is our own fault. */
export function asFettleError(thrown: unknown): FettleError {
  if (thrown instanceof FettleError) return thrown
  const reason = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
  return problem('internal-error', { reason })
}
