// `npm run reference`: writes docs/reference/ from the code, so that it says what the code does.
// With --check it writes nothing and fails when a page is not what the code says.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { catalogue } from '../src/base/catalogue.ts'
import { exitCodes } from '../src/cli/exit-code.ts'
import type { Kind } from '../src/model/kind.ts'
import { kinds } from '../src/resources/kinds.ts'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

const entry = read('src/index.ts').replaceAll(/\{([^}]*)\}/g, (list) => list.replaceAll('\n', ' '))

const pages: Readonly<Record<string, () => string>> = {
  'resources.md': resources,
  'errors.md': errors,
  'commands.md': commands,
}

const stale: string[] = []
for (const [name, page] of Object.entries(pages)) {
  const path = join('docs', 'reference', name)
  const text = page()
  if (!process.argv.includes('--check')) writeFileSync(join(root, path), text)
  else if (read(path) !== text) stale.push(path)
}
if (stale.length > 0) {
  console.error(`Not what the code says: ${stale.join(', ')}. Run \`npm run reference\`.`)
  process.exitCode = 1
}

function resources(): string {
  const all = [...kinds.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  return [
    '# Resources',
    '',
    'Each is made by a function of `fettle` and returned from a role. Wrapped in `absent(...)` it is',
    'wanted gone instead of there. All of them take these too:',
    '',
    table(interfaceFields(read('src/model/resource.ts'), 'Common')),
    '',
    ...all.flatMap(resource),
  ].join('\n')
}

function resource(kind: Kind): string[] {
  const source = read(`src/resources/${kind.name}.ts`)
  const maker = [...source.matchAll(/\/\*\*((?:[^*]|\*(?!\/))*)\*\/\nexport function (\w+)/g)]
    .map((match) => ({ doc: prose(match[1]!), name: match[2]! }))
    .filter(({ name }) => new RegExp(`\\b${name}\\b.*resources/${kind.name}\\.ts`).test(entry))
  const options = /export (?:interface|type) (\w+Options)/.exec(source)?.[1] ?? ''
  const facts = [
    kind.user === 'root'
      ? 'Read and changed as root.'
      : 'Read and changed as the login user, unless `user` says otherwise.',
    ...(kind.actions
      ? [
          `Actions for \`notify\`: ${Object.keys(kind.actions)
            .map((name) => `\`${name}\``)
            .join(', ')}.`,
        ]
      : []),
    ...(kind.batch ? ['Changes that stand next to each other are made in one step.'] : []),
    ...(kind.opaque
      ? ['A change may reach beyond it: what comes later and is not there yet shows as unknown.']
      : []),
  ]
  const inherited = source.includes(`${options} extends Ownership`)
    ? interfaceFields(read('src/resources/inode.ts'), 'Ownership')
    : []
  return [
    `## ${kind.name}`,
    '',
    docOf(source, options),
    '',
    ...maker.map(({ doc, name }) => `- \`${name}\`: ${doc}`),
    '',
    table([...optionFields(source), ...inherited]),
    '',
    facts.join(' '),
    '',
  ]
}

interface Field {
  readonly name: string
  readonly type: string
  readonly doc: string
}

/** The documented fields of one interface. */
function interfaceFields(source: string, name: string): Field[] {
  return fieldsOf(new RegExp(`export interface ${name}\\b[^]*?\\n\\}`).exec(source)?.[0] ?? '')
}

/** The documented fields of what the user writes: all that stand before the function that takes them. */
function optionFields(source: string): Field[] {
  const before = source.slice(0, source.indexOf('\nexport function '))
  return fieldsOf(before.replace(/\ninterface \w+(Desired|State)\b[^]*?\n\}/g, ''))
}

function fieldsOf(text: string): Field[] {
  const documented = /\/\*\*((?:[^*]|\*(?!\/))*)\*\/\s+readonly (\w+)(\??): ([^\n]+)/g
  return [...text.matchAll(documented)].map((match) => ({
    name: `${match[2]!}${match[3] === '?' ? '' : ' (needed)'}`,
    type: match[4]!.replace(/^readonly /, ''),
    doc: prose(match[1]!),
  }))
}

function docOf(source: string, name: string): string {
  const found = new RegExp(
    `/\\*\\*((?:[^*]|\\*(?!/))*)\\*/\\nexport (?:interface|type) ${name}\\b`,
  ).exec(source)
  return prose(found?.[1] ?? '')
}

function prose(comment: string): string {
  return comment
    .replace(/\n\s*\* ?/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
}

function table(fields: readonly Field[]): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|')
  return [
    '| field | type | meaning |',
    '| --- | --- | --- |',
    ...fields.map(
      ({ name, type, doc }) =>
        `| \`${name.replace(' (needed)', '')}\`${name.endsWith(')') ? ' (needed)' : ''} | \`${cell(type)}\` | ${cell(doc)} |`,
    ),
  ].join('\n')
}

function errors(): string {
  const code = (text: string): string => text.replace(/\{(\w+)\}/g, '`$1`')
  return [
    '# Errors',
    '',
    'Every error has a permanent code and says what happened, what state things are in now, and what',
    'to do next.',
    '',
    ...Object.entries(catalogue).flatMap(([name, { what, state, next }]) => [
      `## ${name}`,
      '',
      `${code(what)}  `,
      `State: ${code(state)}  `,
      `Next: ${code(next)}`,
      '',
    ]),
  ].join('\n')
}

function commands(): string {
  const help = (...words: string[]): string =>
    execFileSync(
      process.execPath,
      ['--import', 'jiti/register', join(root, 'src/cli/main.ts'), ...words, '--help'],
      {
        encoding: 'utf8',
        cwd: root,
        env: { ...process.env, NO_COLOR: '1', COLUMNS: '100' },
      },
    ).trimEnd()
  const names = ['init', 'plan', 'up', 'facts', 'run', 'ssh', 'log', 'env', 'doctor']
  const lab = ['up', 'down', 'list', 'reset', 'ssh'].map((name) => ['lab', name])
  const secrets = ['set', 'edit', 'get', 'list', 'who', 'add', 'remove', 'rotate'].map((name) => [
    'secrets',
    name,
  ])
  const meanings = {
    done: 'everything that was asked for is done',
    failed: 'something failed on at least one host; the other hosts went on',
    wrong:
      'the command line or the description is wrong, or something was refused: nothing was changed',
    interrupted: 'interrupted by a person: the step in hand was finished',
  } satisfies Record<keyof typeof exitCodes, string>
  return [
    '# Commands',
    '',
    '| exit code | meaning |',
    '| --- | --- |',
    ...Object.entries(exitCodes).map(
      ([name, value]) => `| ${value} | ${meanings[name as keyof typeof meanings]} |`,
    ),
    '',
    '`fettle ssh` and `fettle lab ssh` end with the exit code of ssh.',
    '',
    ...[...names.map((name) => [name]), ...secrets, ...lab].flatMap((words) => [
      `## fettle ${words.join(' ')}`,
      '',
      '```',
      help(...words),
      '```',
      '',
    ]),
  ].join('\n')
}
