import { text } from 'node:stream/consumers'
import { problem } from '../base/errors.ts'

/** A value that is typed without being shown, or piped in; one trailing newline is left out. */
export async function readValue(prompt: string): Promise<string> {
  if (!process.stdin.isTTY) return (await text(process.stdin)).replace(/\r?\n$/, '')
  // Nothing is echoed any more when somebody is asked to type.
  const value = typed(process.stdin)
  process.stderr.write(prompt)
  try {
    return await value
  } finally {
    process.stderr.write('\n')
  }
}

/** One line of a terminal that echoes nothing. */
function typed(input: NodeJS.ReadStream): Promise<string> {
  return new Promise((resolve, reject) => {
    let line = ''
    const end = (settle: () => void): void => {
      input.off('data', take).setRawMode(false).pause()
      settle()
    }
    const take = (typed: string): void => {
      for (const letter of typed)
        if (letter === '\r' || letter === '\n' || letter === '\u0004') {
          end(() => resolve(line))
          return
        } else if (letter === '\u0003') {
          end(() => reject(problem('interrupted', { state: 'No value was changed.' })))
          return
        } else if (letter === '\u007f' || letter === '\b') line = [...line].slice(0, -1).join('')
        else line += letter
    }
    input.setRawMode(true).setEncoding('utf8').on('data', take).resume()
  })
}
