#!/usr/bin/env node
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import Module, { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { dirname, join, sep } from 'node:path'
import { Script, constants } from 'node:vm'

/**
 * The published program's entry: starts `program.cjs` from the code that V8 kept of an earlier run,
 * for compiling is a tenth of a run that changes nothing. From Node 22 on `module.enableCompileCache`
 * does the same for modules; Node 20 has only `vm.Script` and its `cachedData`.
 *
 * What is kept is a cache in the user's own folder, by path, size and time of the file and by
 * version of Node. Without it, or where V8 does not accept it, the file is compiled as always.
 */
const folder = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'fettle', 'code')
const made: { readonly script: Script; readonly kept: string }[] = []

/** CommonJS modules of ours and of the loader of descriptions; what users write is left to Node. */
const isOurs = (file: string): boolean =>
  dirname(file) === __dirname || file.includes(`${sep}jiti${sep}dist${sep}`)

type Compile = (this: Module, source: string, file: string, ...rest: unknown[]) => unknown
/** Node's own method, which has been what others hook into for many years. */
const method = '_compile'
const prototype = Module.prototype as unknown as Record<typeof method, Compile>
const compile = prototype[method]

prototype[method] = function (source, file, ...rest) {
  if (!isOurs(file)) return compile.call(this, source, file, ...rest)
  const kept = keptFor(file)
  const cachedData = read(kept)
  const script = new Script(Module.wrap(source), {
    filename: file,
    ...(cachedData && { cachedData }),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  })
  if (!cachedData || script.cachedDataRejected) made.push({ script, kept })
  const run = script.runInThisContext() as (...words: unknown[]) => unknown
  return run.call(this.exports, this.exports, createRequire(file), this, file, dirname(file))
}

// At the end, as by then V8 has compiled also the functions that a run calls.
process.on('exit', () => {
  try {
    for (const { script, kept } of made) {
      forget(kept)
      writeFileSync(`${kept}.${process.pid}`, script.createCachedData(), { mode: 0o600 })
      renameSync(`${kept}.${process.pid}`, kept)
    }
  } catch {
    // A home that cannot be written to: the next start takes as long as this one.
  }
})

createRequire(__filename)('./program.cjs')

/** A folder for the file, which holds what is kept of this version of it. */
function keptFor(file: string): string {
  const { mtimeMs, size } = statSync(file)
  const place = file.slice(-200).replaceAll(sep, '%')
  return join(folder, place, [mtimeMs, size, process.version, process.arch].join('-'))
}

/** Removes what is kept of earlier versions of the same file. */
function forget(kept: string): void {
  rmSync(dirname(kept), { recursive: true, force: true })
  mkdirSync(dirname(kept), { recursive: true, mode: 0o700 })
}

function read(file: string): Buffer | undefined {
  try {
    return readFileSync(file)
  } catch {
    return undefined
  }
}
