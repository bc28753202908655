import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const own = /^(node:|[a-z@])/
const isSeldom =
  /src.(adopt|apps|import|testing|secrets.(?!secret\.)|lab.(?!targets|keys|network))|src.testing.ts|cli.(adopt|deploy|delivering|env|exec|import|init|lab|lock|locking|outdated|doctor|logs|looking|maintenance|pool|ps|releases|removal|restart|rollback|scale|secret-\w+|secrets|test|log)\.ts|cli.render.test|node_modules.(age-encryption|@noble|@scure)/
const common = { platform: 'node', logLevel: 'warn' }

/** Without other letters a source is half as large in memory, and sooner there. */
const soonerThere = {
  name: 'sooner-there',
  writeBundle({ dir }, files) {
    for (const name of Object.keys(files)) {
      const code = readFileSync(join(dir, name), 'utf8')
      writeFileSync(join(dir, name), lazy(code).replace(/[^\0-\x7f]/g, escaped))
    }
  },
}
/** Modules of Node are loaded where they are first used: some take longer than a small file of ours. */
const lazy = (code) =>
  [...code.matchAll(/\blet (\w+) ?= ?(require\((["`])node:[\w/]+\3\));\n?(?!\1 ?=)/g)].reduce(
    (text, [line, name, module]) =>
      text.replace(line, '').replace(new RegExp(`\\b${name}\\.`, 'g'), `(${module}).`),
    code,
  )
const escaped = (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`

// The published program is a few files, which start from compiled code: see docs/design/8. What a
// description or a test imports is a few others.
export default [
  {
    ...common,
    input: { index: 'src/index.ts', testing: 'src/testing.ts' },
    external: own,
    output: {
      dir: 'dist',
      format: 'esm',
      chunkFileNames: 'parts/[name]-[hash].js',
      cleanDir: true,
    },
  },
  {
    ...common,
    input: { program: 'src/cli/main.ts' },
    // Required when it is needed, from where npm put it.
    external: [/^node:/, 'jiti', 'yaml'],
    plugins: [soonerThere],
    output: {
      dir: 'dist/cli',
      format: 'cjs',
      entryFileNames: '[name].cjs',
      // Beside it, so that a path relative to a module holds in all of them.
      chunkFileNames: '[name]-[hash].cjs',
      // What plans and runs need is one file; finding and reading each takes time.
      comments: false,
      // V8 does not know who would import, in code that it kept.
      dynamicImportInCjs: false,
      // Names stay, for what an internal error says.
      minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
      codeSplitting: { groups: [{ name: 'core', test: (id) => !isSeldom.test(id) }] },
    },
  },
  {
    ...common,
    input: { fettle: 'src/cli/start.ts' },
    external: [/^node:/],
    output: { dir: 'dist/cli', format: 'cjs', entryFileNames: '[name].cjs' },
  },
]
