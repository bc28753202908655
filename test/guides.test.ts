import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test, vi } from 'vitest'
import { desiredOf } from '../src/model/desired.ts'
import type { Facts } from '../src/model/facts.ts'
import { type Fleet, fleet } from '../src/model/fleet.ts'
import type { Role } from '../src/model/role.ts'
import { kinds } from '../src/resources/kinds.ts'
import { useSecrets } from '../src/secrets/secret.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const guides = readdirSync(join(root, 'docs/guides')).filter((name) => name.endsWith('.md'))
const blocks = ['README.md', ...guides.map((name) => `docs/guides/${name}`)].flatMap(blocksOf)
const descriptions = blocks.filter(({ code }) => /^import [^;]*? from 'fettle'\n/.test(code))

interface Block {
  readonly page: string
  /** The line of its first code, from 1. */
  readonly line: number
  readonly code: string
}

function blocksOf(page: string): Block[] {
  const text = readFileSync(join(root, page), 'utf8')
  return [...text.matchAll(/^```ts\n([^]*?)^```$/gm)].map((match) => {
    const line = text.slice(0, match.index).split('\n').length + 1
    return { page, line, code: match[1]! }
  })
}

/** Calls `use` with a folder that has each block as `N/fleet.ts`. */
async function inFolder<T>(
  all: readonly Block[],
  use: (folder: string) => T | Promise<T>,
): Promise<T> {
  // Inside the checkout, where the compiler finds what they import; git ignores .fettle.
  mkdirSync(join(root, '.fettle'), { recursive: true })
  const folder = mkdtempSync(join(root, '.fettle', 'guides-'))
  try {
    for (const [i, { code }] of all.entries()) {
      mkdirSync(join(folder, String(i)))
      writeFileSync(join(folder, String(i), 'fleet.ts'), code)
    }
    return await use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What tsc says about the blocks, with the pages' own names and lines. */
function typeErrors(checked: readonly Block[]): Promise<string[]> {
  return inFolder(checked, (folder) => {
    const config = { extends: '../../examples/tsconfig.json', include: ['.'] }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const args = [tsc, '-p', folder, '--pretty', 'false']
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      cwd: folder,
      encoding: 'utf8',
    })
    const found = `${stdout}${stderr}`.split('\n').filter((row) => row !== '')
    if (status !== 0 && found.length === 0) return [`tsc ended with ${status}`]
    return found.map((row) =>
      row.replace(/^(\d+)\/fleet\.ts\((\d+),/, (_, i: string, line: string) => {
        const block = checked[Number(i)]!
        return `${block.page}(${block.line - 1 + Number(line)},`
      }),
    )
  })
}

const facts: Facts = {
  hostname: 'web1',
  os: { id: 'debian', version: '12', codename: 'bookworm' },
  architecture: 'x86_64',
  kernel: '6.1.0',
  cpus: 2,
  memory: 4 * 1024 ** 3,
  addresses: ['10.0.0.5'],
}

/** How many resources each host gets; what is exported alone is placed on one host. */
async function resourcesOf(folder: string, { code }: Block): Promise<number[]> {
  for (const [, name] of code.matchAll(/'([\w./-]+\.(?:eta|cf))'/g)) {
    mkdirSync(dirname(join(folder, name!)), { recursive: true })
    writeFileSync(join(folder, name!), '[Service]\nExecStart=/bin/true\n')
  }
  for (const [, name] of code.matchAll(/source: '\.\/([\w-]+)'/g)) {
    mkdirSync(join(folder, name!), { recursive: true })
    writeFileSync(join(folder, name!, 'Procfile'), 'web: ./server\n')
  }
  const made = (await import(join(folder, 'fleet.ts'))) as { default?: Fleet }
  const alone = Object.values(made).find((each) => 'on' in each) as Role | undefined
  const vars = { domain: 'example.test' } as object
  const all = made.default ?? fleet({ hosts: { web1: {} }, vars, roles: [alone!.on('*')] })
  return [...all.hosts.values()].map((host) => desiredOf(all, host, facts, kinds).length)
}

describe('what the guides show', () => {
  test('descriptions are right for the compiler', async () => {
    expect(new Set(descriptions.map(({ page }) => page))).toContain('README.md')
    expect(await typeErrors(descriptions)).toEqual([])
  })

  test('and when they run', async () => {
    vi.stubEnv('DB_PASSWORD', 'hunter2')
    vi.stubEnv('SMTP_PASSWORD', 'hunter2')
    useSecrets({ values: new Map([['smtp-password', 'hunter2']]) })
    await inFolder(descriptions, async (folder) => {
      for (const [i, block] of descriptions.entries()) {
        const code = block.code.replace('/home/ada/keys/shop.pem', '/etc/hostname')
        writeFileSync(join(folder, String(i), 'fleet.ts'), code)
        const where = `${block.page}, line ${block.line}`
        for (const count of await resourcesOf(join(folder, String(i)), block))
          expect(count, where).toBeGreaterThan(0)
      }
    })
    vi.unstubAllEnvs()
    useSecrets()
  })

  test('a mistake would be found, on its line', async () => {
    const code = "import { file } from 'fettle'\n\nfile('/x', { contents: '' })\n"
    expect(await typeErrors([{ page: 'page.md', line: 10, code }])).toEqual([
      expect.stringMatching(/^page\.md\(12,14\): error TS\d+: .*'contents'/),
    ])
  })

  test('parts of timezone.ts are parts of it', () => {
    const plain = (text: string): string => text.replace(/^ +/gm, '')
    const source = ['timezone.ts', 'timezone.test.ts']
      .map((name) => plain(readFileSync(join(root, 'src/resources', name), 'utf8')))
      .join('\n')
    const parts = blocks.filter(({ page }) => page.endsWith('write-a-resource.md'))
    expect(parts.length).toBeGreaterThan(10)
    for (const { code, line } of parts)
      expect(source.includes(plain(code)), `write-a-resource.md, line ${line}`).toBe(true)
  })

  test('links lead to files', () => {
    for (const name of guides) {
      const text = readFileSync(join(root, 'docs/guides', name), 'utf8')
      for (const [, to] of text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g))
        expect(() => readFileSync(join(root, 'docs/guides', to!)), `${name}: ${to}`).not.toThrow()
    }
  })
})
