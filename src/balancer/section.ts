import { inPortions } from '../base/portions.ts'

/** A section of haproxy.cfg. */
export const section = (head: string, rows: readonly (string | false)[]): string =>
  [head, ...rows.filter((each) => each !== false).map((each) => `  ${each}`), ''].join('\n')

/** One word, whatever it holds: nothing means anything between HAProxy's single quotes. */
export const word = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`

export const milliseconds = (seconds: number): string => `${Math.round(seconds * 1000)}ms`

/** A line may have so many words, or commands of the socket; a list of this length leaves room for the others. */
export const inRows = <Each>(all: readonly Each[]): Each[][] => inPortions(all, 40)
