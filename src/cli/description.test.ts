import { mkdirSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { Description } from './description.ts'

const fettle = { word: 'fine' }

function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'fettle-description-'))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return folder
}

const load = (folder: string, name = 'fleet.ts'): Promise<unknown> =>
  new Description(join(folder, 'cache'), { fettle }).import(join(folder, name))

test('what TypeScript and modules can do', async () => {
  const folder = folderWith({
    'fleet.ts': `import { word, type Never } from 'fettle'
import beside, { twice } from './roles/web'
import built from './roles/built.js'
import data from './data.json'
import { basename } from 'node:path'
export * from './roles'
enum Size { small = 1, large }
export const late = await Promise.resolve('late')
const { lazy } = await import('./lazy.ts')
export default { word, beside, built, data, lazy, size: Size.large, here: basename(import.meta.url) } as const
export const typed = twice(<number>2) satisfies number
`,
    'roles/web.ts': `export default 'web'\nexport const twice = (n: number): number => 2 * n\n`,
    'roles/built.ts': `export default 'built'`,
    'roles/index.ts': `export const listed: string = 'listed'`,
    'data.json': '{"port": 80}',
    'lazy.ts': `export const lazy: boolean = true`,
  })
  const expected = {
    default: {
      word: 'fine',
      beside: 'web',
      built: 'built',
      data: { port: 80 },
      lazy: true,
      size: 2,
      here: 'fleet.ts',
    },
    late: 'late',
    listed: 'listed',
    typed: 4,
  }
  expect(await load(folder)).toMatchObject(expected)
  expect(await load(folder)).toMatchObject(expected)
})

test('each file runs once; a circle sees what there is so far', async () => {
  const folder = folderWith({
    'fleet.ts': `import { a } from './a.ts'
import { b } from './b.ts'
export default [a(), b, (globalThis as never as { runs: number }).runs]`,
    'a.ts': `import { b } from './b.ts'
const world = globalThis as never as { runs?: number }
world.runs = (world.runs ?? 0) + 1
export const a = () => b`,
    'b.ts': `import { a } from './a.ts'\nexport const b = 'b' + typeof a`,
  })
  expect(await load(folder)).toMatchObject({ default: ['bundefined', 'bundefined', 1] })
})

test('a package gets what a description gets, whatever kind of module it is', async () => {
  const folder = folderWith({
    'fleet.ts': `import { said } from 'roles'\nexport default said`,
    'node_modules/roles/package.json': '{"name": "roles", "type": "module", "main": "main.js"}',
    'node_modules/roles/main.js': `import { word } from 'fettle'\nexport const said = 'so ' + word`,
  })
  expect(await load(folder)).toMatchObject({ default: 'so fine' })
})

test('what was kept is used until the source is another one', async () => {
  const folder = folderWith({ 'fleet.ts': `export default 'one'` })
  expect(await load(folder)).toMatchObject({ default: 'one' })
  const [name] = readdirSync(join(folder, 'cache'))
  const kept = join(folder, 'cache', name!)
  const [source, code] = readFileSync(kept, 'utf8').split('\0')
  writeFileSync(kept, `${source}\0${code!.replace('one', 'kept')}`)
  expect(await load(folder)).toMatchObject({ default: 'kept' })
  writeFileSync(join(folder, 'fleet.ts'), `export default 'two'`)
  expect(await load(folder)).toMatchObject({ default: 'two' })
  writeFileSync(kept, 'cut sho')
  expect(await load(folder)).toMatchObject({ default: 'two' })
})

test.each([
  ['export default {', /fleet\.ts/],
  [`import './not-there.ts'`, /not-there/],
  [`import 'not-installed'`, /not-installed/],
  [`export default 1\nthrow new Error('mine')`, /^mine$/],
])('%j fails with its reason, each time', async (source, reason) => {
  const folder = folderWith({ 'fleet.ts': source })
  await expect(load(folder)).rejects.toThrow(reason)
  await expect(load(folder)).rejects.toThrow(reason)
})

test('an error names the line', async () => {
  const folder = folderWith({
    'fleet.ts': `import './deep.ts'`,
    'deep.ts': `type A = 1\n\ninterface B { a: A }\nexport const x: B = (null as any).x.y`,
  })
  const error = await load(folder).catch((thrown: unknown) => thrown)
  expect((error as Error).stack).toContain(`${join(folder, 'deep.ts')}:4:`)
})
