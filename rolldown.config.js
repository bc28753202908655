const own = /^(node:|[a-z@])/
const common = { platform: 'node', logLevel: 'warn' }

// The published program is one file, which starts from compiled code: see docs/design/8. What a
// description or a test imports is a few files beside it.
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
    output: {
      dir: 'dist/cli',
      format: 'cjs',
      entryFileNames: '[name].cjs',
      codeSplitting: false,
    },
  },
  {
    ...common,
    input: { fettle: 'src/cli/start.ts' },
    external: [/^node:/],
    output: { dir: 'dist/cli', format: 'cjs', entryFileNames: '[name].cjs' },
  },
]
