import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Script } from 'node:vm'

type Exports = Record<string, unknown>
type Import = (request: string) => Promise<unknown>
type Run = (
  exports: Exports,
  require: NodeJS.Require,
  module: { exports: Exports },
  filename: string,
  dirname: string,
  jitiImport: Import,
) => Promise<void>

interface Running {
  readonly exports: Exports
  done?: Promise<void>
}

/**
 * Runs the TypeScript files of a description without a build step. jiti translates them; what it
 * made of a file is kept, and as long as all files are as they were jiti itself is not even loaded,
 * which takes as long as the rest of a description. Packages are always left to jiti.
 */
export class Description {
  readonly #cache: string
  readonly #modules: Readonly<Record<string, unknown>>
  readonly #running = new Map<string, Running>()

  /** `cache`: the folder for what is kept. `modules`: what may be imported by name. */
  constructor(cache: string, modules: Readonly<Record<string, unknown>>) {
    this.#cache = cache
    this.#modules = modules
  }

  /** What a file exports. Throws what the file throws, or jiti's error where it is not TypeScript. */
  async import(file: string, importers: readonly string[] = []): Promise<unknown> {
    const known = this.#running.get(file)
    // Of a circle of imports whoever closes it sees what there is so far, as everywhere in Node.
    if (known && importers.includes(file)) return known.exports
    if (known) return known.done!.then(() => known.exports)
    const code = this.#translated(file)
    if (code === undefined) return this.#jiti(file).import(file)
    const running: Running = { exports: {} }
    // Known before it begins, as it may import itself at once.
    this.#running.set(file, running)
    await (running.done = this.#run(file, code, running.exports, [...importers, file]))
    return running.exports
  }

  async #run(
    file: string,
    code: string,
    exports: Exports,
    importers: readonly string[],
  ): Promise<void> {
    const words = 'exports, require, module, __filename, __dirname, jitiImport'
    const script = new Script(`(async (${words}) => {${code}\n})`, { filename: file })
    const run = script.runInThisContext() as Run
    const from: Import = (request) => this.#imported(request, file, importers)
    await run(exports, createRequire(file), { exports }, file, dirname(file), from)
  }

  #imported(request: string, from: string, importers: readonly string[]): Promise<unknown> {
    if (request in this.#modules) return Promise.resolve(this.#modules[request])
    const file = /^\.{0,2}\//.test(request) && fileOf(resolve(dirname(from), request))
    if (file) return this.import(file, importers)
    return this.#jiti(from).import(request)
  }

  /** Undefined where jiti finds a mistake, which its own import tells better. */
  #translated(file: string): string | undefined {
    const source = readFileSync(file, 'utf8')
    const name = relative(dirname(this.#cache), file).replace(/[/\\]/g, '%').slice(-200)
    const kept = join(this.#cache, `${name}.kept`)
    // The source itself instead of its hash: it is read anyway, and nothing is sooner compared.
    const head = `${file}\n${source}\0`
    const text = existsSync(kept) ? readFileSync(kept, 'utf8') : ''
    if (text.startsWith(head)) return text.slice(head.length)
    const code = this.#jiti(file).transform({
      source,
      filename: file,
      ts: true,
      async: true,
      retainLines: true,
    })
    if (code.includes('__JITI_ERROR__')) return undefined
    mkdirSync(this.#cache, { recursive: true })
    writeFileSync(`${kept}.${process.pid}`, `${head}${code}`)
    renameSync(`${kept}.${process.pid}`, kept)
    return code
  }

  #jiti(from: string): ReturnType<(typeof import('jiti'))['createJiti']> {
    // Required, not imported: Node would first search this large CommonJS file for its exports.
    const { createJiti } = createRequire(import.meta.url)('jiti') as typeof import('jiti')
    return createJiti(pathToFileURL(from).href, {
      fsCache: false,
      virtualModules: { ...this.#modules },
      interopDefault: false,
    })
  }
}

/** The file of ours that is meant, as the ending may be left out or be that of the built one. */
function fileOf(path: string): string | undefined {
  const ours = /\.[cm]?[jt]s$/
  const named = [path, path.replace(/\.([cm]?)js$/, '.$1ts'), `${path}.ts`, join(path, 'index.ts')]
  return named.find((each) => ours.test(each) && existsSync(each) && statSync(each).isFile())
}
