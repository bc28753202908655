import { Secret } from '../base/secret.ts'
import type { AppOptions } from './app-options.ts'
import { imageSuggestion, isImageName } from './image-name.ts'

/** What is wrong with a description of an app, and what to write instead. */
export interface AppMistake {
  readonly field: string
  readonly problem: string
  readonly suggestion: string
}

type Fits = (value: any) => boolean
type Rule = readonly [fits: Fits, suggestion: string]
type Rules = Readonly<Record<string, Rule>>

const isText: Fits = (value) => typeof value === 'string' && value !== '' && !/[\0\n]/.test(value)
const within =
  (low: number, high: number): Fits =>
  (value) =>
    typeof value === 'number' && value >= low && value <= high
const whole =
  (low: number, high: number): Fits =>
  (value) =>
    Number.isInteger(value) && value >= low && value <= high
const seconds = (low: number): Rule => [within(low, 86_400), `seconds, ${low} or more`]
const flag: Rule = [(value) => typeof value === 'boolean', 'true or false']

const processName = /^[a-z][a-z0-9-]{0,30}$/
const isProcess: Fits = (value) => processName.test(value)

const build: Rules = {
  command: [(value) => value === '' || isText(value), 'one line for a shell, or an empty text'],
  where: [(value) => value === 'host' || value === 'here', "'host' or 'here'"],
  output: [
    (value) => isText(value) && !/^\/|(^|\/)\.\.(\/|$)/.test(value),
    "a folder in the built tree, such as 'dist'",
  ],
  timeout: seconds(1),
}
const health: Rules = {
  path: [(value) => isText(value) && /^\/[!-~]*$/.test(value), "a path such as '/health'"],
  status: [
    (value) =>
      Array.isArray(value) &&
      value.length === 2 &&
      value.every(whole(100, 599)) &&
      value[0] <= value[1],
    'two numbers such as [200, 299]',
  ],
  healthy: [whole(1, 100), 'a whole number from 1 to 100'],
  timeout: seconds(0.1),
  within: seconds(1),
  every: seconds(0.1),
}
const limits: Rules = {
  memory: [whole(8, 1 << 22), 'MiB, 8 or more'],
  cpu: [within(0.01, 1024), 'processors such as 0.5'],
  tasks: [whole(1, 1 << 20), 'a whole number'],
  files: [whole(16, 1 << 20), 'a whole number, 16 or more'],
}
const balance: Rules = {
  by: [(value) => value === 'roundrobin' || value === 'leastconn', "'roundrobin' or 'leastconn'"],
  sticky: flag,
  connections: [whole(1, 1 << 20), 'a whole number, 1 or more'],
  queue: seconds(0.1),
  timeout: seconds(0.1),
  tunnel: seconds(1),
  https: flag,
  gzip: flag,
}
const rollout: Rules = {
  atOnce: [whole(1, 10_000), 'a whole number, 1 or more'],
  settle: seconds(0),
  drain: seconds(0),
  stop: seconds(0.1),
  keep: [whole(1, 1000), 'a whole number, 1 or more'],
  worse: [within(1, 1000), 'a number, 1 or more'],
}
const runtimes = ['node', 'python', 'ruby', 'php', 'go', 'static', 'container']
const top: Rules = {
  source: [isText, "a folder such as './shop', or a git URL"],
  image: [isImageName, imageSuggestion],
  runtime: [(value) => runtimes.includes(value), runtimes.map((each) => `'${each}'`).join(', ')],
  port: [whole(1024, 65_436), 'a number from 1024 to 65436'],
  domains: [
    (value) => [value].flat().every(isDomain),
    "'shop.example.com', or '*.example.com' for all below it",
  ],
  processes: [entries(isProcess, isText), "commands by name: { web: 'node server.js' }"],
  jobs: [
    entries(isProcess, (job) => isText(job?.run) && isText(job?.at)),
    "{ clean: { run: 'bin/clean', at: 'daily' } }",
  ],
  env: [entries(isEnvName, isEnvValue), 'names of letters, digits and _, and values of text'],
  instances: [
    (value) => whole(0, 50)(value) || entries(isProcess, whole(0, 50))(value),
    'a number up to 50, or numbers by process: { web: 2, worker: 1 }',
  ],
  health: [(value) => health['path']![0](value) || isRecord(value), "a path such as '/health'"],
}
const nested = { build, health, limits, balance, rollout }

/** The first mistake; undefined when there is none. */
export function mistakeIn(name: string, options: AppOptions): AppMistake | undefined {
  if (!/^[a-z][a-z0-9-]{0,22}[a-z0-9]$/.test(name))
    return {
      field: 'its name',
      problem: `cannot be ${JSON.stringify(name)}`,
      suggestion: "2 to 24 small letters, digits and hyphens, such as 'shop'",
    }
  const known: Rules = {
    ...top,
    ...Object.fromEntries(
      Object.keys(nested).map((key) => [
        key,
        top[key] ?? ([isRecord, 'settings in braces'] as const),
      ]),
    ),
  }
  const { source, image } = options
  if (source === undefined && image === undefined)
    return { field: 'source', problem: 'is missing', suggestion: top['source']![1] }
  const found = mistakeAmong(options, known, '')
  if (found) return found
  for (const [field, rules] of Object.entries(nested)) {
    const value = options[field as keyof typeof nested]
    const inside = isRecord(value) ? mistakeAmong(value, rules, `${field}.`) : undefined
    if (inside) return inside
  }
  if (image !== undefined) {
    const besides = (['source', 'runtime', 'build'] as const).find(
      (each) => options[each] !== undefined && options[each] !== 'container',
    )
    if (besides !== undefined)
      return {
        field: besides,
        problem: 'cannot be set beside `image`',
        suggestion: 'one of the two',
      }
  }
  const taken = Object.keys(options.env ?? {}).find((each) => ['PORT', 'HOST'].includes(each))
  return taken === undefined
    ? undefined
    : {
        field: `env.${taken}`,
        problem: 'cannot be set: each instance is told its own',
        suggestion: 'nothing',
      }
}

function mistakeAmong(given: object, rules: Rules, prefix: string): AppMistake | undefined {
  for (const [field, value] of Object.entries(given)) {
    if (value === undefined) continue
    const rule = Object.hasOwn(rules, field) ? rules[field] : undefined
    if (!rule)
      return {
        field: `${prefix}${field}`,
        problem: 'is not known',
        suggestion: Object.keys(rules).join(', '),
      }
    const [fits, suggestion] = rule
    if (!fits(value))
      return { field: `${prefix}${field}`, problem: `cannot be ${shown(value)}`, suggestion }
  }
  return undefined
}

function entries(names: Fits, values: Fits): Fits {
  return (value) =>
    isRecord(value) && Object.entries(value).every(([name, each]) => names(name) && values(each))
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isDomain(value: unknown): boolean {
  return (
    typeof value === 'string' &&
    value.length <= 253 &&
    /^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i.test(
      value,
    )
  )
}

/** A name as a shell takes it. */
export function isEnvName(name: unknown): boolean {
  return typeof name === 'string' && /^[A-Za-z_][A-Za-z0-9_]*$/.test(name)
}

function isEnvValue(value: unknown): boolean {
  if (value instanceof Secret) return !value.reveal().includes('\0')
  if (typeof value === 'string') return !value.includes('\0')
  return typeof value === 'number' || typeof value === 'boolean'
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
