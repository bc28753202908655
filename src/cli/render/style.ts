import { styleText } from 'node:util'

type Format = Parameters<typeof styleText>[0]

/** Paints text for a terminal, or leaves it as it is. */
export type Paint = (format: Format, text: string) => string

/** Colours where the stream is a terminal that wants them (no-color.org). */
export function paintFor(stream: { isTTY?: boolean }): Paint {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env
  const wanted = FORCE_COLOR
    ? FORCE_COLOR !== '0'
    : stream.isTTY === true && !NO_COLOR && TERM !== 'dumb'
  // What the stream is has been looked at: styleText need not look again, and differently.
  const plainly = { validateStream: false }
  return wanted ? (format, text) => styleText(format, text, plainly) : (_, text) => text
}

/** Control characters as visible escapes, so that names and output cannot move the cursor. */
export function visible(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, (each) => {
    const escape = JSON.stringify(each).slice(1, -1)
    return escape === each ? `\\u00${each.charCodeAt(0).toString(16)}` : escape
  })
}

/** `1 change`, `2 changes`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

export function seconds(value: number): string {
  return value < 10 ? `${value.toFixed(2)} s` : `${value.toFixed(1)} s`
}
