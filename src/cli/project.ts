import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { FettleError, problem } from '../base/errors.ts'
import type { Facts } from '../model/facts.ts'
import { type Fleet, isFleet } from '../model/fleet.ts'
import type { Lock } from '../model/lock.ts'
import { type OpenedSecrets, useSecrets } from '../secrets/secret.ts'
import { formatLock, parseLock } from '../wire/lock.ts'
import { Description } from './description.ts'

/** The folder of a description and what Fettle keeps beside it. */
export class Project {
  readonly file: string
  readonly folder: string
  readonly #lab: boolean
  #secrets: Promise<OpenedSecrets> | undefined

  /** `lab`: what is remembered and recorded is that of the lab hosts, apart from the real ones. */
  constructor(file: string, lab = false) {
    this.file = file
    this.folder = dirname(file)
    this.#lab = lab
  }

  /** The description that is named, else the `fleet.ts` here or in a folder above. */
  static find(named: string | undefined, lab = false): Project {
    if (named !== undefined) return Project.at(resolve(named), lab)
    for (let folder = process.cwd(); ; folder = dirname(folder)) {
      const file = join(folder, 'fleet.ts')
      if (existsSync(file)) return new Project(file, lab)
      if (folder === dirname(folder))
        throw problem('description-not-found', { path: resolve('fleet.ts') })
    }
  }

  private static at(file: string, lab: boolean): Project {
    if (!existsSync(file)) throw problem('description-not-found', { path: file })
    return new Project(file, lab)
  }

  /** A path below `.fettle/`, which Fettle makes when it is needed. */
  path(...parts: string[]): string {
    return join(this.folder, '.fettle', ...parts)
  }

  /** The same for what is known of the hosts, and what was done to them. */
  ofHosts(...parts: string[]): string {
    return this.#lab ? this.path('lab', ...parts) : this.path(...parts)
  }

  /** Runs the description and answers the fleet that it exports. No build step: see `docs/design/`. */
  async fleet(): Promise<Fleet> {
    useSecrets(await this.secrets())
    const loaded = await this.load<{ default?: unknown }>(this.file)
    if (!isFleet(loaded.default)) throw problem('description-not-a-fleet', { path: this.file })
    return loaded.default
  }

  /** What is in `secrets.yaml`; without that file nothing is loaded for it. */
  async secrets(): Promise<OpenedSecrets | undefined> {
    if (!existsSync(join(this.folder, 'secrets.yaml'))) return undefined
    return (this.#secrets ??= (await import('../secrets/opening.ts')).openSecrets(this.folder))
  }

  /** What everybody may see of an app's environment: `env/APP.env`. */
  envFile(app: string): { path: string; text: string } | undefined {
    const path = join(this.folder, 'env', `${app}.env`)
    return existsSync(path) ? { path, text: readFileSync(path, 'utf8') } : undefined
  }

  /** Runs a file of the description; `modules` are what it may import beside `fettle`. */
  async load<Exported>(file: string, modules: Record<string, unknown> = {}): Promise<Exported> {
    const fettle = await import('../index.ts')
    const description = new Description(this.path('cache', 'description'), { fettle, ...modules })
    return description.import(file).catch((thrown: unknown) => {
      if (thrown instanceof FettleError) throw thrown
      const reason = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
      throw problem('description-broken', { path: file, reason: shortStack(reason) })
    }) as Promise<Exported>
  }

  /** The exact versions of packages, kept beside the description; none before `fettle lock`. */
  lock(): Lock | undefined {
    const path = this.#lockFile()
    return existsSync(path) ? parseLock(readFileSync(path, 'utf8'), path) : undefined
  }

  needLock(): Lock {
    const lock = this.lock()
    if (!lock) throw problem('lock-missing', { path: this.#lockFile() })
    return lock
  }

  keepLock(lock: Lock): void {
    this.#replace(this.#lockFile(), formatLock(lock))
  }

  #lockFile(): string {
    return join(this.folder, 'fettle.lock')
  }

  /** Facts of the last run, by host; none when there was no run or the file is not readable. */
  knownFacts(): Map<string, Facts> {
    const file = this.ofHosts('cache', 'facts.json')
    if (!existsSync(file)) return new Map()
    try {
      return new Map(
        Object.entries(JSON.parse(readFileSync(file, 'utf8')) as Record<string, Facts>),
      )
    } catch {
      // Only a cache: what it held is read off the hosts again.
      return new Map()
    }
  }

  keepFacts(known: ReadonlyMap<string, Facts>, read: readonly (readonly [string, Facts])[]): void {
    if (read.every(([host, facts]) => isDeepStrictEqual(known.get(host), facts))) return
    const file = this.ofHosts('cache', 'facts.json')
    mkdirSync(dirname(file), { recursive: true })
    const all = Object.fromEntries([...known, ...read])
    this.#replace(file, JSON.stringify(all, null, 1))
  }

  /** All of it or nothing. */
  #replace(file: string, content: string): void {
    writeFileSync(`${file}.${process.pid}`, content)
    renameSync(`${file}.${process.pid}`, file)
  }
}

/** The message and the frames of the user's own code. */
function shortStack(stack: string): string {
  return stack
    .split('\n')
    .filter((line) => !/^\s+at /.test(line) || !/node_modules|node:internal/.test(line))
    .slice(0, 6)
    .join('\n')
}
