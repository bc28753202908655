// `npm run picture`: runs Fettle on lab hosts and writes what it printed to docs/picture.svg.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const folder = mkdtempSync(join(tmpdir(), 'fettle-picture-'))
cpSync(join(root, 'examples', 'starter'), folder, { recursive: true })
const screen: string[] = []

try {
  fettle('lab', 'up')
  show('plan', '--lab')
  show('up', '--lab', '--plan-hash', planHash())
  edit("greeting: 'Hello'", "greeting: 'Good morning'")
  show('up', '--lab', '--yes')
  show('up', '--lab', '--yes')
  writeFileSync(join(root, 'docs', 'picture.svg'), svg(screen))
} finally {
  fettle('lab', 'down')
  rmSync(folder, { recursive: true, force: true })
}

function fettle(...words: string[]): string {
  const main = join(root, 'dist', 'cli', 'fettle.cjs')
  const env = { ...process.env, FORCE_COLOR: '1' }
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...words], {
    cwd: folder,
    encoding: 'utf8',
    env,
  })
  if (status !== 0)
    throw new Error(`fettle ${words.join(' ')} ended with ${status}: ${stdout}${stderr}`)
  return stdout
}

/** Runs a command and puts it and what it printed on the screen. */
function show(...words: string[]): void {
  const begun = performance.now()
  const output = fettle(...words).trimEnd()
  const seconds = ((performance.now() - begun) / 1000).toFixed(1)
  if (screen.length > 0) screen.push('')
  screen.push(
    `\x1b[1m$ fettle ${words.join(' ')}\x1b[22m  \x1b[2m# ${seconds} s\x1b[22m`,
    ...output.split('\n'),
  )
}

function edit(before: string, after: string): void {
  const file = join(folder, 'fleet.ts')
  writeFileSync(file, readFileSync(file, 'utf8').replace(before, after))
  screen.push('', `\x1b[2m# one line of fleet.ts edited: ${after}\x1b[22m`)
}

function planHash(): string {
  return (JSON.parse(fettle('plan', '--lab', '--json')) as { hash: string }).hash
}

function svg(lines: readonly string[]): string {
  const [advance, leading, margin] = [8.43, 19, 18]
  const columns = Math.max(...lines.map((line) => stripVTControlCharacters(line).length))
  const width = Math.ceil(columns * advance + 2 * margin)
  const height = lines.length * leading + 2 * margin
  const rows = lines.map(
    (line, i) =>
      `<text x="${margin}" y="${margin + 14 + i * leading}" xml:space="preserve">${spans(line)}</text>`,
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14" fill="#d7dae0">
<rect width="100%" height="100%" rx="8" fill="#1b1e24"/>
${rows.join('\n')}
</svg>
`
}

/** Text with the escapes that Fettle's own renderer uses, as SVG spans. */
function spans(line: string): string {
  const colours: Readonly<Record<string, string>> = {
    31: '#f07178',
    32: '#a5d66f',
    33: '#ffcb6b',
    35: '#c792ea',
    36: '#79c9e5',
  }
  let style = { colour: '', bold: false, dim: false }
  return (
    line
      // oxlint-disable-next-line no-control-regex -- escapes begin with a control character
      .split(/(\x1b\[\d+m)/)
      .map((part) => {
        // oxlint-disable-next-line no-control-regex
        const code = /^\x1b\[(\d+)m$/.exec(part)?.[1]
        if (code === undefined)
          return part === '' ? '' : `<tspan${attributes(style)}>${escaped(part)}</tspan>`
        if (code === '22') style = { ...style, bold: false, dim: false }
        else if (code === '1') style = { ...style, bold: true }
        else if (code === '2') style = { ...style, dim: true }
        else style = { ...style, colour: colours[code] ?? '' }
        return ''
      })
      .join('')
  )

  function attributes({ colour, bold, dim }: typeof style): string {
    return [colour && ` fill="${colour}"`, bold && ' font-weight="bold"', dim && ' opacity="0.6"']
      .filter(Boolean)
      .join('')
  }
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
